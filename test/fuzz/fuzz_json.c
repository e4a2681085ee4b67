/*
 * The JSON getters: for every member of every object exactly the getter of its type finds it, a
 * found number is in its range, and what is printed reads and prints the same again.
 */
#include <math.h>

#include "e2b.h"
#include "fuzz.h"
#include "json.h"

#define MAX_PRINT (1u << 20)
#define EXACT 9007199254740992.0 /* 2^53 */

static void check_member(const cJSON *object, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    const e2b_json_get_t other = cJSON_IsNull(item) ? E2B_JSON_ABSENT : E2B_JSON_WRONG;
    const char *text = NULL;
    const cJSON *inner = NULL;
    bool flag = false;
    int64_t number = 0, small = 0;

    e2b_json_get_t got = e2b_json_string(object, key, &text);
    MUST(got == (cJSON_IsString(item) ? E2B_JSON_FOUND : other));
    MUST((got == E2B_JSON_FOUND) == (text != NULL));
    got = e2b_json_bool(object, key, &flag);
    MUST(got == (cJSON_IsBool(item) ? E2B_JSON_FOUND : other));
    MUST(!flag || cJSON_IsTrue(item));
    got = e2b_json_object(object, key, &inner);
    MUST(got == (cJSON_IsObject(item) ? E2B_JSON_FOUND : other));
    MUST((got == E2B_JSON_FOUND) == (inner != NULL));

    got = e2b_json_int(object, key, INT64_MIN, INT64_MAX, &number);
    MUST(got == E2B_JSON_FOUND || got == other);
    if (got == E2B_JSON_FOUND) {
        MUST(cJSON_IsNumber(item) || cJSON_IsString(item));
        if (cJSON_IsNumber(item))
            MUST((double)number == item->valuedouble && fabs(item->valuedouble) < EXACT);
        bool fits = number >= -100 && number <= 100;
        MUST((e2b_json_int(object, key, -100, 100, &small) == E2B_JSON_FOUND) == fits);
        MUST(!fits || small == number);
    } else if (cJSON_IsNumber(item)) {
        double value = item->valuedouble;
        MUST(!(fabs(value) < EXACT) || value != trunc(value));
    }
}

static void check_tree(const cJSON *value) {
    for (const cJSON *child = value->child; child != NULL; child = child->next) {
        if (cJSON_IsObject(value)) check_member(value, child->string);
        check_tree(child);
    }
    const char *text = NULL;
    MUST(e2b_json_string(value, "no such member", &text) != E2B_JSON_FOUND || text != NULL);
}

static void check_print(const cJSON *value) {
    e2b_buf_t once, twice;
    e2b_buf_init(&once, MAX_PRINT);
    e2b_buf_init(&twice, MAX_PRINT);
    MUST(e2b_json_print(&once, value) == E2B_OK);
    cJSON *again = e2b_json_parse(once.data, once.len);
    MUST(again != NULL);
    MUST(e2b_json_print(&twice, again) == E2B_OK);
    MUST(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
    cJSON_Delete(again);
    e2b_buf_destroy(&once);
    e2b_buf_destroy(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = fuzz_exact(data, size);
    cJSON *value = e2b_json_parse(text, size);
    if (value != NULL) {
        MUST(memchr(text, '\0', size) == NULL);
        check_tree(value);
        check_print(value);
        cJSON_Delete(value);
    }
    free(text);
    return 0;
}
