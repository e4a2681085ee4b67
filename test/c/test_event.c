/* Facts about event.c: what Go writes, what it may write, and what is no event at all. */
#include "json.h"
#include "rpc.h"
#include "test.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* The frame is freed only with the event: a data event borrows from it. */
static char *frame;

static int parse(e2b_event_t *event, const char *json) {
    e2b_err_t err;
    e2b_err_init(&err);
    frame = test_exact(json, strlen(json));
    int code = e2b_event_parse(event, frame, strlen(json), &err);
    CHECK_INT(err.code, code);
    return code;
}

static void done(e2b_event_t *event) {
    e2b_event_destroy(event);
    free(frame);
    frame = NULL;
}

TEST("a data event as Go writes it is read without memory") {
    static const struct {
        const char *json;
        e2b_event_kind_t kind;
        const char *base64;
    } cases[] = {
        {"{\"event\":{\"data\":{\"stdout\":\"aGVsbG8K\"}}}", E2B_EVENT_STDOUT, "aGVsbG8K"},
        {"{\"event\":{\"data\":{\"stderr\":\"Zg==\"}}}", E2B_EVENT_STDERR, "Zg=="},
        {"{\"event\":{\"data\":{\"pty\":\"Zm8=\"}}}", E2B_EVENT_PTY, "Zm8="},
        {"{\"event\":{\"data\":{\"stdout\":\"\"}}}", E2B_EVENT_STDOUT, ""},
    };
    test_json_uses_our_heap();
    for (size_t i = 0; i < COUNT(cases); i++) {
        e2b_event_t event;
        e2b_alloc_fail_after(0);
        int code = parse(&event, cases[i].json);
        e2b_alloc_fail_after(-1);
        CHECK_INT(code, E2B_OK);
        CHECK_INT(event.kind, cases[i].kind);
        CHECK_MEM(event.base64, event.base64_len, cases[i].base64, strlen(cases[i].base64));
        CHECK(event.tree == NULL);
        CHECK(event.base64 >= frame && event.base64 <= frame + strlen(cases[i].json));
        done(&event);
    }
}

TEST("a data event in any other spelling reads the same") {
    static const char *const spellings[] = {
        " {\"event\":{\"data\":{\"stdout\":\"aGk=\"}}}",
        "{\"event\":{\"data\":{\"stdout\":\"aGk=\"}}}\n",
        "{\"event\": {\"data\":{\"stdout\":\"aGk=\"}}}",
        "{ \"event\" : { \"data\" : { \"stdout\" : \"aGk=\" } } }",
        "{\"event\":{\"data\":{\"stdout\":\"\\u0061Gk=\"}}}",
        "{\"event\":{\"\\u0064ata\":{\"stdout\":\"aGk=\"}}}",
        "{\"event\":{\"data\":{\"stdout\":\"aGk=\",\"more\":1}}}",
        "{\"event\":{\"data\":{\"more\":[\"x\"],\"stdout\":\"aGk=\"}}}",
        "{\"event\":{\"data\":{\"stdout\":\"aGk=\"},\"more\":null}}",
        "{\"more\":{\"event\":0},\"event\":{\"data\":{\"stdout\":\"aGk=\"}}}",
        "{\"event\":{\"data\":{\"stdout\":\"aGk=\"}},\"more\":{}}",
        "{\"event\":{\"start\":null,\"data\":{\"pty\":null,\"stdout\":\"aGk=\"}}}",
    };
    for (size_t i = 0; i < COUNT(spellings); i++) {
        e2b_event_t event;
        CHECK_INT(parse(&event, spellings[i]), E2B_OK);
        CHECK_INT(event.kind, E2B_EVENT_STDOUT);
        CHECK_MEM(event.base64, event.base64_len, "aGk=", 4);
        CHECK(event.tree != NULL);
        done(&event);
        CHECK(event.tree == NULL && event.base64 == NULL);
    }
}

