/*
 * http2.c: the two proofs that a request was not processed. A stream that was refused: libcurl
 * would send it again then, and for no other reason (engine.c sees to that). A goodbye (GOAWAY)
 * that names an older stream as the last: libcurl says both numbers, but in words alone. Pool
 * thread. What cannot be understood proves nothing: another libcurl may use other words.
 */
#include "http2.h"

#include <stdlib.h>
#include <string.h>

#include "platform.h"

#define LINE 128
#define LOOK_MS 20
#define MAX_LOOKS 25 /* half a second in which nothing more comes of a refusal */

/* The number after a word of the line; 0 or more, or -1. */
static long long number_after(const char *line, const char *word) {
    const char *at = strstr(line, word);
    if (!at) return -1;
    at += strlen(word);
    return *at >= '0' && *at <= '9' ? strtoll(at, NULL, 10) : -1;
}

/* libcurl tells a goodbye to whichever transfer was reading. */
static int on_words(CURL *easy, curl_infotype type, char *text, size_t len, void *context) {
    e2b_http_t *http = context;
    (void)easy;
    if (type != CURLINFO_TEXT || len == 0 || (*text != 'U' && *text != 'r' && *text != '['))
        return 0;
    char line[LINE];
    if (len >= sizeof line) len = sizeof line - 1;
    memcpy(line, text, len);
    line[len] = '\0';
    long long stream = number_after(line, "Using Stream ID: ");
    long long last = strstr(line, "GOAWAY") ? number_after(line, "last_stream=") : -1;
    if (stream > 0) http->stream = (uint32_t)stream;
    if (last >= 0) {
        e2b_goodbye_note(e2b_engine_hosts(http->engine), http->transfer.local_port, (uint32_t)last);
    }
    return 0;
}

void e2b_http2_listen(e2b_http_t *http) {
    http->http2 = true;
    http->stream = 0;
    curl_easy_setopt(http->transfer.easy, CURLOPT_DEBUGFUNCTION, on_words);
    curl_easy_setopt(http->transfer.easy, CURLOPT_DEBUGDATA, http);
    curl_easy_setopt(http->transfer.easy, CURLOPT_VERBOSE, 1L);
}

void e2b_http2_enough(e2b_http_t *http) {
    curl_easy_setopt(http->transfer.easy, CURLOPT_VERBOSE, 0L);
}

bool e2b_http2_unprocessed(const e2b_http_t *http, bool again) {
    if (!http->http2 || http->status > 0) return false;
    /* Whatever else goes wrong is put into words before libcurl thinks of sending it again. */
    bool wordless = http->curl_text[0] == '\0' || strstr(http->curl_text, "data rewind") != NULL;
    if (again && wordless && e2b_engine_retries_refused(http->engine)) return true;
    return e2b_goodbye_before(e2b_engine_hosts(http->engine), http->transfer.local_port,
                              http->stream);
}

static bool is_all_sent(const e2b_http_t *http) {
    curl_off_t sent = 0;
    curl_easy_getinfo(http->transfer.easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    return !http->on_body && sent >= (curl_off_t)http->body_len;
}

/* After a refusal libcurl 7.88 sends no more of the request, but takes the end of the stream for an
 * end only once both sides have ended it. Where the far end neither resets it nor has said how long
 * the refusal is, its end shows by its silence alone. */
static bool is_refused(e2b_http_t *http) {
    http->looks = http->answer.len == http->looked_at ? http->looks + 1 : 0;
    http->looked_at = http->answer.len;
    return http->status >= 300 && http->content_length < 0 && http->looks > MAX_LOOKS;
}

/* When the last of the body goes out after the whole answer has come, libcurl 7.88 is told of the
 * stream's end while it sends, and waits for a sign of it that never comes. One that is unpaused
 * looks for itself. */
static void look(e2b_timer_t *early) {
    e2b_http_t *http = (e2b_http_t *)((char *)early - offsetof(e2b_http_t, early));
    if (is_refused(http)) {
        http->transfer.on_done(&http->transfer, CURLE_OK);
        return;
    }
    if (!is_all_sent(http)) e2b_engine_timer_set(http->engine, early, e2b_now_ms() + LOOK_MS);
    curl_easy_pause(http->transfer.easy, CURLPAUSE_RECV);
    e2b_engine_unpause(http->engine, &http->transfer);
}

void e2b_http2_answered(e2b_http_t *http) {
    if (!http->http2 || is_all_sent(http)) return;
    http->early.fire = look;
    http->looks = 0;
    e2b_engine_timer_set(http->engine, &http->early, e2b_now_ms() + LOOK_MS);
}
