/*
 * linger.h: whether a work item that has nothing to do waits a little for the next answer, on its
 * thread of libuv's pool, instead of giving the thread back: that spares two changes of threads a
 * call. It does so for a millisecond at most, only while it pays, and never when the pool is busy.
 */
#ifndef E2B_NAPI_LINGER_H
#define E2B_NAPI_LINGER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "e2b.h"

typedef struct e2b_linger {
    int wake[2]; /* a pipe: who waits reads, who wakes writes */
    atomic_bool waiting;
    bool wanted;        /* by the work item that is queued or runs */
    uint64_t queued_ns; /* when it was queued */
    uint64_t began_ns;
    uint64_t delay_ns; /* moving mean of how long items were queued */
    unsigned futile;   /* times in a row that waiting was for nothing */
    unsigned items;
} e2b_linger_t;

/* False: no descriptors are left; also then it has to be destroyed. Loop thread. */
bool e2b_linger_init(e2b_linger_t *linger);
void e2b_linger_destroy(e2b_linger_t *linger);

/* Before the item is queued; calls: answers are due that come at once or not for long. Loop thread.
 */
void e2b_linger_queued(e2b_linger_t *linger, bool calls);
/* First thing in the item. Pool thread. */
void e2b_linger_begin(e2b_linger_t *linger);
/* After each step: true when there is cause for another one. Pool thread. */
bool e2b_linger_wait(e2b_linger_t *linger, e2b_client_t *client);
/* The client has been given a command: whoever waits goes on at once. Loop thread. */
void e2b_linger_wake(e2b_linger_t *linger);

#endif
