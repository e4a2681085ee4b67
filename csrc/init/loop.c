/*
 * loop.c: one epoll, and alarms as a list. Must not tell of a source after it was closed, also not
 * when its event is in the batch already. One thread.
 */
#include "loop.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int64_t loop_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int loop_init(loop_t *loop) {
    memset(loop, 0, sizeof *loop);
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    return loop->epoll < 0 ? -errno : 0;
}

void loop_destroy(loop_t *loop) {
    if (loop->epoll >= 0) close(loop->epoll);
    loop->epoll = -1;
}

/* ---- sources ---- */

int source_open(source_t *source, loop_t *loop, int fd, uint32_t events, source_ready_t ready) {
    struct epoll_event event = {.events = events, .data.ptr = source};
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) < 0) return -errno;
    *source = (source_t){.loop = loop, .fd = fd, .events = events, .ready = ready};
    return 0;
}

void source_want(source_t *source, uint32_t events) {
    if (source->loop == NULL || source->events == events) return;
    struct epoll_event event = {.events = events, .data.ptr = source};
    /* Changes nothing about what is allocated, so it does not fail. */
    epoll_ctl(source->loop->epoll, EPOLL_CTL_MOD, source->fd, &event);
    source->events = events;
}

int source_release(source_t *source) {
    loop_t *loop = source->loop;
    if (loop == NULL) return -1;
    epoll_ctl(loop->epoll, EPOLL_CTL_DEL, source->fd, NULL);
    for (int i = loop->at; i < loop->count; i++)
        if (loop->events[i].data.ptr == source) loop->events[i].data.ptr = NULL;
    source->loop = NULL;
    return source->fd;
}

void source_close(source_t *source) {
    int fd = source_release(source);
    if (fd >= 0) close(fd);
}

/* ---- alarms ---- */

void alarm_set(loop_alarm_t *alarm, loop_t *loop, int64_t delay_ms, alarm_ring_t ring) {
    alarm_stop(alarm);
    *alarm = (loop_alarm_t){.loop = loop, .at_ms = loop_now_ms() + delay_ms, .ring = ring};
    loop_alarm_t **at = &loop->alarms;
    while (*at != NULL && (*at)->at_ms <= alarm->at_ms) at = &(*at)->next;
    alarm->next = *at;
    *at = alarm;
}

void alarm_stop(loop_alarm_t *alarm) {
    if (alarm->loop == NULL) return;
    loop_alarm_t **at = &alarm->loop->alarms;
    while (*at != alarm) at = &(*at)->next;
    *at = alarm->next;
    alarm->loop = NULL;
}

/* Those that are due by now; what they set anew for now waits for the next round. */
static void ring_alarms(loop_t *loop) {
    if (loop->alarms == NULL) return;
    int64_t now = loop_now_ms();
    for (int left = LOOP_BATCH; left > 0; left--) {
        loop_alarm_t *alarm = loop->alarms;
        if (alarm == NULL || alarm->at_ms > now) return;
        alarm_stop(alarm);
        alarm->ring(alarm);
    }
}

/* ---- the round ---- */

/* At most timeout_ms, and not past the first alarm. */
static int wait_of(const loop_t *loop, int timeout_ms) {
    if (loop->alarms == NULL) return timeout_ms;
    int64_t left = loop->alarms->at_ms - loop_now_ms();
    if (left < 0) left = 0;
    if (left > 1000 * 1000) left = 1000 * 1000;
    return timeout_ms >= 0 && timeout_ms < left ? timeout_ms : (int)left;
}

int loop_round(loop_t *loop, int timeout_ms) {
    int count = epoll_wait(loop->epoll, loop->events, LOOP_BATCH, wait_of(loop, timeout_ms));
    if (count < 0) return errno == EINTR ? 0 : -errno;
    loop->count = count;
    for (loop->at = 0; loop->at < loop->count; loop->at++) {
        const struct epoll_event *event = &loop->events[loop->at];
        source_t *source = event->data.ptr;
        if (source != NULL) source->ready(source, event->events);
    }
    loop->count = loop->at = 0;
    ring_alarms(loop);
    return 0;
}
