/*
 * What a failed exchange is told as, from its status, its headers, its body and libcurl's code: the
 * text is bounded and printable, no secret that the far end sends back is in it, not even the first
 * part of one that was cut, and no outcome claims more than was proven.
 *
 * Input: two bytes of status, a byte of flags, a byte of libcurl's code, then the body, in which
 * the bytes 1 to 4 stand for secrets.
 */
#include "buf.h"
#include "fuzz.h"
#include "http_error.h"

#define BODY_MAX 65536
#define PART 8 /* so much of a secret is a secret */

enum { CONTROL = 1, IDEMPOTENT = 2, MAKES = 4, WAITS = 8, SENT = 16, FAILED = 32, WORDS = 64 };

static char key[] = "e2b_5f0c9d4a7b1e83265f0c9d4a7b1e8326";
static char proxy_password[] = "Pa55/word@proxy", proxy_sent[] = "dXNlcjpQYTU1L3dvcmRAcHJveHk=";
static const char token[] = "ey.token-of-the-daemon.7b1e8326";
static const char *const secrets[] = {key, token, proxy_password, proxy_sent};

static void must_be_clean(const char *text, size_t size) {
    const char *end = memchr(text, '\0', size);
    MUST(end != NULL);
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
        MUST(strstr(text, secrets[i]) == NULL);
        size_t len = strlen(text);
        for (size_t n = strlen(secrets[i]) - 1; n >= PART; n--) /* cut at the end */
            MUST(len < n || strncmp(text + len - n, secrets[i], n) != 0);
    }
}

static void must_be_printable(const char *text) {
    for (; *text != '\0'; text++) MUST((unsigned char)*text >= ' ' && *text != 127);
}

static void must_be_told(const e2b_http_t *http) {
    const e2b_err_t *err = &http->err;
    MUST(e2b_err_code_name(err->code) != NULL);
    MUST(strncmp(err->message, http->what, strlen(http->what)) == 0);
    MUST(err->status == http->status);
    must_be_clean(err->message, sizeof err->message);
    must_be_clean(err->cause, sizeof err->cause);
    must_be_clean(err->server_code, sizeof err->server_code);
    must_be_printable(err->message);
    must_be_printable(err->cause);
    MUST(err->outcome != E2B_OUTCOME_INTERRUPTED); /* only an operation knows */
    /* Again without looking: only what was certainly not done, or may be done twice. */
    MUST(!err->retryable || http->idempotent || err->outcome == E2B_OUTCOME_NOT_SENT ||
         err->outcome == E2B_OUTCOME_REJECTED);
    MUST(err->outcome != E2B_OUTCOME_NOT_SENT || !http->sent);
}

/* A status proves a "no" only where nobody in between says it. */
static void must_be_proven(const e2b_http_t *http) {
    int status = http->status;
    bool no = http->err.outcome == E2B_OUTCOME_REJECTED;
    MUST(no || http->err.outcome == E2B_OUTCOME_UNKNOWN);
    if (status == 408 || status == 500 || status == 504 || status < 200) MUST(!no);
    if (status >= 500 && status != 502 && status != 503 && status != 507) MUST(!no);
    if (status == 502 && http->control) MUST(!no);
    if (status == 503 && !http->answered) MUST(!no);
    MUST(http->err.retry_after_ms == http->retry_after_ms);
    if (http->err.code == E2B_ERR_CONCURRENCY_LIMIT) MUST(status == 429 && http->makes);
}

static void fill_body(e2b_buf_t *answer, const uint8_t *data, size_t size) {
    e2b_buf_init(answer, BODY_MAX);
    for (size_t i = 0; i < size; i++) {
        const char *text =
            data[i] >= 1 && data[i] <= 4 ? secrets[data[i] - 1] : (const char *)data + i;
        size_t len = text == (const char *)data + i ? 1 : strlen(text);
        if (e2b_buf_append(answer, text, len) != E2B_OK) break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 4) return 0;
    const e2b_config_t config = {.api_key = key,
                                 .proxy_secrets = {proxy_password, proxy_sent, proxy_sent}};
    int flags = data[2];
    e2b_http_t http;
    e2b_http_init(&http, NULL, &config);
    e2b_buf_destroy(&http.answer);
    fill_body(&http.answer, data + 4, size - 4);
    MUST(e2b_http_header(&http, "X-Access-Token: %s", token) == E2B_OK);
    http.tokens[0] = token;
    http.what = "asking";
    http.status = 100 + (data[0] * 256 + data[1]) % 900;
    http.head_done = http.status >= 200;
    http.control = (flags & CONTROL) != 0;
    http.idempotent = (flags & IDEMPOTENT) != 0;
    http.makes = (flags & MAKES) != 0;
    http.sent = http.issued = (flags & SENT) != 0;
    if (flags & WAITS) http.retry_after_ms = 7000;
    if (flags & WORDS && http.answer.data) {
        snprintf(http.curl_text, sizeof http.curl_text, "%s", http.answer.data);
        for (char *c = http.curl_text; *c != '\0'; c++) /* libcurl's words are printable */
            if ((unsigned char)*c < ' ' || *c == 127) *c = ' ';
    }
    CURLcode code = flags & FAILED ? (CURLcode)(data[3] % CURL_LAST) : CURLE_OK;

    e2b_http_classify(&http, code);
    bool whole = code == CURLE_OK && http.head_done;
    MUST((http.err.code == E2B_OK) == (whole && http.status < 300));
    MUST((http.err.code == E2B_OK) == (http.err.message[0] == '\0'));
    if (http.err.code != E2B_OK) must_be_told(&http);
    if (whole && http.status >= 300) must_be_proven(&http);
    if (!whole) MUST(http.err.outcome == (http.sent ? E2B_OUTCOME_UNKNOWN : E2B_OUTCOME_NOT_SENT));

    if (http.err.code == E2B_OK) {
        http.sent = true;
        MUST(e2b_http_bad_answer(&http, "it is not what was asked for") == E2B_ERR_BAD_RESPONSE);
        must_be_told(&http);
        MUST(http.err.outcome == E2B_OUTCOME_UNKNOWN);
        MUST(strpbrk(http.err.message, "{[") == NULL); /* may hold a token under any name */
    }
    e2b_http_destroy(&http);
    return 0;
}
