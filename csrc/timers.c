/*
 * timers.c: a binary heap by due time. Pool thread. It must never call a timer that is still in it.
 */
#include "timers.h"

#include "alloc.h"
#include "e2b.h"

void e2b_timers_destroy(e2b_timers_t *timers) {
    e2b_free(timers->heap);
}

static void heap_place(e2b_timers_t *timers, size_t index, e2b_timer_t *timer) {
    timers->heap[index] = timer;
    timer->slot = index + 1;
}

static void heap_up(e2b_timers_t *timers, size_t index) {
    e2b_timer_t *timer = timers->heap[index];
    for (size_t parent; index > 0; index = parent) {
        parent = (index - 1) / 2;
        if (timers->heap[parent]->due_ms <= timer->due_ms) break;
        heap_place(timers, index, timers->heap[parent]);
    }
    heap_place(timers, index, timer);
}

static void heap_down(e2b_timers_t *timers, size_t index) {
    e2b_timer_t *timer = timers->heap[index];
    for (size_t child; (child = 2 * index + 1) < timers->len; index = child) {
        if (child + 1 < timers->len &&
            timers->heap[child + 1]->due_ms < timers->heap[child]->due_ms) {
            child++;
        }
        if (timers->heap[child]->due_ms >= timer->due_ms) break;
        heap_place(timers, index, timers->heap[child]);
    }
    heap_place(timers, index, timer);
}

int e2b_timers_set(e2b_timers_t *timers, e2b_timer_t *timer, int64_t due_ms) {
    e2b_timers_clear(timers, timer);
    if (timers->len == timers->cap) {
        size_t cap = timers->cap ? timers->cap * 2 : 64;
        e2b_timer_t **heap = e2b_realloc(timers->heap, cap * sizeof *heap);
        if (!heap) return E2B_ERR_OUT_OF_MEMORY;
        timers->heap = heap;
        timers->cap = cap;
    }
    timer->due_ms = due_ms;
    heap_place(timers, timers->len++, timer);
    heap_up(timers, timers->len - 1);
    return E2B_OK;
}

void e2b_timers_clear(e2b_timers_t *timers, e2b_timer_t *timer) {
    if (timer->slot == 0) return;
    size_t index = timer->slot - 1;
    timer->slot = 0;
    e2b_timer_t *last = timers->heap[--timers->len];
    if (last == timer) return;
    heap_place(timers, index, last);
    heap_up(timers, index);
    heap_down(timers, last->slot - 1);
}

bool e2b_timers_fire(e2b_timers_t *timers, int64_t now_ms) {
    bool any = false;
    while (timers->len > 0 && timers->heap[0]->due_ms <= now_ms) {
        e2b_timer_t *timer = timers->heap[0];
        e2b_timers_clear(timers, timer);
        timer->fire(timer);
        any = true;
    }
    return any;
}

int64_t e2b_timers_next(const e2b_timers_t *timers) {
    return timers->len > 0 ? timers->heap[0]->due_ms : -1;
}
