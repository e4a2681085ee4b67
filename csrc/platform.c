/*
 * platform.c: clock and poll set for Linux. macOS (kqueue) comes with the work that can compile it;
 * until then the build stops here with a clear word instead of a broken engine. Any thread.
 */
#include "platform.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#ifndef __linux__
#error "e2b-swarm: this version has a poll set for Linux only"
#endif
#include <sys/epoll.h>

#define READY_AT_ONCE 64

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

int e2b_pollset_create(void) {
    return epoll_create1(EPOLL_CLOEXEC);
}

int e2b_pollset_set(int set, int fd, bool in, bool out) {
    struct epoll_event event = {.events = (in ? EPOLLIN : 0u) | (out ? EPOLLOUT : 0u)};
    event.data.fd = fd;
    if (epoll_ctl(set, EPOLL_CTL_MOD, fd, &event) == 0) return 0;
    return errno == ENOENT ? epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) : -1;
}

void e2b_pollset_remove(int set, int fd) {
    epoll_ctl(set, EPOLL_CTL_DEL, fd, NULL);
}

int e2b_pollset_ready(int set, e2b_ready_t *ready, int count) {
    struct epoll_event events[READY_AT_ONCE];
    int found = epoll_wait(set, events, count < READY_AT_ONCE ? count : READY_AT_ONCE, 0);
    for (int i = 0; i < found; i++) {
        uint32_t mask = events[i].events;
        ready[i] = (e2b_ready_t){.fd = events[i].data.fd,
                                 .in = (mask & EPOLLIN) != 0,
                                 .out = (mask & EPOLLOUT) != 0,
                                 .broken = (mask & (EPOLLERR | EPOLLHUP)) != 0};
    }
    return found < 0 ? 0 : found;
}

void e2b_pollset_close(int set) {
    if (set >= 0) close(set);
}
