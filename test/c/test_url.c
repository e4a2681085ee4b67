/* Facts about url.c: escapes, ids, hosts, base URLs, and what its messages must not say. */
#include "test.h"
#include "url.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

TEST("escaping leaves the unreserved characters and encodes every other byte") {
    e2b_buf_t out;
    e2b_buf_init(&out, 4096);
    char all[256];
    for (size_t i = 0; i < 256; i++) all[i] = (char)i;
    CHECK_INT(e2b_url_escape(&out, all, 256), E2B_OK);
    const char *at = out.data;
    for (int i = 0; i < 256; i++) {
        char expected[4];
        bool plain = i != 0 && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                      "0123456789-._~",
                                      i) != NULL;
        snprintf(expected, sizeof expected, plain ? "%c" : "%%%02X", i);
        CHECK(strncmp(at, expected, strlen(expected)) == 0);
        at += strlen(expected);
    }
    CHECK_INT(*at, 0);
    e2b_buf_destroy(&out);
}

TEST("query parameters begin with ? and go on with &, absent ones leave no trace") {
    e2b_buf_t out;
    bool first = true;
    e2b_buf_init(&out, 100);
    CHECK_INT(e2b_buf_puts(&out, "/files"), E2B_OK);
    CHECK_INT(e2b_url_query(&out, "none", NULL, &first), E2B_OK);
    CHECK(first);
    CHECK_INT(e2b_url_query(&out, "path", "/a b&c", &first), E2B_OK);
    CHECK(!first);
    CHECK_INT(e2b_url_query(&out, "none", NULL, &first), E2B_OK);
    CHECK_INT(e2b_url_query(&out, "username", "", &first), E2B_OK);
    CHECK_STR(out.data, "/files?path=%2Fa%20b%26c&username=");
    e2b_buf_destroy(&out);
}

TEST("a query parameter that does not fit is left out whole") {
    e2b_buf_t out;
    bool first = true;
    e2b_buf_init(&out, 10);
    CHECK_INT(e2b_buf_puts(&out, "/f"), E2B_OK);
    CHECK_INT(e2b_url_query(&out, "path", "///", &first), E2B_ERR_RESPONSE_TOO_LARGE);
    CHECK_STR(out.data, "/f");
    CHECK(first);
    e2b_buf_destroy(&out);
}

TEST("ids are 1 to 64 letters, digits, '_' and '-', and begin with a letter or digit") {
    char longest[66];
    memset(longest, 'a', 65);
    longest[65] = '\0';
    static const char *const good[] = {"a", "Z9", "0", "i1-b_c", "itestsandbox000000000"};
    static const char *const bad[] = {"",    "-a",  "_a",     "a b",      "a/b",
                                      "a.b", "a\n", "../etc", "\xC3\xA9", "a%20"};
    for (size_t i = 0; i < COUNT(good); i++) CHECK(e2b_url_id_valid(good[i], strlen(good[i])));
    for (size_t i = 0; i < COUNT(bad); i++) CHECK(!e2b_url_id_valid(bad[i], strlen(bad[i])));
    CHECK(e2b_url_id_valid(longest, 64));
    CHECK(!e2b_url_id_valid(longest, 65));
    CHECK(!e2b_url_id_valid("a\0b", 3));
    CHECK(!e2b_url_id_valid(NULL, 0));
}

TEST("a domain is a host name, perhaps with a port") {
    static const char *const good[] = {"e2b.app",   "localhost",       "a-b.c-d.example",
                                       "x.y:8443",  "127.0.0.1:3000",  "1a.example",
                                       "a.b.c.d.e", "xn--bcher-kva.de"};
    static const char *const bad[] = {"",
                                      ".",
                                      "a..b",
                                      ".a",
                                      "a.",
                                      "-a.b",
                                      "a-.b",
                                      "a_b.c",
                                      "a b",
                                      "https://e2b.app",
                                      "e2b.app/",
                                      "u@e2b.app",
                                      "e2b.app:",
                                      "e2b.app:0",
                                      "e2b.app:65536",
                                      "e2b.app:999999",
                                      "e2b.app:8x",
                                      "e2b.app:-1",
                                      "300.1.1.1",
                                      "1.2.3",
                                      "b\xC3\xBC"
                                      "cher.de"};
    for (size_t i = 0; i < COUNT(good); i++) CHECK(e2b_url_domain_valid(good[i]));
    for (size_t i = 0; i < COUNT(bad); i++) CHECK(!e2b_url_domain_valid(bad[i]));
    CHECK(!e2b_url_domain_valid(NULL));
}

TEST("a label has at most 63 characters, a host at most 253") {
    char host[400];
    memset(host, 'a', sizeof host);
    host[63] = '\0';
    CHECK(e2b_url_domain_valid(host));
    host[63] = 'a';
    host[64] = '\0';
    CHECK(!e2b_url_domain_valid(host));
    for (size_t i = 0; i < sizeof host; i++) host[i] = i % 50 == 49 ? '.' : 'a';
    host[253] = '\0';
    CHECK(e2b_url_domain_valid(host));
    host[253] = 'a';
    host[254] = '\0';
    CHECK(!e2b_url_domain_valid(host));
}

TEST("exactly four domains have a shared sandbox host") {
    static const char *const shared[] = {"e2b.app", "e2b.dev", "e2b.pro", "e2b-staging.dev",
                                         "E2B.app"};
    static const char *const own[] = {"", "e2b.app.evil.example", "xe2b.app", "e2b.app:443",
                                      "localhost"};
    for (size_t i = 0; i < COUNT(shared); i++) CHECK(e2b_url_domain_shared(shared[i]));
    for (size_t i = 0; i < COUNT(own); i++) CHECK(!e2b_url_domain_shared(own[i]));
    CHECK(!e2b_url_domain_shared(NULL));
}

