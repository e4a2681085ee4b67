/*
 * platform_epoll.c: the poll set of Linux. Empty elsewhere. Any thread, one at a time for each set.
 * Must not wait: the loop that watches the set's descriptor does that.
 */
#include "platform.h"

#ifdef __linux__

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

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
    struct epoll_event events[E2B_READY_MAX];
    int found = epoll_wait(set, events, count < E2B_READY_MAX ? count : E2B_READY_MAX, 0);
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

#endif
