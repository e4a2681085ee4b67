/* Facts about json.c: what counts as JSON, and getters that tell absent from wrong. */
#include "e2b.h"
#include "json.h"
#include "test.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static cJSON *parse(const char *text) {
    char *exact = test_exact(text, strlen(text));
    cJSON *value = e2b_json_parse(exact, strlen(text));
    free(exact);
    return value;
}

TEST("a text is one value, with white space around it and nothing else") {
    static const char *const good[] = {"{}", " \t\r\n{} \t\r\n", "[1,2]", "null", "\"a\"", "1"};
    static const char *const bad[] = {"",          " ",      "{",      "{}x",    "{} {}",
                                      "{\"a\":1,", "[1,2",   "\"a",    "nul",    "{\"a\"}",
                                      "{}\f",      "\"\\u1", "\"\\",   "-",      "{\"a\":1,}",
                                      "<html>",    "[",      "{\"a\"", "{\"a\":"};
    for (size_t i = 0; i < COUNT(good); i++) {
        cJSON *value = parse(good[i]);
        CHECK(value != NULL);
        cJSON_Delete(value);
    }
    for (size_t i = 0; i < COUNT(bad); i++) CHECK(parse(bad[i]) == NULL);
    CHECK(e2b_json_parse(NULL, 0) == NULL);
}

TEST("exactly the given length is read") {
    cJSON *value = e2b_json_parse("12345", 2);
    CHECK(cJSON_IsNumber(value) && (int)value->valuedouble == 12);
    cJSON_Delete(value);
    CHECK(e2b_json_parse("{}", 1) == NULL);
}

TEST("a text with a NUL, bare or escaped, is refused instead of cut") {
    CHECK(e2b_json_parse("\"a\0b\"", 5) == NULL);
    CHECK(e2b_json_parse("{}\0", 3) == NULL);
    CHECK(parse("{\"a\":\"abc\\u0000def\"}") == NULL);
    CHECK(parse("{\"a\\u0000\":1}") == NULL);
    CHECK(parse("\"\\\\\\u0000\"") == NULL);
    static const char *const fine[] = {"\"\\\\u0000\"", "\"\\u00001\" ", "\"\\u0001\"",
                                       "\"u0000\""};
    cJSON *value = parse(fine[0]); /* an escaped backslash, then plain letters */
    CHECK_STR(value->valuestring, "\\u0000");
    cJSON_Delete(value);
    CHECK(parse(fine[1]) == NULL); /* \u0000 followed by a 1 */
    for (size_t i = 2; i < COUNT(fine); i++) {
        value = parse(fine[i]);
        CHECK(value != NULL);
        cJSON_Delete(value);
    }
}

TEST("a thousand levels are too deep, not a crash") {
    static char deep[100001];
    memset(deep, '[', 100000);
    CHECK(e2b_json_parse(deep, 100000) == NULL);
    memset(deep + 500, ']', 500);
    cJSON *value = e2b_json_parse(deep, 1000);
    CHECK(value != NULL);
    cJSON_Delete(value);
}

/* ---- getters ---- */

static const char sample[] =
    "{\"text\":\"t\",\"empty\":\"\",\"int\":-42,\"zero\":0,\"half\":0.5,\"big\":9007199254740992,"
    "\"exact\":9007199254740991,\"huge\":1e300,\"overflow\":1e999,\"decimal\":\"123\","
    "\"min\":\"-9223372036854775808\",\"max\":\"9223372036854775807\","
    "\"past\":\"9223372036854775808\",\"below\":\"-9223372036854775809\","
    "\"digits\":\"99999999999999999999\",\"yes\":true,\"no\":false,\"null\":null,"
    "\"list\":[1],\"object\":{\"a\":1},\"dup\":1,\"dup\":2}";

TEST("a getter finds its type, and tells absent, null and wrong apart") {
    cJSON *root = parse(sample);
    const char *text = "untouched";
    const cJSON *object = NULL;
    bool flag = true;
    CHECK_INT(e2b_json_string(root, "text", &text), E2B_JSON_FOUND);
    CHECK_STR(text, "t");
    CHECK_INT(e2b_json_string(root, "empty", &text), E2B_JSON_FOUND);
    CHECK_STR(text, "");
    CHECK_INT(e2b_json_string(root, "missing", &text), E2B_JSON_ABSENT);
    CHECK_INT(e2b_json_string(root, "null", &text), E2B_JSON_ABSENT);
    CHECK_INT(e2b_json_string(root, "int", &text), E2B_JSON_WRONG);
    CHECK_INT(e2b_json_string(root, "object", &text), E2B_JSON_WRONG);
    CHECK_STR(text, ""); /* only FOUND writes */
    CHECK_INT(e2b_json_bool(root, "no", &flag), E2B_JSON_FOUND);
    CHECK(!flag);
    CHECK_INT(e2b_json_bool(root, "yes", &flag), E2B_JSON_FOUND);
    CHECK(flag);
    CHECK_INT(e2b_json_bool(root, "zero", &flag), E2B_JSON_WRONG);
    CHECK_INT(e2b_json_bool(root, "missing", &flag), E2B_JSON_ABSENT);
    CHECK_INT(e2b_json_object(root, "object", &object), E2B_JSON_FOUND);
    CHECK(cJSON_IsObject(object));
    CHECK_INT(e2b_json_object(root, "list", &object), E2B_JSON_WRONG);
    CHECK_INT(e2b_json_object(root, "missing", &object), E2B_JSON_ABSENT);
    cJSON_Delete(root);
}

