/* Facts about http_head.c: what the lines of an answer's head say, and which are refused. */
#include "test.h"

#include <string.h>

#include "http_head.h"

/* Lines up to the first that is refused; how many were taken. */
static int feed(e2b_http_t *http, const char *const *lines) {
    int taken = 0;
    e2b_http_init(http, NULL, NULL);
    http->what = "asking";
    while (lines[taken] && e2b_http_head_line(http, lines[taken], strlen(lines[taken]))) taken++;
    return taken;
}

#define FEED(http, ...) feed(&(http), (const char *const[]){__VA_ARGS__, NULL})

TEST("the status, the type, the wait and the token of the next page are read") {
    e2b_http_t http;
    CHECK_INT(FEED(http, "HTTP/1.1 429 slow down\r\n", "content-type:  text/html \r\n",
                   "Retry-After: 7\r\n", "X-Next-Token: abc\r\n", "\r\n"),
              5);
    CHECK_INT(http.status, 429);
    CHECK_STR(http.content_type, "text/html");
    CHECK_INT(http.retry_after_ms, 7000);
    CHECK_STR(http.next_token, "abc");
    CHECK(http.head_done);
    e2b_http_destroy(&http);
}

TEST("a 1xx is not the answer, and nothing of it stays") {
    e2b_http_t http;
    CHECK_INT(
        FEED(http, "HTTP/1.1 103 early\r\n", "Retry-After: 7\r\n", "Content-Length: 5\r\n", "\r\n"),
        4);
    CHECK(!http.head_done);
    CHECK(e2b_http_head_line(&http, "HTTP/1.1 200 now\r\n", 18));
    CHECK(e2b_http_head_line(&http, "Content-Length: 6\r\n", 19));
    CHECK(e2b_http_head_line(&http, "\r\n", 2));
    CHECK(http.head_done);
    CHECK_INT(http.status, 200);
    CHECK_INT(http.retry_after_ms, -1);
    CHECK_INT(http.content_length, 6);
    e2b_http_destroy(&http);
}

TEST("lengths that cannot be right are refused") {
    static const char *const bad[] = {
        "", "-1", "+5", "5,5", "0x10", "1 2", "5a", "a", "9999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        e2b_http_t http;
        char line[64];
        int len = snprintf(line, sizeof line, "Content-Length: %s\r\n", bad[i]);
        FEED(http, "HTTP/1.1 200 fine\r\n");
        CHECK(!e2b_http_head_line(&http, line, (size_t)len));
        CHECK_INT(http.err.code, E2B_ERR_BAD_RESPONSE);
        e2b_http_destroy(&http);
    }
}

TEST("two lengths are one when they are the same") {
    e2b_http_t http;
    CHECK_INT(FEED(http, "HTTP/1.1 200 fine\r\n", "Content-Length: 5\r\n", "content-length: 5\r\n"),
              3);
    e2b_http_destroy(&http);
    CHECK_INT(FEED(http, "HTTP/1.1 200 fine\r\n", "Content-Length: 5\r\n", "content-length: 6\r\n"),
              2);
    CHECK_INT(http.err.code, E2B_ERR_BAD_RESPONSE);
    e2b_http_destroy(&http);
}

TEST("a compressed answer is refused, a compressed refusal is not") {
    e2b_http_t http;
    CHECK_INT(FEED(http, "HTTP/1.1 200 fine\r\n", "Content-Encoding: gzip\r\n", "\r\n"), 2);
    CHECK_INT(http.err.code, E2B_ERR_BAD_RESPONSE);
    e2b_http_destroy(&http);
    CHECK_INT(FEED(http, "HTTP/1.1 500 no\r\n", "Content-Encoding: gzip\r\n", "\r\n"), 3);
    e2b_http_destroy(&http);
    CHECK_INT(FEED(http, "HTTP/1.1 200 fine\r\n", "Content-Encoding: Identity\r\n", "\r\n"), 3);
    e2b_http_destroy(&http);
}

TEST("another protocol is refused") {
    e2b_http_t http;
    CHECK_INT(FEED(http, "HTTP/1.1 101 switching\r\n", "\r\n"), 1);
    CHECK_INT(http.err.code, E2B_ERR_BAD_RESPONSE);
    e2b_http_destroy(&http);
}

TEST("a head has a bound, which 1xx answers share") {
    e2b_http_t http;
    size_t fed = 0;
    FEED(http, "HTTP/1.1 200 fine\r\n");
    while (fed < 2 * E2B_MAX_HEAD && e2b_http_head_line(&http, "HTTP/1.1 103 early\r\n", 20)) {
        fed += 20;
    }
    CHECK(fed > E2B_MAX_HEAD - 64 && fed <= E2B_MAX_HEAD);
    CHECK_INT(http.err.code, E2B_ERR_RESPONSE_TOO_LARGE);
    e2b_http_destroy(&http);
}

TEST("a trailer changes nothing of the answer, whatever it looks like, and counts to the bound") {
    static const char *const trailers[] = {"HTTP/1.1 500 forged\r\n",
                                           "Content-Length: 6\r\n",
                                           "Content-Length: many\r\n",
                                           "Content-Encoding: gzip\r\n",
                                           "Retry-After: 9\r\n",
                                           "X-Next-Token: forged\r\n",
                                           "\r\n"};
    e2b_http_t http;
    size_t fed = 0;
    FEED(http, "HTTP/1.1 201 made\r\n", "Content-Length: 5\r\n", "\r\n");
    for (size_t i = 0; i < sizeof trailers / sizeof *trailers; i++)
        CHECK(e2b_http_head_line(&http, trailers[i], strlen(trailers[i])));
    CHECK_INT(http.status, 201);
    CHECK_INT(http.content_length, 5);
    CHECK_INT(http.retry_after_ms, -1);
    CHECK(!http.encoded);
    while (fed < 2 * E2B_MAX_HEAD && e2b_http_head_line(&http, "X-More: and more\r\n", 18)) {
        fed += 18;
    }
    CHECK(fed > E2B_MAX_HEAD - 256 && fed <= E2B_MAX_HEAD);
    CHECK_INT(http.err.code, E2B_ERR_RESPONSE_TOO_LARGE);
    e2b_http_destroy(&http);
}

TEST("a token of a next page that is too long is refused, not cut") {
    e2b_http_t http;
    char line[700];
    memset(line, 'x', sizeof line);
    memcpy(line, "X-Next-Token: ", 14);
    FEED(http, "HTTP/1.1 200 fine\r\n");
    CHECK(!e2b_http_head_line(&http, line, sizeof line));
    CHECK_INT(http.err.code, E2B_ERR_BAD_RESPONSE);
    e2b_http_destroy(&http);
}

TEST_MAIN
