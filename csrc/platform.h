/*
 * platform.h: what differs between operating systems: the clock and the poll set (epoll). Nothing
 * here knows curl. Any thread.
 */
#ifndef E2B_PLATFORM_H
#define E2B_PLATFORM_H

#include <stdbool.h>
#include <stdint.h>

typedef struct e2b_ready {
    int fd;
    bool in, out, broken;
} e2b_ready_t;

int64_t e2b_now_us(void); /* steady; never goes back */
int64_t e2b_now_ms(void);
int64_t e2b_wall_ms(void); /* Unix time */

int e2b_pollset_create(void);                                  /* a descriptor, or -1 */
int e2b_pollset_set(int set, int fd, bool in, bool out);       /* adds or changes; 0 or -1 */
void e2b_pollset_remove(int set, int fd);                      /* unknown is fine */
int e2b_pollset_ready(int set, e2b_ready_t *ready, int count); /* never waits */
void e2b_pollset_close(int set);

#endif
