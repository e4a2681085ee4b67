/*
 * platform.h: what differs between operating systems: the clock and the poll set (epoll on Linux,
 * kqueue on macOS). Nothing here knows curl. Any thread; one at a time for each poll set.
 */
#ifndef E2B_PLATFORM_H
#define E2B_PLATFORM_H

#include <stdbool.h>
#include <stdint.h>

/* What one look at a poll set finds at most: the size of an array on the stack. What is ready
 * beyond it stays ready and is found by the next look. */
#define E2B_READY_MAX 64

typedef struct e2b_ready {
    int fd;
    bool in, out, broken;
} e2b_ready_t;

int64_t e2b_now_us(void); /* steady; never goes back */
int64_t e2b_now_ms(void);
int64_t e2b_wall_ms(void); /* Unix time */

/* The descriptor is readable while something in the set is ready, so another set, or uv_poll, can
 * watch it. A descriptor that is closed leaves the set by itself. */
int e2b_pollset_create(void);                            /* a descriptor, or -1 */
int e2b_pollset_set(int set, int fd, bool in, bool out); /* adds or changes; 0 or -1 */
void e2b_pollset_remove(int set, int fd);                /* unknown is fine */
/* Never waits; how many of at most count. Each descriptor at most once, and again the next time as
 * long as it is ready. */
int e2b_pollset_ready(int set, e2b_ready_t *ready, int count);
void e2b_pollset_close(int set); /* -1 is fine */

#endif