TEST("a quote, a backslash or a NUL inside the data is left to cJSON") {
#define TEXT(literal) literal, sizeof literal - 1
    static const struct {
        const char *json;
        size_t len;
        int code;
        const char *base64;
    } cases[] = {
        {TEXT("{\"event\":{\"data\":{\"stdout\":\"a\",\"x\":\"b\"}}}"), E2B_OK, "a"},
        {TEXT("{\"event\":{\"data\":{\"stdout\":\"a\\\"b\"}}}"), E2B_OK, "a\"b"},
        {TEXT("{\"event\":{\"data\":{\"stdout\":\"a\\\"}}}"), E2B_ERR_BAD_RESPONSE, NULL},
        {TEXT("{\"event\":{\"data\":{\"stdout\":\"a\0b\"}}}"), E2B_ERR_BAD_RESPONSE, NULL},
        {TEXT("{\"event\":{\"data\":{\"stdout\":\"a\\u0000b\"}}}"), E2B_ERR_BAD_RESPONSE, NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        e2b_event_t event;
        char *exact = test_exact(cases[i].json, cases[i].len);
        CHECK_INT(e2b_event_parse(&event, exact, cases[i].len, NULL), cases[i].code);
        free(exact); /* what a tree lends does not lie here */
        if (cases[i].base64 != NULL)
            CHECK_MEM(event.base64, event.base64_len, cases[i].base64, strlen(cases[i].base64));
        e2b_event_destroy(&event);
    }
}

TEST("the start event gives the pid, and has one") {
    e2b_event_t event;
    CHECK_INT(parse(&event, "{\"event\":{\"start\":{\"pid\":102}}}"), E2B_OK);
    CHECK_INT(event.kind, E2B_EVENT_START);
    CHECK_INT(event.pid, 102);
    CHECK(event.tree == NULL);
    done(&event);
    CHECK_INT(parse(&event, "{\"event\":{\"start\":{\"pid\":4294967295}}}"), E2B_OK);
    CHECK_INT(event.pid, 4294967295u);
    done(&event);
    static const char *const bad[] = {"{}",
                                      "{\"pid\":0}",
                                      "{\"pid\":-1}",
                                      "{\"pid\":1.5}",
                                      "{\"pid\":4294967296}",
                                      "{\"pid\":true}"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        char json[100];
        snprintf(json, sizeof json, "{\"event\":{\"start\":%s}}", bad[i]);
        CHECK_INT(parse(&event, json), E2B_ERR_BAD_RESPONSE);
        CHECK_INT(event.kind, E2B_EVENT_UNKNOWN);
        done(&event);
    }
}

static void check_end(const char *end, int exit_code, bool exited, const char *status) {
    char json[400];
    e2b_event_t event;
    snprintf(json, sizeof json, "{\"event\":{\"end\":%s}}", end);
    CHECK_INT(parse(&event, json), E2B_OK);
    CHECK_INT(event.kind, E2B_EVENT_END);
    CHECK_INT(event.exit_code, exit_code);
    CHECK(event.exited == exited);
    CHECK_STR(event.status, status);
    CHECK(event.tree == NULL);
    done(&event);
}

TEST("the end event says how the process ended; what is absent has its default") {
    check_end("{\"exited\":true,\"status\":\"exit status 0\"}", 0, true, "exit status 0");
    check_end("{\"exitCode\":3,\"exited\":true,\"status\":\"exit status 3\","
              "\"error\":\"exit status 3\"}",
              3, true, "exit status 3");
    check_end("{\"exitCode\":-1,\"status\":\"signal: killed\",\"error\":\"signal: killed\"}", -1,
              false, "signal: killed");
    check_end("{}", 0, false, "");
    check_end("{\"exit_code\":7,\"exited\":true}", 7, true, "");
    check_end("{\"exitCode\":\"-2147483648\"}", INT32_MIN, false, "");
    check_end("{\"exitCode\":null,\"exited\":null,\"status\":null}", 0, false, "");
}

TEST("an endless status is cut, not written past its place") {
    e2b_event_t event;
    char json[300];
    snprintf(json, sizeof json, "{\"event\":{\"end\":{\"status\":\"%0200d\"}}}", 0);
    CHECK_INT(parse(&event, json), E2B_OK);
    CHECK_INT(strlen(event.status), sizeof event.status - 1);
    done(&event);
}

TEST("keepalives and kinds of the future are told apart from nonsense") {
    e2b_event_t event;
    CHECK_INT(parse(&event, "{\"event\":{\"keepalive\":{}}}"), E2B_OK);
    CHECK_INT(event.kind, E2B_EVENT_KEEPALIVE);
    done(&event);
    static const char *const future[] = {"{\"event\":{\"resized\":{\"cols\":80}}}",
                                         "{\"event\":{}}", "{\"event\":{\"data\":{}}}",
                                         "{\"event\":{\"data\":{\"tty3\":\"aGk=\"}}}"};
    for (size_t i = 0; i < COUNT(future); i++) {
        CHECK_INT(parse(&event, future[i]), E2B_OK);
        CHECK_INT(event.kind, E2B_EVENT_UNKNOWN);
        CHECK(event.base64 == NULL && event.tree == NULL);
        done(&event);
    }
    static const char *const nonsense[] = {
        "",
        "{}",
        "[]",
        "null",
        "\"event\"",
        "{\"event\":null}",
        "{\"event\":1}",
        "{\"event\":[]}",
        "{\"event\":{\"data\":\"aGk=\"}}",
        "{\"event\":{\"data\":{\"stdout\":1}}}",
        "{\"event\":{\"data\":{\"stdout\":[\"aGk=\"]}}}",
        "{\"event\":{\"start\":7}}",
        "{\"event\":{\"end\":true}}",
        "{\"event\":{\"end\":{\"exitCode\":2147483648}}}",
        "{\"event\":{\"end\":{\"exitCode\":\"x\"}}}",
        "{\"event\":{\"end\":{\"exited\":1}}}",
        "{\"event\":{\"end\":{\"status\":1}}}",
        "{\"event\":{\"data\":{\"stdout\":\"aGk=\"}}",
        "{\"event\":{\"data\":{\"stdout\":\"aGk=\"}}}}",
        "{\"event\":{\"data\":{\"stdout\":\"}}}",
        "{\"event\":{\"data\":{\"stdout\"}}}",
        "{\"event\":{\"data\":{\"\"}}}",
        "<html><body>502 Bad Gateway</body></html>",
    };
    for (size_t i = 0; i < COUNT(nonsense); i++) {
        CHECK_INT(parse(&event, nonsense[i]), E2B_ERR_BAD_RESPONSE);
        CHECK_INT(event.kind, E2B_EVENT_UNKNOWN);
        CHECK(event.base64 == NULL && event.tree == NULL);
        done(&event);
    }
}

static bool parse_slowly(void) {
    static const char *const texts[] = {"{\"event\":{\"data\":{\"stdout\":\"\\u0061Gk=\"}}}",
                                        "{\"event\":{\"start\":{\"pid\":102}}}",
                                        "{\"event\":{\"end\":{\"status\":\"exit status 0\"}}}"};
    bool all = true;
    for (size_t i = 0; i < COUNT(texts); i++) {
        e2b_event_t event;
        int code = e2b_event_parse(&event, texts[i], strlen(texts[i]), NULL);
        CHECK(code == E2B_OK || code == E2B_ERR_BAD_RESPONSE);
        if (code != E2B_OK)
            CHECK(event.kind == E2B_EVENT_UNKNOWN && event.tree == NULL && event.base64 == NULL);
        all = all && code == E2B_OK;
        e2b_event_destroy(&event);
    }
    return all;
}

TEST("reading events survives every failed allocation") {
    test_json_uses_our_heap();
    CHECK(test_out_of_memory(parse_slowly) > 10);
}

TEST_MAIN
