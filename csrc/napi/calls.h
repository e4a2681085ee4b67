/*
 * calls.h: what the border keeps for a call in flight, found by the call's number, and the bytes
 * that the call refers to. Loop thread only. Does not know the engine.
 */
#ifndef E2B_NAPI_CALLS_H
#define E2B_NAPI_CALLS_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text.h"

/* Bytes that must stay until the op is freed: a reference to a Buffer, or a copy. */
typedef struct e2b_held {
    struct e2b_held *next;
    napi_ref ref; /* NULL: a copy follows */
    size_t len;
    char data[];
} e2b_held_t;

/* What a call answers with: see the record kinds in news.c. */
typedef enum e2b_answer { E2B_ANSWER_JSON, E2B_ANSWER_BYTES, E2B_ANSWER_PROCESS } e2b_answer_t;

typedef struct e2b_pending {
    uint64_t id;
    e2b_answer_t answer;
    bool text;          /* process output as strings; else as Buffers */
    e2b_text_t part[2]; /* of its streams, as strings */
    e2b_held_t *held;
} e2b_pending_t;

/* Adds size bytes to copy into. NULL: out of memory. */
char *e2b_held_copy(e2b_held_t **list, size_t size);
/* Keeps value from being collected. False: refused. */
bool e2b_held_pin(e2b_held_t **list, napi_env env, napi_value value);
void e2b_pending_free(e2b_pending_t *pending, napi_env env); /* NULL is fine */

/* Open addressing with the number itself as the hash: numbers are given out in sequence. */
typedef struct e2b_calls {
    e2b_pending_t **slots;
    size_t cap; /* a power of two, or 0 */
    size_t count;
    size_t exchanges; /* of these, those that wait for an answer and not for a process */
} e2b_calls_t;

/* Takes pending. False: out of memory, or the number is in use; pending is the caller's still. */
bool e2b_calls_add(e2b_calls_t *calls, e2b_pending_t *pending);
/* Given; NULL when unknown. */
e2b_pending_t *e2b_calls_take(e2b_calls_t *calls, uint64_t id);
e2b_pending_t *e2b_calls_find(const e2b_calls_t *calls, uint64_t id);
void e2b_calls_destroy(e2b_calls_t *calls, napi_env env);

#endif
