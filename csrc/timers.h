/*
 * timers.h: what is to happen when, in the memory of whoever wants it. Pool thread.
 */
#ifndef E2B_TIMERS_H
#define E2B_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct e2b_timer {
    int64_t due_ms;
    size_t slot; /* place in the heap + 1; 0 when not set */
    void (*fire)(struct e2b_timer *timer);
} e2b_timer_t;

typedef struct e2b_timers { /* zero: none */
    e2b_timer_t **heap;
    size_t len, cap;
} e2b_timers_t;

void e2b_timers_destroy(e2b_timers_t *timers);

/* Setting an armed timer moves it. OUT_OF_MEMORY when the heap cannot grow. */
int e2b_timers_set(e2b_timers_t *timers, e2b_timer_t *timer, int64_t due_ms);
void e2b_timers_clear(e2b_timers_t *timers, e2b_timer_t *timer);

/* Fires what is due. True: something was. */
bool e2b_timers_fire(e2b_timers_t *timers, int64_t now_ms);
int64_t e2b_timers_next(const e2b_timers_t *timers); /* when; -1: never */

#endif
