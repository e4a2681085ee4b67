/*
 * value.h: reads JavaScript values into C. Loop thread only. The first value that does not fit is
 * noted in the reader's err with the field's name, and every later read answers its default: check
 * err once, after the last read. Ranges are the core's business; here only what C cannot hold.
 */
#ifndef E2B_NAPI_VALUE_H
#define E2B_NAPI_VALUE_H

#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>

#include "calls.h"
#include "e2b.h"

typedef struct e2b_reader {
    napi_env env;
    e2b_err_t *err; /* kept */
    struct e2b_block *blocks;
} e2b_reader_t;

void e2b_reader_init(e2b_reader_t *reader, napi_env env, e2b_err_t *err);
/* Wipes and frees everything that was read: it may hold keys. */
void e2b_reader_destroy(e2b_reader_t *reader);

/* A property; NULL when object is NULL, undefined or null, or the property is undefined or null. */
napi_value e2b_read_field(e2b_reader_t *reader, napi_value object, const char *name);
/* value itself; NULL when it is undefined or null. */
napi_value e2b_read_present(e2b_reader_t *reader, napi_value value);

/* Below, a NULL value stands for "absent". Everything is lent until e2b_reader_destroy. */

/* Without a NUL character. NULL when absent. */
const char *e2b_read_string(e2b_reader_t *reader, napi_value value, const char *name);
/* The same, but absent is refused. */
const char *e2b_read_required(e2b_reader_t *reader, napi_value value, const char *name);
bool e2b_read_bool(e2b_reader_t *reader, napi_value value, const char *name, bool fallback);
/* -1 when absent, else 0 or 1. */
int e2b_read_choice(e2b_reader_t *reader, napi_value value, const char *name);
double e2b_read_number(e2b_reader_t *reader, napi_value value, const char *name, double fallback);
/* A whole number within min and max. */
int64_t e2b_read_whole(e2b_reader_t *reader, napi_value value, const char *name, int64_t min,
                       int64_t max, int64_t fallback);
e2b_strings_t e2b_read_strings(e2b_reader_t *reader, napi_value value, const char *name);
/* Flat pairs: key, value, key, value... */
e2b_strings_t e2b_read_pairs(e2b_reader_t *reader, napi_value value, const char *name);

/* The memory of a Float64Array of count numbers, for as long as the array lives; else NULL. */
double *e2b_read_doubles(e2b_reader_t *reader, napi_value value, size_t count);

/* A Buffer, another view, an ArrayBuffer, or a string as UTF-8. From 64 KiB on the memory of
 * JavaScript is used, else a copy; either stays in held. {NULL, 0} when absent. */
e2b_bytes_t e2b_read_bytes(e2b_reader_t *reader, napi_value value, const char *name,
                           e2b_held_t **held);
/* An array of them. */
const e2b_bytes_t *e2b_read_bytes_list(e2b_reader_t *reader, napi_value value, const char *name,
                                       e2b_held_t **held, size_t *count);

/* Forgets an exception that is pending after a refused call; undefined when there is none. */
napi_value e2b_take_exception(napi_env env);

#endif
