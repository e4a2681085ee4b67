/*
 * value.c: typed reading of JavaScript values. Loop thread only; each error names the field. It
 * must not keep anything of V8's beyond the call, except what e2b_read_bytes puts into `held`.
 */
#include "value.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"

#define PIN_BYTES 65536u /* below, a copy costs less than a reference */
#define MAX_ITEMS 65536u /* of one list; far above what a command line can hold */
#define MAX_NAME 160u

struct e2b_block {
    struct e2b_block *next;
    size_t size;
    _Alignas(16) char data[];
};

/* Loop thread. */
void e2b_reader_init(e2b_reader_t *reader, napi_env env, e2b_err_t *err) {
    *reader = (e2b_reader_t){.env = env, .err = err};
}

/* Loop thread. */
void e2b_reader_destroy(e2b_reader_t *reader) {
    for (struct e2b_block *block; (block = reader->blocks) != NULL;) {
        reader->blocks = block->next;
        e2b_wipe_free(block, sizeof *block + block->size);
    }
}

/* Loop thread. */
static bool failed(const e2b_reader_t *reader) {
    return reader->err->code != E2B_OK;
}

/* Loop thread. */
static void *lend(e2b_reader_t *reader, size_t size) {
    struct e2b_block *block = e2b_malloc(sizeof *block + size);
    if (!block) {
        e2b_err_set(reader->err, E2B_ERR_OUT_OF_MEMORY, "no memory for the arguments");
        return NULL;
    }
    block->next = reader->blocks;
    block->size = size;
    reader->blocks = block;
    return block->data;
}

/* Loop thread. */
static void refuse(e2b_reader_t *reader, const char *name, const char *what) {
    if (!failed(reader)) e2b_err_set(reader->err, E2B_ERR_INVALID_ARGUMENT, "%s %s", name, what);
}

/* Loop thread. */
static napi_valuetype type_of(e2b_reader_t *reader, napi_value value) {
    napi_valuetype type = napi_undefined;
    if (value) napi_typeof(reader->env, value, &type);
    return type;
}

/* Loop thread. */
static void refuse_type(e2b_reader_t *reader, const char *name, const char *wanted,
                        napi_value value) {
    static const char *const names[] = {"undefined", "null",     "a boolean", "a number",
                                        "a string",  "a symbol", "object",    "a function",
                                        "external",  "a bigint"};
    char what[96];
    napi_valuetype type = type_of(reader, value);
    bool is_array = false;
    if (type == napi_object) napi_is_array(reader->env, value, &is_array);
    const char *is = is_array ? "an array" : type == napi_object ? "an object" : names[type];
    snprintf(what, sizeof what, "must be %s, not %s", wanted, is);
    refuse(reader, name, what);
}

/* Loop thread. */
napi_value e2b_take_exception(napi_env env) {
    bool pending = false;
    napi_value error = NULL;
    if (napi_is_exception_pending(env, &pending) == napi_ok && pending &&
        napi_get_and_clear_last_exception(env, &error) == napi_ok) {
        return error;
    }
    return napi_get_undefined(env, &error) == napi_ok ? error : NULL;
}

/* Loop thread. */
napi_value e2b_read_present(e2b_reader_t *reader, napi_value value) {
    napi_valuetype type = type_of(reader, value);
    return type == napi_undefined || type == napi_null ? NULL : value;
}

/* Loop thread. */
napi_value e2b_read_field(e2b_reader_t *reader, napi_value object, const char *name) {
    napi_value value = NULL;
    if (failed(reader) || !e2b_read_present(reader, object)) return NULL;
    if (napi_get_named_property(reader->env, object, name, &value) != napi_ok) {
        e2b_take_exception(reader->env);
        refuse(reader, name, "cannot be read");
        return NULL;
    }
    return e2b_read_present(reader, value);
}

/* Loop thread. */
const char *e2b_read_string(e2b_reader_t *reader, napi_value value, const char *name) {
    size_t len;
    if (failed(reader) || !value) return NULL;
    if (napi_get_value_string_utf8(reader->env, value, NULL, 0, &len) != napi_ok) {
        refuse_type(reader, name, "a string", value);
        return NULL;
    }
    char *text = lend(reader, len + 1);
    if (!text) return NULL;
    if (napi_get_value_string_utf8(reader->env, value, text, len + 1, &len) != napi_ok) {
        refuse(reader, name, "cannot be read");
        return NULL;
    }
    if (memchr(text, 0, len)) {
        refuse(reader, name, "must not contain a NUL character");
        return NULL;
    }
    return text;
}

