/*
 * alloc.c: the heap, with one switch that lets tests run out of memory at a chosen place. Any
 * thread. Must not abort, log, or keep anything about what it hands out.
 */
#include "alloc.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* process-global: the tests' countdown until allocations fail; -1, always outside tests: never.
 * One for the process, because the code under test must not know that it is there. */
static atomic_long successes_left = -1;
static atomic_bool only_once; /* process-global: the same countdown ends with one failure */

void e2b_alloc_fail_after(long successes) {
    atomic_store(&only_once, false);
    atomic_store(&successes_left, successes < 0 ? -1 : successes);
}

void e2b_alloc_fail_once(long successes) {
    atomic_store(&only_once, true);
    atomic_store(&successes_left, successes);
}

bool e2b_alloc_fail_waits(void) {
    return atomic_load(&successes_left) > 0;
}

static bool must_fail(void) {
    long left = atomic_load_explicit(&successes_left, memory_order_relaxed);
    while (left > 0)
        if (atomic_compare_exchange_weak(&successes_left, &left, left - 1)) return false;
    if (left == 0 && atomic_load_explicit(&only_once, memory_order_relaxed))
        atomic_store(&successes_left, -1);
    return left == 0;
}

void *e2b_malloc(size_t size) {
    return must_fail() ? NULL : malloc(size > 0 ? size : 1);
}

void *e2b_calloc(size_t count, size_t size) {
    if (size > 0 && count > SIZE_MAX / size) return NULL;
    return must_fail() ? NULL : calloc(1, count * size > 0 ? count * size : 1);
}

void *e2b_realloc(void *ptr, size_t size) {
    if (size == 0 || must_fail()) return NULL;
    return realloc(ptr, size);
}

void e2b_free(void *ptr) {
    free(ptr);
}

char *e2b_strdup(const char *text) {
    return text == NULL ? NULL : e2b_strndup(text, strlen(text));
}

char *e2b_strndup(const char *text, size_t length) {
    if (text == NULL || length == SIZE_MAX) return NULL;
    const char *end = memchr(text, '\0', length);
    if (end != NULL) length = (size_t)(end - text);
    char *copy = e2b_malloc(length + 1);
    if (copy == NULL) return NULL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

void e2b_wipe(void *ptr, size_t length) {
    memset(ptr, 0, length);
    /* Makes the zeros observable: without it the compiler may drop a memset before a free. */
    __asm__ __volatile__("" : : "r"(ptr) : "memory");
}

void e2b_wipe_free(void *ptr, size_t length) {
    if (ptr == NULL) return;
    e2b_wipe(ptr, length);
    free(ptr);
}

void e2b_wipe_free_string(char *text) {
    if (text != NULL) e2b_wipe_free(text, strlen(text));
}
