/*
 * The head of an answer, line by line as libcurl hands it over: whatever the lines say, what is
 * kept of them is in its bounds; a length that is believed is the only one; nothing is believed
 * that came before a 1xx was over; and a refusal says why.
 */
#include <strings.h>

#include "fuzz.h"
#include "http_head.h"

#define DAY_MS ((int64_t)E2B_MAX_TIMEOUT_S * 1000)

static bool nothing(const char *text) {
    return text == NULL || *text == '\0';
}

static void must_be_sane(const e2b_http_t *http, bool taken) {
    MUST(http->status >= 0 && http->status <= 9999);
    MUST(http->retry_after_ms >= -1 && http->retry_after_ms <= DAY_MS);
    MUST(http->content_length >= -1 && http->content_length < 1000000000000000000);
    MUST(memchr(http->content_type, '\0', sizeof http->content_type) != NULL);
    MUST(nothing(http->next_token) || strlen(http->next_token) < 512);
    MUST(taken == (http->err.code == E2B_OK));
    MUST(taken == (http->err.message[0] == '\0'));
    MUST(taken || http->err.code == E2B_ERR_BAD_RESPONSE ||
         http->err.code == E2B_ERR_RESPONSE_TOO_LARGE);
    MUST(!taken || http->head_bytes <= E2B_MAX_HEAD);
    MUST(!http->head_done || http->status >= 200);
    MUST(!taken || !http->head_done || !http->encoded || http->status >= 300);
}

/* Digits and nothing else, as an obvious reader reads them; -1: not so, or too many. */
static int64_t obvious_length(const char *line, size_t len) {
    int64_t length = -1;
    while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r' || line[len - 1] == ' '))
        len--;
    while (len > 0 && (*line == ' ' || *line == '\t')) line++, len--;
    if (len == 0 || len > 18) return -1;
    for (length = 0; len > 0; line++, len--) {
        if (*line < '0' || *line > '9') return -1;
        length = length * 10 + (*line - '0');
    }
    return length;
}

static void check_line(e2b_http_t *http, const char *line, size_t len, bool taken) {
    static const char name[] = "content-length:";
    const size_t skip = sizeof name - 1;
    if (taken && len >= skip && strncasecmp(line, name, skip) == 0) {
        MUST(http->content_length == obvious_length(line + skip, len - skip));
    }
    if (taken && len >= 12 && strncmp(line, "HTTP/", 5) == 0) {
        MUST(http->retry_after_ms == -1 && http->content_length == -1);
        MUST(nothing(http->next_token) && nothing(http->content_type));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    e2b_http_t http;
    e2b_http_init(&http, NULL, NULL);
    http.what = "asking";
    bool taken = true;
    for (size_t at = 0; at < size && taken && !http.head_done;) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        size_t len = end ? (size_t)(end - (data + at)) + 1 : size - at;
        char *line = fuzz_exact(data + at, len);
        int64_t before = http.content_length;
        bool status = len >= 12 && strncmp(line, "HTTP/", 5) == 0;
        taken = e2b_http_head_line(&http, line, len);
        must_be_sane(&http, taken);
        check_line(&http, line, len, taken);
        if (taken && !status && before > 0) MUST(http.content_length == before);
        free(line);
        at += len;
    }
    e2b_http_destroy(&http);
    return 0;
}