TEST("a base URL comes out cleaned") {
    static const char *const cases[][2] = {
        {"https://api.e2b.app", "https://api.e2b.app"},
        {"https://api.e2b.app/", "https://api.e2b.app"},
        {"HTTP://localhost:3000", "http://localhost:3000"},
        {"http://127.0.0.1:1", "http://127.0.0.1:1"},
        {"http://[::1]:65535/", "http://[::1]:65535"},
        {"http://[fe80::1]", "http://[fe80::1]"},
        {"https://gate.example/e2b/v1/", "https://gate.example/e2b/v1"},
        {"http://local_backend:8080", "http://local_backend:8080"},
        {"https://gate.example/a@b:c", "https://gate.example/a@b:c"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        e2b_buf_t out;
        e2b_err_t err;
        e2b_err_init(&err);
        e2b_buf_init(&out, 200);
        CHECK_INT(e2b_url_base(&out, "apiUrl", cases[i][0], &err), E2B_OK);
        CHECK_STR(out.data, cases[i][1]);
        CHECK_INT(err.code, E2B_OK);
        e2b_buf_destroy(&out);
    }
}

static void check_refused(const char *url, const char *why) {
    e2b_buf_t out;
    e2b_err_t err;
    e2b_err_init(&err);
    e2b_buf_init(&out, 4096);
    CHECK_INT(e2b_url_base(&out, "apiUrl", url, &err), E2B_ERR_INVALID_ARGUMENT);
    CHECK_INT(err.code, E2B_ERR_INVALID_ARGUMENT);
    CHECK_INT(err.outcome, E2B_OUTCOME_NOT_SENT);
    CHECK(strncmp(err.message, "apiUrl must be ", 15) == 0);
    if (strstr(err.message, why) == NULL)
        fprintf(stderr, "  \"%s\" does not say \"%s\"\n", err.message, why);
    CHECK(strstr(err.message, why) != NULL);
    CHECK(strstr(err.message, "s3cret") == NULL);
    for (const char *c = err.message; *c != '\0'; c++) CHECK(*c >= 0x20 && *c < 0x7F);
    CHECK_INT(out.len, 0);
    e2b_buf_destroy(&out);
}

TEST("a base URL that cannot work is refused, and the message says why") {
    check_refused(NULL, "empty");
    check_refused("", "empty");
    check_refused("api.e2b.app", "(got \"api.e2b.app\")");
    check_refused("ftp://api.e2b.app", "begin with http");
    check_refused("https:/api.e2b.app", "begin with http");
    check_refused("https://", "no host");
    check_refused("https:///path", "no host");
    check_refused("https://:80", "no host");
    check_refused("https://a..b", "not a valid name or address");
}

TEST("ports, addresses and rests of URLs are checked") {
    check_refused("https://a:0", "port");
    check_refused("https://a:65536", "port");
    check_refused("https://a:", "port");
    check_refused("https://a:80:80", "port");
    check_refused("https://[::1", "not closed");
    check_refused("https://[::1]x", "port");
    check_refused("https://[]", "no host");
    check_refused("https://[::g]", "not a valid name or address");
    check_refused("https://[::1%25eth0]", "not a valid name or address");
    check_refused("https://1.2.3.256", "not a valid name or address");
    check_refused("https://a?x", "query");
    check_refused("https://a/b#x", "fragment");
    check_refused("https://a/b c", "blanks");
    check_refused("https://a..b", "not a valid name or address");
    check_refused("https://a/\x1b[31m", "control");
    check_refused("https://b\xC3\xBC.de", "non-ASCII");
}

TEST("a message never repeats credentials, wherever the user put them") {
    check_refused("https://user:s3cret@api.e2b.app", "user name");
    check_refused("user:s3cret@api.e2b.app", "begin with http");
    check_refused("https:/user:s3cret@api.e2b.app", "begin with http");
    check_refused("https://a?key=s3cret", "query");
    check_refused("https://a#s3cret", "fragment");
}

TEST("an endless URL is refused without being repeated") {
    char url[6000] = "https://";
    memset(url + 8, 'a', sizeof url - 9);
    url[sizeof url - 1] = '\0';
    check_refused(url, "too long");
    memcpy(url, "nothing:", 8);
    check_refused(url, "begin with http");
}

static bool build_url(void) {
    e2b_buf_t out;
    e2b_err_t err;
    bool first = true;
    e2b_err_init(&err);
    e2b_buf_init(&out, 4096);
    int code = e2b_url_base(&out, "apiUrl", "https://api.e2b.app/", &err);
    CHECK_INT(err.code, code);
    if (code == E2B_OK) code = e2b_url_escape(&out, "/////////////////////////////////", 33);
    size_t len = out.len;
    if (code == E2B_OK)
        code = e2b_url_query(&out, "metadata", "==============================", &first);
    CHECK(code == E2B_OK || code == E2B_ERR_OUT_OF_MEMORY);
    if (code != E2B_OK)
        CHECK(out.len == len && first && (out.data == NULL || out.data[len] == '\0'));
    e2b_buf_destroy(&out);
    return code == E2B_OK;
}

TEST("a URL that runs out of memory keeps the part that was built") {
    CHECK(test_out_of_memory(build_url) >= 3);
}

TEST_MAIN
