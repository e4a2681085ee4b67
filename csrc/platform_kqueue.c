/*
 * platform_kqueue.c: the poll set of macOS (and of the BSDs, which have the same calls). Empty
 * elsewhere. Any thread, one at a time for each set. Must not wait: the loop that watches the set's
 * descriptor does that; a kqueue is readable while it has events.
 *
 * E2B_KQUEUE compiles it on other systems too: the C tests do, over a model of these calls.
 */
#include "platform.h"

#if defined(__APPLE__) || defined(__FreeBSD__) || defined(__OpenBSD__) || defined(E2B_KQUEUE)

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/types.h>

#include <sys/event.h>
#include <sys/time.h>
#include <unistd.h>

int e2b_pollset_create(void) {
    int set = kqueue();
    if (set >= 0) fcntl(set, F_SETFD, FD_CLOEXEC);
    return set;
}

/* Reading and writing are filters of their own; one that is not wanted is taken out. */
int e2b_pollset_set(int set, int fd, bool in, bool out) {
    struct kevent changes[2], receipts[2];
    EV_SET(&changes[0], fd, EVFILT_READ, (in ? EV_ADD : EV_DELETE) | EV_RECEIPT, 0, 0, NULL);
    EV_SET(&changes[1], fd, EVFILT_WRITE, (out ? EV_ADD : EV_DELETE) | EV_RECEIPT, 0, 0, NULL);
    /* With receipts both changes are tried and each has its own outcome: one that was not there
     * must not keep the other from being made. */
    if (kevent(set, changes, 2, receipts, 2, NULL) != 2) return -1;
    for (int i = 0; i < 2; i++) {
        bool wanted = receipts[i].filter == EVFILT_READ ? in : out;
        int error = (int)receipts[i].data;
        if (error != 0 && (wanted || error != ENOENT)) {
            errno = error;
            return -1;
        }
    }
    return 0;
}

void e2b_pollset_remove(int set, int fd) {
    e2b_pollset_set(set, fd, false, false);
}

/* An end of input alone is for the reader to find, as with epoll; what can no longer be written to,
 * or has an error, is broken. */
static bool is_broken(const struct kevent *event) {
    if ((event->flags & EV_EOF) == 0) return false;
    return event->filter == EVFILT_WRITE || event->fflags != 0;
}

/* The entry of fd, of which the two filters make one. */
static e2b_ready_t *entry_of(e2b_ready_t *ready, int *found, int fd) {
    for (int i = 0; i < *found; i++)
        if (ready[i].fd == fd) return &ready[i];
    ready[*found] = (e2b_ready_t){.fd = fd};
    return &ready[(*found)++];
}

int e2b_pollset_ready(int set, e2b_ready_t *ready, int count) {
    struct kevent events[E2B_READY_MAX];
    const struct timespec at_once = {0};
    int events_len =
        kevent(set, NULL, 0, events, count < E2B_READY_MAX ? count : E2B_READY_MAX, &at_once);
    int found = 0;
    for (int i = 0; i < events_len; i++) {
        e2b_ready_t *entry = entry_of(ready, &found, (int)events[i].ident);
        entry->in = entry->in || events[i].filter == EVFILT_READ;
        entry->out = entry->out || events[i].filter == EVFILT_WRITE;
        entry->broken = entry->broken || is_broken(&events[i]);
    }
    return found;
}

void e2b_pollset_close(int set) {
    if (set >= 0) close(set);
}

#elif !defined(__linux__)
#error "e2b-swarm: no poll set for this system; it has one for Linux (epoll) and macOS (kqueue)"
#endif
