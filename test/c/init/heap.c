/*
 * heap.c: the wrapped allocator of the tests of csrc/init. See heap.h. One thread.
 */
#include "heap.h"

#include <stdio.h>
#include <stdlib.h>

#define MOST_ROUNDS 20000

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static long left = -1;
static bool alone;
static long failures;

void heap_fail_after(long successes) {
    left = successes;
    alone = false;
    failures = 0;
}

void heap_fail_once(long successes) {
    heap_fail_after(successes);
    alone = true;
}

long heap_failures(void) {
    return failures;
}

static bool fails(void) {
    if (left < 0) return false;
    if (left > 0) {
        left--;
        return false;
    }
    failures++;
    if (alone) left = -1;
    return true;
}

void *__wrap_malloc(size_t size) {
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size) {
    return fails() ? NULL : __real_realloc(memory, size);
}

static long try_with(void (*fail)(long), void (*attempt)(void)) {
    for (long n = 0; n < MOST_ROUNDS; n++) {
        fail(n);
        attempt();
        bool came = failures > 0;
        heap_fail_after(-1);
        if (!came) return n;
    }
    fprintf(stderr, "  did not come to an end with %d allocations\n", MOST_ROUNDS);
    abort();
}

long heap_try_each_failure(void (*attempt)(void)) {
    long all = try_with(heap_fail_after, attempt);
    try_with(heap_fail_once, attempt);
    return all;
}
