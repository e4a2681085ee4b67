/*
 * platform.c: the clocks, which POSIX has everywhere. The poll set of each system is in a file of
 * its own (platform_epoll.c, platform_kqueue.c). Any thread. Must not know what it times.
 */
#include "platform.h"

#include <time.h>

static int64_t read_clock(clockid_t id) {
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t e2b_now_us(void) {
    return read_clock(CLOCK_MONOTONIC);
}

int64_t e2b_now_ms(void) {
    return e2b_now_us() / 1000;
}

int64_t e2b_wall_ms(void) {
    return read_clock(CLOCK_REALTIME) / 1000;
}
