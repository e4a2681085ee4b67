/*
 * model.c: a kqueue of read and write filters over epoll, for sockets and one thread. It keeps to
 * what the manual pages say where our code depends on it: each filter is an entry of its own,
 * deleting one that is not there is ENOENT, a receipt for each change with EV_RECEIPT, events of a
 * closed descriptor vanish, and the kqueue is readable while it has events. It never waits.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "sys/event.h"

#define DESCRIPTORS 1024
#define EVENTS 64

/* For each kqueue the epoll events that each descriptor's filters stand for. */
static uint16_t filters[DESCRIPTORS][DESCRIPTORS];

int kqueue(void) {
    int set = epoll_create1(EPOLL_CLOEXEC);
    if (set >= 0) memset(filters[set], 0, sizeof filters[set]);
    return set;
}

static uint16_t mask_of(int filter) {
    return filter == EVFILT_READ ? EPOLLIN | EPOLLRDHUP : EPOLLOUT;
}

static int watch(int set, int fd, uint16_t mask) {
    struct epoll_event event = {.events = mask};
    event.data.fd = fd;
    filters[set][fd] = mask;
    if (mask == 0) return epoll_ctl(set, EPOLL_CTL_DEL, fd, NULL) == 0 ? 0 : errno;
    if (epoll_ctl(set, EPOLL_CTL_MOD, fd, &event) == 0) return 0;
    return errno == ENOENT && epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : errno;
}

static int apply(int set, const struct kevent *change) {
    int fd = (int)change->ident;
    if (fd < 0 || fd >= DESCRIPTORS) return EBADF;
    uint16_t before = filters[set][fd], mask = mask_of(change->filter);
    if ((change->flags & EV_ADD) != 0) return watch(set, fd, before | mask);
    return (before & mask) == 0 ? ENOENT : watch(set, fd, (uint16_t)(before & ~mask));
}

static struct kevent event_of(int fd, int16_t filter, uint32_t ready) {
    bool ended = (ready & (filter == EVFILT_READ ? EPOLLRDHUP | EPOLLHUP : EPOLLHUP)) != 0;
    bool failed = (ready & EPOLLERR) != 0;
    int error = 0;
    socklen_t len = sizeof error;
    if (failed) getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
    struct kevent event;
    EV_SET(&event, fd, filter, ended || failed ? EV_EOF : 0, (uint32_t)error, 0, NULL);
    return event;
}

static int collect(int set, struct kevent *events, int events_len) {
    struct epoll_event ready[EVENTS];
    int ready_len = epoll_wait(set, ready, EVENTS, 0), count = 0;
    for (int i = 0; i < ready_len; i++) {
        int fd = ready[i].data.fd;
        uint32_t found = ready[i].events;
        if ((found & (EPOLLERR | EPOLLHUP)) != 0) found |= EPOLLIN | EPOLLOUT;
        for (int16_t filter = EVFILT_READ; filter >= EVFILT_WRITE; filter--)
            if ((found & filters[set][fd] & mask_of(filter)) != 0 && count < events_len)
                events[count++] = event_of(fd, filter, ready[i].events);
    }
    return count;
}

int kevent(int set, const struct kevent *changes, int changes_len, struct kevent *events,
           int events_len, const struct timespec *timeout) {
    int count = 0;
    (void)timeout;
    if (set < 0 || set >= DESCRIPTORS) {
        errno = EBADF;
        return -1;
    }
    for (int i = 0; i < changes_len; i++) {
        int error = apply(set, &changes[i]);
        if (error == 0 && (changes[i].flags & EV_RECEIPT) == 0) continue;
        if (count == events_len) {
            if (error == 0) continue;
            errno = error;
            return -1;
        }
        events[count] = changes[i];
        events[count].flags = EV_ERROR;
        events[count++].data = error;
    }
    return count > 0 ? count : collect(set, events, events_len);
}
