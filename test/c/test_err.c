/* Facts about err.c: the one table of errors, messages that fit, secrets that vanish. */
#include "e2b.h"
#include "test.h"

TEST("a cleared error is no error, was not sent, and asks for no wait") {
    e2b_err_t err;
    memset(&err, 0x5A, sizeof err);
    e2b_err_init(&err);
    CHECK_INT(err.code, E2B_OK);
    CHECK_INT(err.outcome, E2B_OUTCOME_NOT_SENT);
    CHECK(!err.retryable);
    CHECK_INT(err.status, 0);
    CHECK_INT(err.retry_after_ms, -1);
    CHECK_INT(err.curl_code, 0);
    CHECK_STR(err.message, "");
    CHECK_STR(err.cause, "");
    CHECK_STR(err.server_code, "");
}

TEST("setting an error answers its code and keeps the other fields") {
    e2b_err_t err;
    e2b_err_init(&err);
    err.outcome = E2B_OUTCOME_UNKNOWN;
    err.status = 503;
    err.retry_after_ms = 1500;
    CHECK_INT(e2b_err_set(&err, E2B_ERR_NOT_FOUND, "%s of %d", "none", 7), E2B_ERR_NOT_FOUND);
    CHECK_INT(err.code, E2B_ERR_NOT_FOUND);
    CHECK_STR(err.message, "none of 7");
    CHECK_INT(err.outcome, E2B_OUTCOME_UNKNOWN);
    CHECK_INT(err.status, 503);
    CHECK_INT(err.retry_after_ms, 1500);
}

TEST("an error may be set where nobody wants its details") {
    CHECK_INT(e2b_err_set(NULL, E2B_ERR_TIMEOUT, "unread %d", 1), E2B_ERR_TIMEOUT);
}

TEST("a message may quote the message that it replaces") {
    e2b_err_t err;
    e2b_err_init(&err);
    e2b_err_set(&err, E2B_ERR_TIMEOUT, "inner");
    e2b_err_set(&err, E2B_ERR_TIMEOUT, "outer: %s", err.message);
    CHECK_STR(err.message, "outer: inner");
}

TEST("a message that is too long is cut at its end, between two characters") {
    e2b_err_t err;
    e2b_err_init(&err);
    char text[1024];
    const size_t room = sizeof err.message - 1;
    static const char *const characters[] = {"x", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x9A\x80"};
    for (size_t c = 0; c < 4; c++) {
        size_t width = strlen(characters[c]);
        for (size_t lead = 0; lead < 4; lead++) {
            memset(text, 'a', lead);
            for (size_t i = lead; i + width < sizeof text; i += width)
                memcpy(text + i, characters[c], width + 1);
            e2b_err_set(&err, E2B_ERR_TIMEOUT, "%s", text);
            size_t len = strlen(err.message);
            CHECK(len <= room && len + width > room);
            CHECK_INT((len - lead) % width, 0);
            CHECK(memcmp(err.message, text, len) == 0);
        }
    }
}

TEST("every code has a name, a class, and a number of its own") {
    static const struct {
        int code;
        const char *class_name, *name;
    } all[] = {
#define X(name, number, class_name, code) {E2B_ERR_##name, class_name, code},
        E2B_ERR_MAP(X)
#undef X
    };
    const size_t count = sizeof all / sizeof all[0];
    for (size_t i = 0; i < count; i++) {
        CHECK(all[i].code < 0);
        CHECK_STR(e2b_err_code_name(all[i].code), all[i].name);
        CHECK_STR(e2b_err_class_name(all[i].code), all[i].class_name);
        CHECK(strcmp(all[i].class_name + strlen(all[i].class_name) - 5, "Error") == 0);
        for (size_t j = 0; j < i; j++) {
            CHECK(all[i].code != all[j].code);
            CHECK(strcmp(all[i].name, all[j].name) != 0);
        }
    }
}

TEST("a number that is no code has neither name nor class") {
    static const int none[] = {0, 1, -1000, 36};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        CHECK(e2b_err_code_name(none[i]) == NULL);
        CHECK(e2b_err_class_name(none[i]) == NULL);
    }
}

static void scrubbed(const char *text, const char *secret, const char *expected) {
    char copy[128];
    snprintf(copy, sizeof copy, "%s", text);
    e2b_err_scrub(copy, secret);
    CHECK_STR(copy, expected);
}

TEST("scrubbing overwrites every occurrence of the secret and nothing else") {
    scrubbed("key e2b_1 and e2b_1.", "e2b_1", "key ***** and *****.");
    scrubbed("e2b_1", "e2b_1", "*****");
    scrubbed("e2b_", "e2b_1", "e2b_");
    scrubbed("", "e2b_1", "");
    scrubbed("abab", "ab", "****");
}

TEST("scrubbing leaves nothing of occurrences that overlap") {
    scrubbed("aaaa", "aaa", "****");
    scrubbed("xabababax", "aba", "x*******x");
}

TEST("scrubbing overwrites what is left of a secret that was cut with the text") {
    scrubbed("key e2b_0123", "e2b_0123456789", "key ********");
    scrubbed("key e2b_012", "e2b_0123456789", "key e2b_012");
    scrubbed("e2b_01234", "e2b_0123456789", "*********");
    scrubbed("e2b_0123 and", "e2b_0123456789", "e2b_0123 and");
}

TEST("a message has no control characters") {
    e2b_err_t err;
    e2b_err_init(&err);
    e2b_err_set(&err, E2B_ERR_NOT_FOUND, "a%sb", "\x1b[31m\r\n\x7f\t\xc3\xa9");
    CHECK_STR(err.message, "a [31m    \xc3\xa9"
                           "b");
}

TEST("there is nothing to scrub without a secret or a text") {
    scrubbed("text", NULL, "text");
    scrubbed("text", "", "text");
    e2b_err_scrub(NULL, "secret");
}

TEST_MAIN
