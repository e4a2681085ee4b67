/*
 * json.c: typed getters over cJSON. Pure, any thread. Must not use cJSON_GetErrorPtr, which is one
 * variable for the whole process, and must not trust cJSON with what C strings cannot hold.
 */
#include "json.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "alloc.h"
#include "e2b.h"

#define FIRST_ROOM 256
#define MAX_EXACT 9007199254740992.0 /* 2^53: past it a double no longer tells neighbours apart */

/* cJSON would end a string at \u0000 (or at a bare NUL, which JSON forbids) and drop the rest of
 * it unseen: "abc\u0000def" becomes "abc", as a value and as a key. Such texts are refused. */
static bool holds_nul(const char *text, size_t len) {
    if (memchr(text, '\0', len) != NULL) return true;
    const char *end = text + len;
    for (const char *at = text; (at = memchr(at, '\\', (size_t)(end - at))) != NULL;) {
        if (end - at >= 6 && memcmp(at + 1, "u0000", 5) == 0) return true;
        at += end - at >= 2 ? 2 : 1; /* over an escaped backslash as well */
    }
    return false;
}

cJSON *e2b_json_parse(const char *text, size_t len) {
    if (text == NULL || holds_nul(text, len)) return NULL;
    const char *end = NULL;
    cJSON *value = cJSON_ParseWithLengthOpts(text, len, &end, false);
    if (value == NULL) return NULL;
    for (; end < text + len; end++) {
        if (*end != ' ' && *end != '\t' && *end != '\n' && *end != '\r') {
            cJSON_Delete(value);
            return NULL;
        }
    }
    return value;
}

/* The member, whatever its type; *out only when FOUND. */
static e2b_json_get_t member(const cJSON *object, const char *key, const cJSON **out) {
    if (object == NULL) return E2B_JSON_ABSENT;
    if (!cJSON_IsObject(object)) return E2B_JSON_WRONG;
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (item == NULL || cJSON_IsNull(item)) return E2B_JSON_ABSENT;
    *out = item;
    return E2B_JSON_FOUND;
}

e2b_json_get_t e2b_json_string(const cJSON *object, const char *key, const char **out) {
    const cJSON *item = NULL;
    e2b_json_get_t got = member(object, key, &item);
    if (got != E2B_JSON_FOUND) return got;
    if (!cJSON_IsString(item) || item->valuestring == NULL) return E2B_JSON_WRONG;
    *out = item->valuestring;
    return E2B_JSON_FOUND;
}

/* -?[0-9]+ within int64, and nothing else (strtoll would take blanks and '+'). */
static bool decimal(const char *text, int64_t *out) {
    bool negative = *text == '-';
    if (negative) text++;
    if (*text == '\0') return false;
    int64_t value = 0; /* kept negative: INT64_MIN has no positive counterpart */
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || value < INT64_MIN / 10) return false;
        value *= 10;
        if (value < INT64_MIN + (*text - '0')) return false;
        value -= *text - '0';
    }
    if (!negative && value == INT64_MIN) return false;
    *out = negative ? value : -value;
    return true;
}

e2b_json_get_t e2b_json_int(const cJSON *object, const char *key, int64_t min, int64_t max,
                            int64_t *out) {
    const cJSON *item = NULL;
    e2b_json_get_t got = member(object, key, &item);
    if (got != E2B_JSON_FOUND) return got;
    int64_t value;
    if (cJSON_IsNumber(item)) {
        double number = item->valuedouble;
        if (!(fabs(number) < MAX_EXACT) || number != trunc(number)) return E2B_JSON_WRONG;
        value = (int64_t)number;
    } else if (!cJSON_IsString(item) || item->valuestring == NULL ||
               !decimal(item->valuestring, &value)) {
        return E2B_JSON_WRONG;
    }
    if (value < min || value > max) return E2B_JSON_WRONG;
    *out = value;
    return E2B_JSON_FOUND;
}

e2b_json_get_t e2b_json_bool(const cJSON *object, const char *key, bool *out) {
    const cJSON *item = NULL;
    e2b_json_get_t got = member(object, key, &item);
    if (got != E2B_JSON_FOUND) return got;
    if (!cJSON_IsBool(item)) return E2B_JSON_WRONG;
    *out = cJSON_IsTrue(item);
    return E2B_JSON_FOUND;
}

e2b_json_get_t e2b_json_object(const cJSON *object, const char *key, const cJSON **out) {
    const cJSON *item = NULL;
    e2b_json_get_t got = member(object, key, &item);
    if (got != E2B_JSON_FOUND) return got;
    if (!cJSON_IsObject(item)) return E2B_JSON_WRONG;
    *out = item;
    return E2B_JSON_FOUND;
}

/* As deep as the tree, which cJSON bounds. */
static void wipe_strings(const cJSON *item) {
    for (; item != NULL; item = item->next) {
        if (item->valuestring != NULL) e2b_wipe(item->valuestring, strlen(item->valuestring));
        wipe_strings(item->child);
    }
}

void e2b_json_wipe_delete(cJSON *value) {
    wipe_strings(value);
    cJSON_Delete(value);
}

/* Straight into the buffer: cJSON's own would leave copies behind as it grows. */
int e2b_json_print(e2b_buf_t *out, const cJSON *value) {
    if (value == NULL) return E2B_ERR_OUT_OF_MEMORY; /* a tree that could not be built */
    for (size_t want = FIRST_ROOM;; want *= 2) {
        size_t left = out->max - out->len;
        size_t room = want < left ? want : left;
        int code = e2b_buf_reserve(out, room);
        if (code != E2B_OK) return code;
        size_t size = out->cap - out->len;
        char *text = out->data + out->len;
        if (cJSON_PrintPreallocated((cJSON *)value, text, size < INT_MAX ? (int)size : INT_MAX,
                                    false)) {
            out->len += strlen(text);
            return E2B_OK;
        }
        e2b_wipe(text, size);
        if (room == left) return E2B_ERR_RESPONSE_TOO_LARGE;
    }
}
