/*
 * http_head.c: what the head of an answer says: status, the few headers that count here, and what
 * makes an answer unusable: a head without end, lengths that contradict each other, a body that was
 * compressed though nobody asked. Pool thread, inside curl. Must take nothing on trust.
 */
#include "http_head.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "alloc.h"
#include "platform.h"

#define LENGTH_DIGITS 18 /* fit an int64_t */
#define MAX_TOKEN 511    /* of a page */

static bool header_is(const char *line, size_t len, const char *name, const char **value,
                      size_t *value_len) {
    size_t n = strlen(name);
    if (len <= n || line[n] != ':' || strncasecmp(line, name, n) != 0) return false;
    const char *p = line + n + 1, *end = line + len;
    while (p < end && (*p == ' ' || *p == '\t')) p++;
    while (end > p && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' ')) end--;
    *value = p;
    *value_len = (size_t)(end - p);
    return true;
}

static void copy_text(char *to, size_t size, const char *from, size_t len) {
    if (len >= size) len = size - 1;
    memcpy(to, from, len);
    to[len] = '\0';
}

/* Bounded as seconds: a date of a far year is more milliseconds than there are numbers for. */
static int64_t at_most_a_day(int64_t wait_s) {
    return 1000 * (wait_s < 0 ? 0 : wait_s < E2B_MAX_TIMEOUT_S ? wait_s : E2B_MAX_TIMEOUT_S);
}

/* Whole seconds, or an HTTP date. Never more than a day: a sandbox does not live longer. */
static int64_t parse_retry_after(const char *value, size_t len) {
    char text[64];
    if (len == 0 || len >= sizeof text) return -1;
    copy_text(text, sizeof text, value, len);
    if (strspn(text, "0123456789") == len) {
        int64_t seconds = 0;
        for (size_t i = 0; i < len && seconds < 1000000; i++)
            seconds = seconds * 10 + (text[i] - '0');
        return at_most_a_day(seconds);
    }
    time_t when = curl_getdate(text, NULL);
    if (when < 0) return -1;
    return at_most_a_day((int64_t)when - e2b_wall_ms() / 1000);
}

static void status_line(e2b_http_t *http, const char *line, size_t len) {
    const char *blank = memchr(line, ' ', len);
    http->status = 0;
    for (const char *p = blank ? blank + 1 : line + len;
         p < line + len && *p >= '0' && *p <= '9' && http->status < 1000; p++) {
        http->status = http->status * 10 + (*p - '0');
    }
    http->retry_after_ms = -1;
    http->content_length = -1;
    http->encoded = false;
    http->content_type[0] = '\0';
    e2b_free(http->next_token);
    http->next_token = NULL;
}

static bool refuse(e2b_http_t *http, int code, const char *why) {
    e2b_err_set(&http->err, code, "%s: %s", http->what, why);
    return false;
}

/* libcurl takes the last of several, and none at all for what is past its numbers: either way a
 * file could come out short without a word. */
static bool take_length(e2b_http_t *http, const char *value, size_t len) {
    int64_t length = 0;
    for (size_t i = 0; i < len; i++) {
        if (value[i] < '0' || value[i] > '9' || i == LENGTH_DIGITS)
            len = 0;
        else
            length = length * 10 + (value[i] - '0');
    }
    bool again = http->content_length >= 0 && http->content_length != length;
    if (len == 0 || again) {
        return refuse(http, E2B_ERR_BAD_RESPONSE, "the answer's Content-Length cannot be right");
    }
    http->content_length = length;
    return true;
}

static bool take_token(e2b_http_t *http, const char *value, size_t len) {
    if (len > MAX_TOKEN) {
        return refuse(http, E2B_ERR_BAD_RESPONSE, "the page token is too long");
    }
    e2b_free(http->next_token);
    http->next_token = e2b_strndup(value, len);
    return http->next_token || refuse(http, E2B_ERR_OUT_OF_MEMORY, "out of memory");
}

/* The empty line behind the headers of one answer, which may be a 1xx. */
static bool head_over(e2b_http_t *http) {
    if (http->status == 101) {
        return refuse(http, E2B_ERR_BAD_RESPONSE, "the far end switches to another protocol");
    }
    if (http->status < 200) return true;
    http->head_done = true;
    if (http->encoded && http->status < 300) {
        return refuse(http, E2B_ERR_BAD_RESPONSE,
                      "the answer is compressed, which was not asked for");
    }
    return true;
}

bool e2b_http_head_line(e2b_http_t *http, const char *line, size_t len) {
    const char *value;
    size_t n;
    http->head_bytes += len;
    if (http->head_bytes > E2B_MAX_HEAD) {
        char why[80];
        snprintf(why, sizeof why, "the answer's headers are longer than %u bytes", E2B_MAX_HEAD);
        return refuse(http, E2B_ERR_RESPONSE_TOO_LARGE, why);
    }
    if (http->head_done) return true; /* a trailer: it changes nothing, but it counts */
    if (len >= 12 && strncmp(line, "HTTP/", 5) == 0) { /* also after a 1xx: start afresh */
        status_line(http, line, len);
    } else if (line[0] == '\r' || line[0] == '\n') {
        return head_over(http);
    } else if (header_is(line, len, "content-type", &value, &n)) {
        copy_text(http->content_type, sizeof http->content_type, value, n);
    } else if (header_is(line, len, "content-length", &value, &n)) {
        return take_length(http, value, n);
    } else if (header_is(line, len, "content-encoding", &value, &n)) {
        http->encoded = !(n == 8 && strncasecmp(value, "identity", 8) == 0);
    } else if (header_is(line, len, "retry-after", &value, &n)) {
        http->retry_after_ms = parse_retry_after(value, n);
    } else if (header_is(line, len, "x-next-token", &value, &n)) {
        return take_token(http, value, n);
    }
    return true;
}
