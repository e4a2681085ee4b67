/*
 * loop_kqueue.c: loop.h over a kqueue. Both filters of every source are there all the time, since
 * the end of the other side is to be told unasked: one that is not wanted tells once, which is
 * passed over. Must not tell of a source after it was closed. Empty where there is an epoll. One
 * thread.
 */
#include "loop.h"

#ifdef LOOP_KQUEUE

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int loop_init(loop_t *loop) {
    memset(loop, 0, sizeof *loop);
    loop->set = kqueue();
    if (loop->set < 0) return -errno;
    fcntl(loop->set, F_SETFD, FD_CLOEXEC);
    return 0;
}

void loop_destroy(loop_t *loop) {
    if (loop->set >= 0) close(loop->set);
    loop->set = -1;
}

/* ---- signals: a kqueue of their own, which can be read while it has events ---- */

int signals_open(const int *numbers, size_t count) {
    int set = kqueue();
    if (set < 0) return -errno;
    fcntl(set, F_SETFD, FD_CLOEXEC);
    for (size_t i = 0; i < count; i++) {
        struct kevent change;
        EV_SET(&change, (uintptr_t)numbers[i], EVFILT_SIGNAL, EV_ADD, 0, 0, NULL);
        if (kevent(set, &change, 1, NULL, 0, NULL) == 0) continue;
        int error = errno;
        close(set);
        return -error;
    }
    return set;
}

int signals_take(int fd) {
    struct kevent event;
    struct timespec none = {0, 0};
    return kevent(fd, NULL, 0, &event, 1, &none) == 1 ? (int)event.ident : 0;
}

/* ---- sources ---- */

/* What is not wanted, and what is wanted edge-triggered, is told once. A filter that is there keeps
 * its flags, so it is taken out first. */
static int put(source_t *source, int16_t filter, bool wanted) {
    struct kevent change;
    uint16_t once = !wanted || (source->events & EPOLLET) != 0 ? EV_CLEAR : 0;
    EV_SET(&change, (uintptr_t)source->fd, filter, EV_DELETE, 0, 0, NULL);
    kevent(source->loop->set, &change, 1, NULL, 0, NULL);
    EV_SET(&change, (uintptr_t)source->fd, filter, EV_ADD | once, 0, 0, source);
    return kevent(source->loop->set, &change, 1, NULL, 0, NULL) < 0 ? -errno : 0;
}

/* One of the two may be refused: a pipe has one direction, a kqueue is only read. */
int source_open(source_t *source, loop_t *loop, int fd, uint32_t events, source_ready_t ready) {
    struct stat st;
    *source = (source_t){.loop = loop, .fd = fd, .events = events, .ready = ready};
    source->is_socket = fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
    int in = put(source, EVFILT_READ, (events & EPOLLIN) != 0);
    int out = put(source, EVFILT_WRITE, (events & EPOLLOUT) != 0);
    bool lacks_in = in < 0 && (events & EPOLLIN) != 0,
         lacks_out = out < 0 && (events & EPOLLOUT) != 0;
    if (!lacks_in && !lacks_out && (in == 0 || out == 0)) return 0;
    source_release(source);
    return lacks_out || in == 0 ? out : in;
}

void source_want(source_t *source, uint32_t events) {
    if (source->loop == NULL || source->events == events) return;
    uint32_t changed = source->events ^ events;
    source->events = events;
    if ((changed & (EPOLLIN | EPOLLRDHUP)) != 0)
        put(source, EVFILT_READ, (events & (EPOLLIN | EPOLLRDHUP)) != 0);
    if ((changed & EPOLLOUT) != 0) put(source, EVFILT_WRITE, (events & EPOLLOUT) != 0);
}

int source_release(source_t *source) {
    static const int16_t filters[] = {EVFILT_READ, EVFILT_WRITE};
    loop_t *loop = source->loop;
    if (loop == NULL) return -1;
    for (size_t i = 0; i < 2; i++) {
        struct kevent change;
        EV_SET(&change, (uintptr_t)source->fd, filters[i], EV_DELETE, 0, 0, NULL);
        kevent(loop->set, &change, 1, NULL, 0, NULL);
    }
    for (int i = loop->at; i < loop->count; i++)
        if (loop->events[i].udata == source) loop->events[i].udata = NULL;
    source->loop = NULL;
    return source->fd;
}

void source_close(source_t *source) {
    int fd = source_release(source);
    if (fd >= 0) close(fd);
}

/* ---- the round ---- */

/* In epoll's words. A socket whose other side will say no more is at an end when neither side can;
 * a pipe that nobody reads is an error, one that nobody writes is at its end. */
static uint32_t events_of(source_t *source, const struct kevent *event) {
    bool in = event->filter == EVFILT_READ, ended = (event->flags & EV_EOF) != 0;
    uint32_t events = in ? EPOLLIN | (ended ? EPOLLRDHUP : 0) : EPOLLOUT;
    events &= source->events;
    if (!ended) return events;
    source->ended |= in ? EPOLLIN : EPOLLOUT;
    if (event->fflags != 0 && source->is_socket) events |= EPOLLERR;
    if (!source->is_socket) events |= in ? EPOLLHUP : EPOLLERR;
    if (source->ended == (EPOLLIN | EPOLLOUT)) events |= EPOLLHUP;
    return events;
}

int loop_round(loop_t *loop, int timeout_ms) {
    int wait_ms = alarms_wait(loop, timeout_ms);
    struct timespec most = {wait_ms / 1000, wait_ms % 1000 * 1000000};
    int count = kevent(loop->set, NULL, 0, loop->events, LOOP_BATCH, wait_ms < 0 ? NULL : &most);
    if (count < 0) return errno == EINTR ? 0 : -errno;
    loop->count = count;
    for (loop->at = 0; loop->at < loop->count; loop->at++) {
        source_t *source = loop->events[loop->at].udata;
        uint32_t events = source != NULL ? events_of(source, &loop->events[loop->at]) : 0;
        if (events != 0) source->ready(source, events);
    }
    loop->count = loop->at = 0;
    alarms_ring(loop);
    return 0;
}

#endif
