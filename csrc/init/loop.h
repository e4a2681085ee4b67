/*
 * loop.h: waiting for descriptors and for time, over one epoll, or one kqueue (loop_kqueue.c),
 * which speaks of readiness in epoll's words. E2B_KQUEUE takes that one on Linux too: tests do.
 * Knows nothing of frames; used by pid 1 and by the launcher. One thread. Whoever embeds a source
 * or an alarm owns its memory and must close it before that goes away; zeroed memory is a closed
 * source and a silent alarm.
 */
#ifndef E2B_INIT_LOOP_H
#define E2B_INIT_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#if defined __linux__ && !defined E2B_KQUEUE
#include <sys/epoll.h>
#else
#define LOOP_KQUEUE
#include <sys/event.h>
#include <sys/time.h>
#endif

#ifndef __linux__
#define EPOLLIN 0x001u
#define EPOLLOUT 0x004u
#define EPOLLERR 0x008u
#define EPOLLHUP 0x010u
#define EPOLLRDHUP 0x2000u
#define EPOLLET 0x80000000u
#elif defined LOOP_KQUEUE
#include <sys/epoll.h>
#endif

#define LOOP_BATCH 64 /* descriptors told of in one round */

typedef struct loop loop_t;
typedef struct source source_t;
typedef struct loop_alarm loop_alarm_t;

typedef void (*source_ready_t)(source_t *source, uint32_t events);
typedef void (*alarm_ring_t)(loop_alarm_t *alarm);

/* A watched descriptor. `ready` gets EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR, EPOLLRDHUP as they are;
 * the first two as asked for, HUP and ERR always. Level-triggered. It may close this source and any
 * other: none that is closed is told of again, in this round either. */
struct source {
    loop_t *loop; /* NULL: closed */
    int fd;
    uint32_t events;
    source_ready_t ready;
#ifdef LOOP_KQUEUE
    bool is_socket;
    uint32_t ended; /* what the two filters have said of an end */
#endif
};

/* Rings once, not before its time. */
struct loop_alarm {
    loop_t *loop; /* NULL: silent */
    loop_alarm_t *next;
    int64_t at_ms;
    alarm_ring_t ring;
};

struct loop {
    int set;       /* the epoll, or the kqueue */
    int count, at; /* of the events of the round under way */
#ifdef LOOP_KQUEUE
    struct kevent events[LOOP_BATCH];
#else
    struct epoll_event events[LOOP_BATCH];
#endif
    loop_alarm_t *alarms; /* the soonest first */
};

int loop_init(loop_t *loop); /* 0 or -errno */
void loop_destroy(loop_t *loop);
/* One wait, at most `timeout_ms` long (-1: until something happens), and all that it brings. 0 or
 * -errno. */
int loop_round(loop_t *loop, int timeout_ms);
/* CLOCK_MONOTONIC. */
int64_t loop_now_ms(void);

/* 0 or -errno; then the descriptor stays the caller's. Else it is the source's (taken). */
int source_open(source_t *source, loop_t *loop, int fd, uint32_t events, source_ready_t ready);
/* Another set of events; 0 is none but HUP and ERR, which do not wait to be asked for. */
void source_want(source_t *source, uint32_t events);
/* Not watched any more; its descriptor is given back (-1 from a closed one). */
int source_release(source_t *source);
/* The same, and closes the descriptor. */
void source_close(source_t *source);

/* A descriptor that can be read once one of these signals has come. All of them must be blocked,
 * and none ignored. Or -errno. */
int signals_open(const int *numbers, size_t count);
/* The next that has come, or 0. */
int signals_take(int fd);

/* ---- alarms (loop_alarms.c) ---- */

/* How long a round may wait: at most timeout_ms, and not past the first alarm. */
int alarms_wait(const loop_t *loop, int timeout_ms);
/* Rings those that are due. */
void alarms_ring(loop_t *loop);
/* Sets it anew if it is set. */
void alarm_set(loop_alarm_t *alarm, loop_t *loop, int64_t delay_ms, alarm_ring_t ring);
void alarm_stop(loop_alarm_t *alarm);

#endif
