/*
 * calls.c: the table of calls in flight. Loop thread only. The promise of a call that is still in
 * it when the environment ends is never settled; everything else has an owner that takes it out.
 */
#include "calls.h"

#include <string.h>

#include "alloc.h"

#define FIRST_CAP 64u

/* Loop thread. */
static e2b_held_t *add_held(e2b_held_t **list, size_t size) {
    if (size > SIZE_MAX - sizeof(e2b_held_t) - 1) return NULL;
    e2b_held_t *held = e2b_malloc(sizeof *held + size + 1);
    if (!held) return NULL;
    *held = (e2b_held_t){.next = *list, .len = size};
    *list = held;
    return held;
}

/* Loop thread. */
char *e2b_held_copy(e2b_held_t **list, size_t size) {
    e2b_held_t *held = add_held(list, size);
    return held ? held->data : NULL;
}

/* Loop thread. */
bool e2b_held_pin(e2b_held_t **list, napi_env env, napi_value value) {
    e2b_held_t *held = add_held(list, 0);
    return held && napi_create_reference(env, value, 1, &held->ref) == napi_ok;
}

/* Loop thread. Copies may be a user's input to a process: they are wiped. */
void e2b_pending_free(e2b_pending_t *pending, napi_env env) {
    if (!pending) return;
    for (e2b_held_t *held; (held = pending->held) != NULL;) {
        pending->held = held->next;
        if (held->ref) napi_delete_reference(env, held->ref);
        e2b_wipe_free(held, sizeof *held + held->len);
    }
    e2b_free(pending);
}

/* Loop thread. Where id stands, or the free slot where it would. */
static size_t slot_of(const e2b_calls_t *calls, uint64_t id) {
    size_t index = (size_t)id & (calls->cap - 1);
    while (calls->slots[index] && calls->slots[index]->id != id) {
        index = (index + 1) & (calls->cap - 1);
    }
    return index;
}

/* Loop thread. Stays at most half full. */
static bool grow(e2b_calls_t *calls) {
    e2b_calls_t larger = *calls;
    larger.cap = calls->cap ? calls->cap * 2 : FIRST_CAP;
    larger.slots = e2b_calloc(larger.cap, sizeof *larger.slots);
    if (!larger.slots) return false;
    for (size_t i = 0; i < calls->cap; i++) {
        if (calls->slots[i]) larger.slots[slot_of(&larger, calls->slots[i]->id)] = calls->slots[i];
    }
    e2b_free(calls->slots);
    *calls = larger;
    return true;
}

/* Loop thread. */
bool e2b_calls_add(e2b_calls_t *calls, e2b_pending_t *pending) {
    if (calls->count >= calls->cap / 2 && !grow(calls)) return false;
    size_t index = slot_of(calls, pending->id);
    if (calls->slots[index]) return false;
    calls->slots[index] = pending;
    calls->count++;
    if (pending->answer != E2B_ANSWER_PROCESS) calls->exchanges++;
    return true;
}

/* Loop thread. */
e2b_pending_t *e2b_calls_find(const e2b_calls_t *calls, uint64_t id) {
    return calls->cap ? calls->slots[slot_of(calls, id)] : NULL;
}

/* Loop thread. What follows in the same run is moved up, so that no gap breaks a search. */
e2b_pending_t *e2b_calls_take(e2b_calls_t *calls, uint64_t id) {
    if (!calls->cap) return NULL;
    size_t hole = slot_of(calls, id);
    e2b_pending_t *found = calls->slots[hole];
    if (!found) return NULL;
    calls->slots[hole] = NULL;
    calls->count--;
    if (found->answer != E2B_ANSWER_PROCESS) calls->exchanges--;
    size_t mask = calls->cap - 1;
    for (size_t i = (hole + 1) & mask; calls->slots[i]; i = (i + 1) & mask) {
        e2b_pending_t *moved = calls->slots[i];
        calls->slots[i] = NULL;
        calls->slots[slot_of(calls, moved->id)] = moved;
    }
    return found;
}

/* Loop thread. */
void e2b_calls_destroy(e2b_calls_t *calls, napi_env env) {
    for (size_t i = 0; i < calls->cap; i++) e2b_pending_free(calls->slots[i], env);
    e2b_free(calls->slots);
    *calls = (e2b_calls_t){.cap = 0};
}
