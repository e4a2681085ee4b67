/*
 * text.h: UTF-8 that arrives in pieces, made into strings. A character that is cut waits for the
 * rest of it. Loop thread. What is no UTF-8 becomes U+FFFD, as V8 does it.
 */
#ifndef E2B_NAPI_TEXT_H
#define E2B_NAPI_TEXT_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct e2b_text {
    char cut[4]; /* the beginning of a character */
    size_t len;
} e2b_text_t;

/* *out: a string, of a long text an array of strings, or NULL when no character is whole yet.
 * False: refused, or out of memory. */
bool e2b_text_next(e2b_text_t *text, napi_env env, const char *data, size_t len, napi_value *out);
/* No more comes: what is left is no character. *out as above. */
bool e2b_text_end(e2b_text_t *text, napi_env env, napi_value *out);

#endif
