/*
 * test.h: the whole harness of the C tests. A file says TEST("a fact") { ... } for each fact and
 * TEST_MAIN at its end; its executable prints the failures and "name: N passed[, N failed]", and
 * ends with 1 when one failed. With an argument only the facts that contain it are tried.
 * A failed check leaves the test at once (longjmp); checks belong on the thread that runs it.
 */
#ifndef E2B_TEST_H
#define E2B_TEST_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "alloc.h"

#define TEST_MAX 256

static struct {
    const char *fact;
    void (*run)(void);
} test_list[TEST_MAX];
static size_t test_count;
static jmp_buf test_escape;

static inline void test_add(const char *fact, void (*run)(void)) {
    if (test_count == TEST_MAX) {
        fprintf(stderr, "More than %d tests in one file: split it\n", TEST_MAX);
        abort();
    }
    test_list[test_count].fact = fact;
    test_list[test_count].run = run;
    test_count++;
}

#define TEST_JOIN_(a, b) a##b
#define TEST_JOIN(a, b) TEST_JOIN_(a, b)
#define TEST_NAMED(fact, id)                                                                       \
    static void TEST_JOIN(test_, id)(void);                                                        \
    __attribute__((constructor)) static void TEST_JOIN(test_add_, id)(void) {                      \
        test_add(fact, TEST_JOIN(test_, id));                                                      \
    }                                                                                              \
    static void TEST_JOIN(test_, id)(void)
#define TEST(fact) TEST_NAMED(fact, __LINE__)

_Noreturn static inline void test_fail(const char *file, int line) {
    fprintf(stderr, "    at %s:%d\n", file, line);
    longjmp(test_escape, 1);
}

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "  not so: %s\n", #condition);                                         \
            test_fail(__FILE__, __LINE__);                                                         \
        }                                                                                          \
    } while (0)

#define CHECK_INT(got, expected)                                                                   \
    do {                                                                                           \
        long long got_ = (long long)(got), expected_ = (long long)(expected);                      \
        if (got_ != expected_) {                                                                   \
            fprintf(stderr, "  %s is %lld, not %lld\n", #got, got_, expected_);                    \
            test_fail(__FILE__, __LINE__);                                                         \
        }                                                                                          \
    } while (0)

#define CHECK_STR(got, expected)                                                                   \
    do {                                                                                           \
        const char *got_ = (got), *expected_ = (expected);                                         \
        if (got_ == NULL || strcmp(got_, expected_) != 0) {                                        \
            fprintf(stderr, "  %s is \"%s\", not \"%s\"\n", #got, got_ != NULL ? got_ : "(NULL)",  \
                    expected_);                                                                    \
            test_fail(__FILE__, __LINE__);                                                         \
        }                                                                                          \
    } while (0)

#define CHECK_MEM(got, got_len, expected, expected_len)                                            \
    do {                                                                                           \
        CHECK_INT(got_len, expected_len);                                                          \
        CHECK((expected_len) == 0 || memcmp(got, expected, expected_len) == 0);                    \
    } while (0)

/* Calls attempt with 0, 1, 2, ... allocations that succeed before all fail, until it answers true:
 * that it has done its work. It must check, and clean up, after a failure too; the sanitizer sees
 * what it leaves behind. Given: how often it failed. */
static inline long test_out_of_memory(bool (*attempt)(void)) {
    for (long successes = 0; successes < 10000; successes++) {
        e2b_alloc_fail_after(successes);
        bool done = attempt();
        e2b_alloc_fail_after(-1);
        if (done) return successes;
    }
    fprintf(stderr, "  did not succeed with 10000 allocations\n");
    test_fail(__FILE__, __LINE__);
}

/* From here on cJSON allocates through alloc.c, so that its allocations fail in their turn too. */
static inline void test_json_uses_our_heap(void) {
    cJSON_Hooks hooks = {e2b_malloc, e2b_free};
    cJSON_InitHooks(&hooks);
}

/* A copy of exactly len bytes without a NUL, so that a read past the end is seen. Given: free(). */
static inline char *test_exact(const char *text, size_t len) {
    char *copy = malloc(len > 0 ? len : 1);
    if (copy == NULL) abort();
    memcpy(copy, text, len);
    return copy;
}

/* Apart from its caller, whose variables a longjmp could clobber. */
static inline bool test_passes(void (*run)(void)) {
    if (setjmp(test_escape) != 0) return false;
    run();
    return true;
}

static inline int test_main(const char *path, const char *only) {
    const char *slash = strrchr(path, '/');
    size_t passed = 0, failed = 0;
    for (size_t i = 0; i < test_count; i++) {
        if (only != NULL && strstr(test_list[i].fact, only) == NULL) continue;
        if (test_passes(test_list[i].run)) {
            passed++;
        } else {
            failed++;
            fprintf(stderr, "FAILED: %s\n", test_list[i].fact);
        }
        e2b_alloc_fail_after(-1);
    }
    printf("%s: %zu passed", slash != NULL ? slash + 1 : path, passed);
    if (failed > 0) printf(", %zu failed", failed);
    printf("\n");
    return failed > 0 ? 1 : 0;
}

#define TEST_MAIN                                                                                  \
    int main(int argc, char **argv) {                                                              \
        return test_main(argv[0], argc > 1 ? argv[1] : NULL);                                      \
    }

#endif
