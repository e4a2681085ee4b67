/*
 * Events and end messages: the fast scan and cJSON say the same. A blank behind the text keeps it
 * from the scan and changes nothing in JSON, so one text goes through both.
 */
#include "fuzz.h"
#include "rpc.h"

static void must_be_sane(const e2b_event_t *event, int code) {
    bool data = event->kind == E2B_EVENT_STDOUT || event->kind == E2B_EVENT_STDERR ||
                event->kind == E2B_EVENT_PTY;
    MUST(code == E2B_OK || code == E2B_ERR_BAD_RESPONSE);
    MUST((event->base64 != NULL) == data);
    MUST(event->tree == NULL || data);
    MUST(memchr(event->status, '\0', sizeof event->status) != NULL);
    MUST(event->kind != E2B_EVENT_START || event->pid > 0);
    MUST(code == E2B_OK || event->kind == E2B_EVENT_UNKNOWN);
}

static void must_be_equal(const e2b_event_t *fast, const e2b_event_t *slow) {
    MUST(fast->kind == slow->kind);
    MUST(fast->pid == slow->pid);
    MUST(fast->exit_code == slow->exit_code);
    MUST(fast->exited == slow->exited);
    MUST(strcmp(fast->status, slow->status) == 0);
    MUST(fast->base64_len == slow->base64_len);
    MUST(fast->base64_len == 0 || memcmp(fast->base64, slow->base64, fast->base64_len) == 0);
}

static void decode(const e2b_event_t *event) {
    e2b_buf_t out;
    e2b_buf_init(&out, e2b_base64_decoded_max(event->base64_len));
    int code = e2b_base64_decode(&out, event->base64, event->base64_len);
    MUST(code == E2B_OK || code == E2B_ERR_BAD_RESPONSE);
    e2b_buf_destroy(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = fuzz_exact(data, size);
    char *longer = malloc(size + 1);
    MUST(longer != NULL);
    memcpy(longer, text, size);
    longer[size] = ' ';

    e2b_event_t fast, slow;
    e2b_err_t err;
    e2b_err_init(&err);
    int fast_code = e2b_event_parse(&fast, text, size, &err);
    MUST(err.code == fast_code);
    int slow_code = e2b_event_parse(&slow, longer, size + 1, NULL);
    MUST(fast_code == slow_code);
    must_be_sane(&fast, fast_code);
    must_be_sane(&slow, slow_code);
    must_be_equal(&fast, &slow);
    if (fast.base64 != NULL) decode(&fast);
    e2b_event_destroy(&fast);
    e2b_event_destroy(&slow);

    e2b_err_init(&err);
    int code = e2b_rpc_end_parse(text, size, &err);
    MUST(err.code == code);
    MUST((code == E2B_OK) == (err.message[0] == '\0'));
    MUST(memchr(err.message, '\0', sizeof err.message) != NULL);
    MUST(memchr(err.server_code, '\0', sizeof err.server_code) != NULL);

    free(longer);
    free(text);
    return 0;
}
