/*
 * fuzz.h: what the fuzz targets share. Each target is one file with LLVMFuzzerTestOneInput: it
 * states properties of csrc with MUST and is run by libFuzzer (make -C test/c fuzz) or, over the
 * committed corpus, by replay.c (make -C test/c fuzz-replay).
 * The shared libcjson is not instrumented: libFuzzer is blind to its branches, which is acceptable
 * because the targets are about our code around it. CJSON=path/to/cJSON.c compiles it in.
 */
#ifndef E2B_FUZZ_H
#define E2B_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* A copy of exactly size bytes, so that the sanitizer sees a read past the end. Given: free(). */
static inline char *fuzz_exact(const void *data, size_t size) {
    char *copy = calloc(1, size > 0 ? size : 1);
    MUST(copy != NULL);
    if (size > 0) memcpy(copy, data, size);
    return copy;
}

#endif
