/*
 * alloc.h: the only door to the heap for the core, so that tests can let the n-th allocation fail.
 * Any thread. Nothing here aborts: NULL means out of memory.
 */
#ifndef E2B_ALLOC_H
#define E2B_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

void *e2b_malloc(size_t size);
void *e2b_calloc(size_t count, size_t size); /* checks the product */
void *e2b_realloc(void *ptr, size_t size);   /* size 0 is refused with NULL, ptr stays valid */
void e2b_free(void *ptr);                    /* NULL is fine */
char *e2b_strdup(const char *text);          /* NULL in, NULL out */
char *e2b_strndup(const char *text, size_t length);

/* Overwrites length bytes in a way that the compiler keeps. For keys and tokens. */
void e2b_wipe(void *ptr, size_t length);
/* The same, then frees; NULL is fine. */
void e2b_wipe_free(void *ptr, size_t length);
/* The same for a string; NULL is fine. */
void e2b_wipe_free_string(char *text);

/* Tests only: after `successes` more allocations every further one fails; -1: never fail. */
void e2b_alloc_fail_after(long successes);
/* Tests only: after that many the next one alone fails. */
void e2b_alloc_fail_once(long successes);
/* Tests only: the failure that was asked for has not come yet. */
bool e2b_alloc_fail_waits(void);

#endif