static void check_int(const cJSON *root, const char *key, e2b_json_get_t got, int64_t expected) {
    int64_t value = 77;
    CHECK_INT(e2b_json_int(root, key, INT64_MIN, INT64_MAX, &value), got);
    CHECK_INT(value, got == E2B_JSON_FOUND ? expected : 77);
}

TEST("whole numbers come as numbers or as decimal strings, and never rounded") {
    cJSON *root = parse(sample);
    check_int(root, "int", E2B_JSON_FOUND, -42);
    check_int(root, "zero", E2B_JSON_FOUND, 0);
    check_int(root, "exact", E2B_JSON_FOUND, 9007199254740991);
    check_int(root, "decimal", E2B_JSON_FOUND, 123);
    check_int(root, "min", E2B_JSON_FOUND, INT64_MIN);
    check_int(root, "max", E2B_JSON_FOUND, INT64_MAX);
    check_int(root, "missing", E2B_JSON_ABSENT, 0);
    check_int(root, "null", E2B_JSON_ABSENT, 0);
    check_int(root, "dup", E2B_JSON_FOUND, 1);
    static const char *const wrong[] = {"half",   "big",  "huge", "overflow", "past", "below",
                                        "digits", "text", "yes",  "list",     "empty"};
    for (size_t i = 0; i < COUNT(wrong); i++) check_int(root, wrong[i], E2B_JSON_WRONG, 0);
    cJSON_Delete(root);
}

TEST("a decimal string is digits with at most a minus before them") {
    static const char *const wrong[] = {"\" 1\"",  "\"1 \"",  "\"+1\"",  "\"-\"",
                                        "\"--1\"", "\"1.0\"", "\"1e3\"", "\"0x10\""};
    char text[64];
    for (size_t i = 0; i < COUNT(wrong); i++) {
        snprintf(text, sizeof text, "{\"n\":%s}", wrong[i]);
        cJSON *root = parse(text);
        CHECK(root != NULL);
        check_int(root, "n", E2B_JSON_WRONG, 0);
        cJSON_Delete(root);
    }
}

TEST("a number outside the range is wrong, at the range's ends it is right") {
    cJSON *root = parse(sample);
    int64_t value = 7;
    CHECK_INT(e2b_json_int(root, "int", -42, -42, &value), E2B_JSON_FOUND);
    CHECK_INT(value, -42);
    CHECK_INT(e2b_json_int(root, "int", -41, 0, &value), E2B_JSON_WRONG);
    CHECK_INT(e2b_json_int(root, "int", -100, -43, &value), E2B_JSON_WRONG);
    CHECK_INT(e2b_json_int(root, "decimal", 0, 122, &value), E2B_JSON_WRONG);
    cJSON_Delete(root);
}

TEST("names are compared case by case") {
    cJSON *root = parse("{\"exitCode\":1}");
    check_int(root, "exitcode", E2B_JSON_ABSENT, 0);
    check_int(root, "exitCode", E2B_JSON_FOUND, 1);
    cJSON_Delete(root);
}

TEST("nothing is in no object, and a value that is none is wrong") {
    const char *text = NULL;
    check_int(NULL, "a", E2B_JSON_ABSENT, 0);
    CHECK_INT(e2b_json_string(NULL, "a", &text), E2B_JSON_ABSENT);
    cJSON *list = parse("[{\"a\":1}]");
    check_int(list, "a", E2B_JSON_WRONG, 0);
    cJSON_Delete(list);
}

TEST("printing appends the text without blanks, within the bound") {
    cJSON *root = parse(" { \"a\" : [ 1, \"\\u00e9\" ] } ");
    e2b_buf_t out;
    e2b_buf_init(&out, 20);
    CHECK_INT(e2b_buf_puts(&out, "x="), E2B_OK);
    CHECK_INT(e2b_json_print(&out, root), E2B_OK);
    CHECK_STR(out.data, "x={\"a\":[1,\"\xC3\xA9\"]}");
    CHECK_INT(e2b_json_print(&out, root), E2B_ERR_RESPONSE_TOO_LARGE);
    CHECK_INT(out.len, 16);
    CHECK_INT(e2b_json_print(&out, NULL), E2B_ERR_OUT_OF_MEMORY);
    e2b_buf_destroy(&out);
    cJSON_Delete(root);
}

static bool parse_and_print(void) {
    e2b_buf_t out;
    e2b_buf_init(&out, 1000);
    cJSON *root = e2b_json_parse(sample, sizeof sample - 1);
    int code = E2B_ERR_OUT_OF_MEMORY;
    if (root != NULL) code = e2b_json_print(&out, root);
    CHECK(code == E2B_OK || code == E2B_ERR_OUT_OF_MEMORY);
    if (code != E2B_OK) CHECK_INT(out.len, 0);
    cJSON_Delete(root);
    e2b_buf_destroy(&out);
    return code == E2B_OK;
}

TEST("parsing and printing survive every failed allocation") {
    test_json_uses_our_heap();
    CHECK(test_out_of_memory(parse_and_print) > 40);
}

TEST_MAIN
