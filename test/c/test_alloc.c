/* Facts about alloc.c: what it hands out, what it refuses, and the switch that lets it fail. */
#include "test.h"

#include <pthread.h>

/* A size that the compiler cannot see through: these tests ask for impossible amounts. */
static size_t hidden(size_t size) {
    volatile size_t copy = size;
    return copy;
}

TEST("memory of no bytes is memory all the same") {
    void *ptr = e2b_malloc(0);
    CHECK(ptr != NULL);
    e2b_free(ptr);
    ptr = e2b_calloc(0, 8);
    CHECK(ptr != NULL);
    e2b_free(ptr);
    e2b_free(NULL);
}

TEST("calloc gives zeros and refuses a product that does not fit") {
    char *bytes = e2b_calloc(3, 5);
    CHECK(bytes != NULL);
    for (size_t i = 0; i < 15; i++) CHECK_INT(bytes[i], 0);
    e2b_free(bytes);
    CHECK(e2b_calloc(hidden(SIZE_MAX / 2), hidden(3)) == NULL);
    CHECK(e2b_calloc(hidden(SIZE_MAX), hidden(SIZE_MAX)) == NULL);
}

TEST("realloc keeps the bytes, begins from nothing, and refuses size 0") {
    char *bytes = e2b_realloc(NULL, 4);
    CHECK(bytes != NULL);
    memcpy(bytes, "abc", 4);
    bytes = e2b_realloc(bytes, 4096);
    CHECK_STR(bytes, "abc");
    CHECK(e2b_realloc(bytes, hidden(0)) == NULL);
    CHECK_STR(bytes, "abc");
    e2b_free(bytes);
}

TEST("strdup copies, and answers NULL with NULL") {
    char *copy = e2b_strdup("text");
    CHECK_STR(copy, "text");
    e2b_free(copy);
    CHECK(e2b_strdup(NULL) == NULL);
}

TEST("strndup stops at the length or at a NUL, and reads no further") {
    char *exact = test_exact("abcdef", 6);
    char *copy = e2b_strndup(exact, 6);
    CHECK_STR(copy, "abcdef");
    e2b_free(copy);
    copy = e2b_strndup(exact, 2);
    CHECK_STR(copy, "ab");
    e2b_free(copy);
    copy = e2b_strndup("ab\0cd", 5);
    CHECK_STR(copy, "ab");
    e2b_free(copy);
    copy = e2b_strndup("", 0);
    CHECK_STR(copy, "");
    e2b_free(copy);
    CHECK(e2b_strndup(NULL, 3) == NULL);
    CHECK(e2b_strndup("abc", hidden(SIZE_MAX)) == NULL);
    free(exact);
}

TEST("wiping frees, also nothing") {
    e2b_wipe_free(e2b_strdup("token"), 5);
    e2b_wipe_free_string(e2b_strdup("token"));
    e2b_wipe_free_string(e2b_strdup(""));
    e2b_wipe_free(NULL, 5);
    e2b_wipe_free_string(NULL);
}

TEST("after the given successes every kind of allocation fails, until it is switched off") {
    e2b_alloc_fail_after(2);
    void *first = e2b_malloc(1);
    char *second = e2b_strdup("x");
    bool all_failed = e2b_malloc(1) == NULL && e2b_calloc(1, 1) == NULL &&
                      e2b_realloc(first, 100) == NULL && e2b_realloc(NULL, 1) == NULL &&
                      e2b_strdup("x") == NULL && e2b_strndup("x", 1) == NULL;
    e2b_alloc_fail_after(-1);
    CHECK(first != NULL && second != NULL && all_failed);
    void *again = e2b_malloc(1);
    CHECK(again != NULL);
    e2b_free(again);
    e2b_free(first);
    e2b_free(second);
}

enum { THREADS = 4, PER_THREAD = 200 };

static void *allocate_many(void *context) {
    long *granted = context;
    for (int i = 0; i < PER_THREAD; i++) {
        void *ptr = e2b_malloc(8);
        *granted += ptr != NULL;
        e2b_free(ptr);
    }
    return NULL;
}

TEST("threads share the countdown: exactly as many succeed as were granted") {
    pthread_t threads[THREADS];
    long granted[THREADS] = {0};
    e2b_alloc_fail_after(301);
    for (size_t i = 0; i < THREADS; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, allocate_many, &granted[i]), 0);
    long total = 0;
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        total += granted[i];
    }
    e2b_alloc_fail_after(-1);
    CHECK_INT(total, 301);
}

TEST_MAIN
