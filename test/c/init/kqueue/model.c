/*
 * kqueue_model.c: the kqueue that csrc/init/loop_kqueue.c needs, over epoll: each filter an entry
 * of its own, of which a cleared one tells once, ends of the other side, signals, and waiting. Our
 * reading of the manual pages, for one thread; it proves the logic above it, not Apple's kernel.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "sys/event.h"

#define DESCRIPTORS 1024
#define EVENTS 64

/* By its descriptor, which is an epoll over one for each filter. */
typedef struct set {
    int filters[2]; /* 0: read, 1: write */
    void *udata[2][DESCRIPTORS];
    int signals; /* -1: none */
    sigset_t numbers;
} set_t;

static set_t sets[DESCRIPTORS]; /* no allocation: tests let those fail */

static void nest(int outer, int inner) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = inner};
    if (epoll_ctl(outer, EPOLL_CTL_ADD, inner, &event) < 0) abort();
}

/* A closed one's descriptors stay open until its number comes back, or the process ends. */
int kqueue(void) {
    int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0) return -1;
    if (fd >= DESCRIPTORS) abort();
    sets[fd].signals = -1;
    sigemptyset(&sets[fd].numbers);
    for (int i = 0; i < 2; i++) {
        sets[fd].filters[i] = epoll_create1(EPOLL_CLOEXEC);
        nest(fd, sets[fd].filters[i]);
    }
    return fd;
}

static int watch_signal(int kqueue_fd, set_t *set, int number) {
    sigaddset(&set->numbers, number);
    int fd = signalfd(set->signals, &set->numbers, SFD_CLOEXEC | SFD_NONBLOCK);
    if (set->signals < 0) nest(kqueue_fd, fd);
    set->signals = fd;
    return 0;
}

static int apply(int kqueue_fd, set_t *set, const struct kevent *change) {
    int fd = (int)change->ident;
    if (change->filter == EVFILT_SIGNAL) return watch_signal(kqueue_fd, set, fd);
    int which = change->filter == EVFILT_READ ? 0 : 1;
    struct epoll_event event = {.events = which == 0 ? EPOLLIN | EPOLLRDHUP : EPOLLOUT};
    event.data.fd = fd;
    if (fd < 0 || fd >= DESCRIPTORS) return EBADF;
    if ((change->flags & EV_DELETE) != 0)
        return epoll_ctl(set->filters[which], EPOLL_CTL_DEL, fd, NULL) < 0 ? errno : 0;
    if ((change->flags & EV_CLEAR) != 0) event.events |= EPOLLET;
    if (epoll_ctl(set->filters[which], EPOLL_CTL_ADD, fd, &event) < 0) return errno;
    set->udata[which][fd] = change->udata;
    return 0;
}

static int collect_signal(set_t *set, struct kevent *event) {
    struct signalfd_siginfo info;
    if (set->signals < 0 || read(set->signals, &info, sizeof info) != (ssize_t)sizeof info)
        return 0;
    EV_SET(event, info.ssi_signo, EVFILT_SIGNAL, 0, 0, 1, NULL);
    return 1;
}

static int collect(set_t *set, struct kevent *events, int most) {
    struct epoll_event ready[EVENTS];
    int count = most > 0 ? collect_signal(set, events) : 0;
    for (int which = 0; which < 2; which++) {
        int room = most - count < EVENTS ? most - count : EVENTS;
        int got = room > 0 ? epoll_wait(set->filters[which], ready, room, 0) : 0;
        for (int i = 0; i < got; i++) {
            uint32_t ends = EPOLLERR | EPOLLHUP | (which == 0 ? (uint32_t)EPOLLRDHUP : 0);
            int fd = ready[i].data.fd;
            /* Which error it is would be cleared by asking. */
            uint32_t error = (ready[i].events & EPOLLERR) != 0 ? ECONNRESET : 0;
            EV_SET(&events[count++], fd, which == 0 ? EVFILT_READ : EVFILT_WRITE,
                   (ready[i].events & ends) != 0 ? EV_EOF : 0, error, 0, set->udata[which][fd]);
        }
    }
    return count;
}

int kevent(int fd, const struct kevent *changes, int changes_len, struct kevent *events,
           int events_len, const struct timespec *timeout) {
    struct epoll_event some;
    set_t *set = &sets[fd];
    for (int i = 0; i < changes_len; i++) {
        int error = apply(fd, set, &changes[i]);
        if (error == 0) continue;
        errno = error;
        return -1;
    }
    if (events_len == 0) return 0;
    int ms = timeout == NULL ? -1 : (int)(timeout->tv_sec * 1000 + timeout->tv_nsec / 1000000);
    if (epoll_wait(fd, &some, 1, ms) < 0) return -1;
    return collect(set, events, events_len);
}
