/*
 * json.h: typed getters over cJSON for the few places where C looks inside JSON. Every getter
 * checks the type and the range; a missing member is told apart from a wrong one. Pure, any thread.
 */
#ifndef E2B_JSON_H
#define E2B_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

typedef enum e2b_json_get {
    E2B_JSON_FOUND,
    E2B_JSON_ABSENT, /* no such member, or null */
    E2B_JSON_WRONG,  /* another type, or out of range */
} e2b_json_get_t;

/* Parses exactly len bytes (white space around is fine, anything else after the value is not).
 * Given: free with cJSON_Delete. NULL: not JSON, nested too deeply, or out of memory. */
cJSON *e2b_json_parse(const char *text, size_t len);

/* Case-sensitive. *out is borrowed from object. All accept a NULL object (ABSENT). */
e2b_json_get_t e2b_json_string(const cJSON *object, const char *key, const char **out);
e2b_json_get_t
e2b_json_int(const cJSON *object, const char *key, int64_t min, int64_t max,
             int64_t *out); /* a whole number, or a decimal string (ProtoJSON int64) */
e2b_json_get_t e2b_json_bool(const cJSON *object, const char *key, bool *out);
e2b_json_get_t e2b_json_object(const cJSON *object, const char *key, const cJSON **out);

/* Frees a tree whose strings may be keys or tokens: they are overwritten first. NULL is fine. */
void e2b_json_wipe_delete(cJSON *value);

/* Appends the unformatted text of value. 0, OUT_OF_MEMORY or RESPONSE_TOO_LARGE. */
int e2b_json_print(e2b_buf_t *out, const cJSON *value);

#endif