/* Loop thread. */
const char *e2b_read_required(e2b_reader_t *reader, napi_value value, const char *name) {
    if (!e2b_read_present(reader, value)) refuse_type(reader, name, "a string", value);
    return e2b_read_string(reader, value, name);
}

/* Loop thread. */
int e2b_read_choice(e2b_reader_t *reader, napi_value value, const char *name) {
    bool is = false;
    if (failed(reader) || !value) return -1;
    if (napi_get_value_bool(reader->env, value, &is) != napi_ok) {
        refuse_type(reader, name, "true or false", value);
        return -1;
    }
    return is ? 1 : 0;
}

/* Loop thread. */
bool e2b_read_bool(e2b_reader_t *reader, napi_value value, const char *name, bool fallback) {
    int choice = e2b_read_choice(reader, value, name);
    return choice < 0 ? fallback : choice == 1;
}

/* Loop thread. */
double e2b_read_number(e2b_reader_t *reader, napi_value value, const char *name, double fallback) {
    double number;
    if (failed(reader) || !value) return fallback;
    if (napi_get_value_double(reader->env, value, &number) != napi_ok) {
        refuse_type(reader, name, "a number", value);
        return fallback;
    }
    return number;
}

/* Loop thread. min and max must be exact in a double. */
int64_t e2b_read_whole(e2b_reader_t *reader, napi_value value, const char *name, int64_t min,
                       int64_t max, int64_t fallback) {
    double number = e2b_read_number(reader, value, name, (double)fallback);
    if (failed(reader) || !value) return fallback;
    if (!(number >= (double)min && number <= (double)max) || floor(number) != number) {
        char what[96];
        snprintf(what, sizeof what, "must be a whole number from %lld to %lld", (long long)min,
                 (long long)max);
        refuse(reader, name, what);
        return fallback;
    }
    return (int64_t)number;
}

/* Loop thread. The length of an array; 0 with a refusal for anything else. */
static uint32_t array_length(e2b_reader_t *reader, napi_value value, const char *name) {
    bool is_array = false;
    uint32_t count = 0;
    if (failed(reader) || !value) return 0;
    if (napi_is_array(reader->env, value, &is_array) != napi_ok || !is_array ||
        napi_get_array_length(reader->env, value, &count) != napi_ok) {
        refuse_type(reader, name, "an array", value);
        return 0;
    }
    if (count <= MAX_ITEMS) return count;
    refuse(reader, name, "has too many items");
    return 0;
}

/* Loop thread. */
static napi_value array_item(e2b_reader_t *reader, napi_value array, uint32_t index,
                             const char *name) {
    napi_value item = NULL;
    if (failed(reader)) return NULL;
    if (napi_get_element(reader->env, array, index, &item) == napi_ok) return item;
    e2b_take_exception(reader->env);
    refuse(reader, name, "cannot be read");
    return NULL;
}

/* Loop thread. With pairs, a value is named by its key. */
static e2b_strings_t read_list(e2b_reader_t *reader, napi_value value, const char *name,
                               bool pairs) {
    e2b_strings_t none = {NULL, 0};
    uint32_t count = array_length(reader, value, name);
    if (pairs && count % 2 != 0) refuse(reader, name, "must hold a value for every key");
    if (count == 0 || failed(reader)) return none;
    const char **items = lend(reader, count * sizeof *items);
    for (uint32_t i = 0; items && i < count && !failed(reader); i++) {
        char item_name[MAX_NAME];
        if (pairs && i % 2 == 1) {
            snprintf(item_name, sizeof item_name, "%s.%s", name, items[i - 1]);
        } else {
            snprintf(item_name, sizeof item_name, pairs ? "a name in %s" : "%s[%u]", name, i);
        }
        napi_handle_scope scope;
        if (napi_open_handle_scope(reader->env, &scope) != napi_ok) return none;
        items[i] = e2b_read_required(reader, array_item(reader, value, i, item_name), item_name);
        napi_close_handle_scope(reader->env, scope);
    }
    return failed(reader) ? none : (e2b_strings_t){items, count};
}

