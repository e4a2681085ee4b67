/*
 * text.c: see text.h. Loop thread. It decides only where to cut; V8 decodes.
 */
#include "text.h"

#include <string.h>

#include "alloc.h"

/* V8 maps memory for every string of more than 128 KB by itself, and unmaps it when it is garbage,
 * which costs three times what the string does. At two bytes a character these are shorter. */
#define PIECE 61440u

/* Loop thread. How many of the last bytes begin a character whose rest is still to come. */
static size_t cut_at_end(const char *data, size_t len) {
    for (size_t back = 1; back <= 3 && back <= len; back++) {
        unsigned char byte = (unsigned char)data[len - back];
        if ((byte & 0xC0) == 0x80) continue;
        size_t size = byte < 0xC0 || byte >= 0xF8 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
        return size > back ? back : 0;
    }
    return 0;
}

/* Loop thread. */
static bool to_strings(napi_env env, const char *data, size_t len, napi_value *out) {
    if (napi_create_array(env, out) != napi_ok) return false;
    for (uint32_t i = 0; len > 0; i++) {
        napi_value piece;
        size_t size = len <= PIECE ? len : PIECE - cut_at_end(data, PIECE);
        if (napi_create_string_utf8(env, data, size, &piece) != napi_ok ||
            napi_set_element(env, *out, i, piece) != napi_ok) {
            return false;
        }
        data += size;
        len -= size;
    }
    return true;
}

/* Loop thread. */
static bool to_string(e2b_text_t *text, napi_env env, const char *data, size_t len,
                      napi_value *out) {
    size_t cut = cut_at_end(data, len);
    memcpy(text->cut, data + len - cut, cut);
    text->len = cut;
    *out = NULL;
    if (len == cut) return true;
    return len <= PIECE ? napi_create_string_utf8(env, data, len - cut, out) == napi_ok
                        : to_strings(env, data, len - cut, out);
}

/* Loop thread. */
bool e2b_text_next(e2b_text_t *text, napi_env env, const char *data, size_t len, napi_value *out) {
    if (text->len == 0) return to_string(text, env, data, len, out);
    char *joined = e2b_malloc(text->len + len);
    if (!joined) return false;
    memcpy(joined, text->cut, text->len);
    memcpy(joined + text->len, data, len);
    bool ok = to_string(text, env, joined, text->len + len, out);
    e2b_free(joined);
    return ok;
}

/* Loop thread. */
bool e2b_text_end(e2b_text_t *text, napi_env env, napi_value *out) {
    size_t len = text->len;
    text->len = 0;
    *out = NULL;
    return len == 0 || napi_create_string_utf8(env, text->cut, len, out) == napi_ok;
}
