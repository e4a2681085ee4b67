/*
 * loop.c: one epoll, and signalfd. Must not tell of a source after it was closed, also not when its
 * event is in the batch already. Empty where there is a kqueue. One thread.
 */
#include "loop.h"

#ifndef LOOP_KQUEUE

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

int loop_init(loop_t *loop) {
    memset(loop, 0, sizeof *loop);
    loop->set = epoll_create1(EPOLL_CLOEXEC);
    return loop->set < 0 ? -errno : 0;
}

void loop_destroy(loop_t *loop) {
    if (loop->set >= 0) close(loop->set);
    loop->set = -1;
}

/* ---- signals ---- */

int signals_open(const int *numbers, size_t count) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < count; i++) sigaddset(&set, numbers[i]);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

int signals_take(int fd) {
    struct signalfd_siginfo info;
    return read(fd, &info, sizeof info) == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}

/* ---- sources ---- */

int source_open(source_t *source, loop_t *loop, int fd, uint32_t events, source_ready_t ready) {
    struct epoll_event event = {.events = events, .data.ptr = source};
    if (epoll_ctl(loop->set, EPOLL_CTL_ADD, fd, &event) < 0) return -errno;
    *source = (source_t){.loop = loop, .fd = fd, .events = events, .ready = ready};
    return 0;
}

void source_want(source_t *source, uint32_t events) {
    if (source->loop == NULL || source->events == events) return;
    struct epoll_event event = {.events = events, .data.ptr = source};
    /* Changes nothing about what is allocated, so it does not fail. */
    epoll_ctl(source->loop->set, EPOLL_CTL_MOD, source->fd, &event);
    source->events = events;
}

int source_release(source_t *source) {
    loop_t *loop = source->loop;
    if (loop == NULL) return -1;
    epoll_ctl(loop->set, EPOLL_CTL_DEL, source->fd, NULL);
    for (int i = loop->at; i < loop->count; i++)
        if (loop->events[i].data.ptr == source) loop->events[i].data.ptr = NULL;
    source->loop = NULL;
    return source->fd;
}

void source_close(source_t *source) {
    int fd = source_release(source);
    if (fd >= 0) close(fd);
}

/* ---- the round ---- */

int loop_round(loop_t *loop, int timeout_ms) {
    int count = epoll_wait(loop->set, loop->events, LOOP_BATCH, alarms_wait(loop, timeout_ms));
    if (count < 0) return errno == EINTR ? 0 : -errno;
    loop->count = count;
    for (loop->at = 0; loop->at < loop->count; loop->at++) {
        const struct epoll_event *event = &loop->events[loop->at];
        source_t *source = event->data.ptr;
        if (source != NULL) source->ready(source, event->events);
    }
    loop->count = loop->at = 0;
    alarms_ring(loop);
    return 0;
}

#endif
