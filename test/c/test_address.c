/* Facts about address.c: what libcurl gets is the URL that was asked for, whatever came before. */
#include "address.h"
#include "alloc.h"
#include "test.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static bool is_parsed_as(CURLU *parsed, const char *url) {
    char *text = NULL;
    bool same = curl_url_get(parsed, CURLUPART_URL, &text, 0) == CURLUE_OK && !strcmp(text, url);
    curl_free(text);
    return same;
}

TEST("a URL after any other is the one that was asked for") {
    static const char *const urls[] = {
        "http://127.0.0.1:3000/sandboxes/a",
        "http://127.0.0.1:3000/v2/sandboxes?limit=1&state=x",
        "http://127.0.0.1:3000/sandboxes/bc",
        "http://127.0.0.1:30001/sandboxes/a",
        "https://127.0.0.1:3000/sandboxes/a",
        "https://api.e2b.app/sandboxes/a",
        "https://api.e2b.app/",
        "http://[::1]:49983/base/metrics",
    };
    e2b_address_t address = {.parsed = NULL};
    for (size_t i = 0; i < COUNT(urls); i++) {
        for (size_t j = 0; j < COUNT(urls); j++) {
            e2b_address_parse(&address, urls[i]);
            CHECK(is_parsed_as(e2b_address_parse(&address, urls[j]), urls[j]));
        }
    }
    e2b_address_destroy(&address);
}

TEST("what libcurl would rewrite in a part alone is left to it as text") {
    static const char *const urls[] = {
        "http://127.0.0.1/files?path=%2Ftmp",
        "http://127.0.0.1/%7Euser",
        "http://127.0.0.1/a/../b",
        "http://127.0.0.1/./b",
        "http://127.0.0.1/a#b",
        "http://127.0.0.1",
        "127.0.0.1/a",
        "",
    };
    e2b_address_t address = {.parsed = NULL};
    for (size_t i = 0; i < COUNT(urls); i++) {
        CHECK(e2b_address_parse(&address, "http://127.0.0.1/a") != NULL);
        CHECK(e2b_address_parse(&address, urls[i]) == NULL);
    }
    e2b_address_destroy(&address);
}

TEST("an origin that is none is not parsed, and the next one is") {
    e2b_address_t address = {.parsed = NULL};
    CHECK(e2b_address_parse(&address, "http://127.0.0.1:port/a") == NULL);
    CHECK(e2b_address_parse(&address, "http://127.0.0.1:port/a") == NULL);
    CHECK(is_parsed_as(e2b_address_parse(&address, "http://127.0.0.1/a"), "http://127.0.0.1/a"));
    e2b_address_destroy(&address);
}

TEST("without memory nothing half done is left") {
    e2b_address_t address = {.parsed = NULL};
    for (long successes = 0; successes < 3; successes++) {
        e2b_alloc_fail_after(successes);
        CURLU *parsed = e2b_address_parse(&address, "http://127.0.0.1/a");
        e2b_alloc_fail_after(-1);
        CHECK((parsed != NULL) == (successes > 1));
        CHECK(address.parsed == parsed);
        e2b_address_destroy(&address);
    }
}

TEST_MAIN
