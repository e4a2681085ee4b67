/*
 * heap.h: lets allocations of csrc/init fail on purpose. Its malloc, calloc and realloc come here
 * by the linker (--wrap); what libc allocates for itself does not. Test thread.
 */
#ifndef E2B_INIT_TEST_HEAP_H
#define E2B_INIT_TEST_HEAP_H

#include <stdbool.h>

/* After `successes` more allocations every further one fails; -1: none. */
void heap_fail_after(long successes);
/* After that many the next one alone fails. */
void heap_fail_once(long successes);
/* How often one has failed since it was last asked for. */
long heap_failures(void);

/* Calls `attempt` while after 0, 1, 2, ... allocations all others fail, and then while one alone
 * does, each until none is left to fail; `attempt` must hold either way. Given: how many there are
 * to fail, at the least one. */
long heap_try_each_failure(void (*attempt)(void));

#endif