/* Loop thread. */
e2b_strings_t e2b_read_strings(e2b_reader_t *reader, napi_value value, const char *name) {
    return read_list(reader, value, name, false);
}

/* Loop thread. */
e2b_strings_t e2b_read_pairs(e2b_reader_t *reader, napi_value value, const char *name) {
    return read_list(reader, value, name, true);
}

/* Loop thread. */
double *e2b_read_doubles(e2b_reader_t *reader, napi_value value, size_t count) {
    bool is = false;
    napi_typedarray_type type = napi_int8_array;
    size_t length = 0;
    void *data = NULL;
    if (!value || napi_is_typedarray(reader->env, value, &is) != napi_ok || !is ||
        napi_get_typedarray_info(reader->env, value, &type, &length, &data, NULL, NULL) !=
            napi_ok) {
        return NULL;
    }
    return type == napi_float64_array && length == count ? data : NULL;
}

/* ---- bytes ---- */

/* Loop thread. */
static bool view_of(e2b_reader_t *reader, napi_value value, void **data, size_t *len) {
    bool is = false;
    *data = NULL;
    if (napi_is_buffer(reader->env, value, &is) == napi_ok && is) {
        return napi_get_buffer_info(reader->env, value, data, len) == napi_ok;
    }
    return napi_is_arraybuffer(reader->env, value, &is) == napi_ok && is &&
           napi_get_arraybuffer_info(reader->env, value, data, len) == napi_ok;
}

/* Loop thread. */
static void out_of_memory(e2b_reader_t *reader, const char *name) {
    if (failed(reader)) return;
    e2b_err_set(reader->err, E2B_ERR_OUT_OF_MEMORY, "no memory for %s", name);
}

/* Loop thread. */
static e2b_bytes_t string_bytes(e2b_reader_t *reader, napi_value value, const char *name,
                                e2b_held_t **held) {
    e2b_bytes_t bytes = {NULL, 0};
    size_t len = 0;
    if (napi_get_value_string_utf8(reader->env, value, NULL, 0, &len) != napi_ok) return bytes;
    char *copy = e2b_held_copy(held, len + 1);
    if (copy && napi_get_value_string_utf8(reader->env, value, copy, len + 1, &len) == napi_ok) {
        bytes = (e2b_bytes_t){copy, len};
    } else {
        out_of_memory(reader, name);
    }
    return bytes;
}

/* Loop thread. */
e2b_bytes_t e2b_read_bytes(e2b_reader_t *reader, napi_value value, const char *name,
                           e2b_held_t **held) {
    e2b_bytes_t bytes = {NULL, 0};
    void *data;
    size_t len = 0;
    if (failed(reader) || !value) return bytes;
    if (type_of(reader, value) == napi_string) return string_bytes(reader, value, name, held);
    if (!view_of(reader, value, &data, &len)) {
        refuse_type(reader, name, "a string or a Buffer", value);
    } else if (len < PIN_BYTES) {
        char *copy = e2b_held_copy(held, len);
        if (copy) {
            if (len > 0) memcpy(copy, data, len);
            bytes = (e2b_bytes_t){copy, len};
        } else {
            out_of_memory(reader, name);
        }
    } else if (e2b_held_pin(held, reader->env, value)) {
        bytes = (e2b_bytes_t){data, len};
    } else {
        out_of_memory(reader, name);
    }
    return bytes;
}

/* Loop thread. */
const e2b_bytes_t *e2b_read_bytes_list(e2b_reader_t *reader, napi_value value, const char *name,
                                       e2b_held_t **held, size_t *count) {
    *count = array_length(reader, value, name);
    if (*count == 0) return NULL;
    e2b_bytes_t *items = lend(reader, *count * sizeof *items);
    for (uint32_t i = 0; items && i < *count && !failed(reader); i++) {
        char item_name[MAX_NAME];
        snprintf(item_name, sizeof item_name, "%s[%u]", name, i);
        napi_value item = e2b_read_present(reader, array_item(reader, value, i, item_name));
        if (!item) refuse(reader, item_name, "must be a string or a Buffer, not undefined");
        items[i] = e2b_read_bytes(reader, item, item_name, held);
    }
    return failed(reader) ? NULL : items;
}
