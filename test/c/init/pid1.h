/*
 * pid1.h: sandbox_run() in a process of its own, as the launcher's child would call it, but without
 * any wall: programs are run, and files are those of a directory under the system's temporary one.
 * Test thread.
 */
#ifndef E2B_INIT_TEST_PID1_H
#define E2B_INIT_TEST_PID1_H

#include <limits.h>
#include <sys/types.h>

#include "far.h"

#define PID1_MEMORY_FAILED 77 /* exit status: an allocation has failed as asked for */
#define PID1_PATH "PATH=/usr/local/bin:/usr/bin:/bin"

typedef struct pid1 {
    far_t far;
    pid_t pid;
    char directory[64]; /* with upper/home/user in it */
} pid1_t;

/* BOOTED was read. */
void pid1_start(pid1_t *pid1);
/* The same with allocations that fail (heap.h), and BOOTED unread. `alone`: one only. */
void pid1_start_without_memory(pid1_t *pid1, long successes, bool alone);
/* Closes the channel. Its exit status; what it could not do by itself is a failed test run. */
int pid1_stop(pid1_t *pid1);

typedef struct order {
    const char *const *args; /* NULL-ended */
    const char *const *env;  /* NULL: PID1_PATH */
    const char *cwd;         /* NULL: /home/user */
    const char *user;        /* NULL: the default one */
    uint32_t flags, cols, rows;
} order_t;

void pid1_spawn(pid1_t *pid1, uint32_t stream, const order_t *order);
/* A line for /bin/sh. */
void pid1_shell(pid1_t *pid1, uint32_t stream, uint32_t flags, const char *line);
/* The pid out of STARTED. */
pid_t pid1_started(pid1_t *pid1, uint32_t stream);
void pid1_signal(pid1_t *pid1, uint32_t stream, int number);

/* All that a stream tells until it is done, credited as it comes. */
typedef struct told {
    char text[4][4096]; /* by channel; the first bytes */
    size_t len[4];      /* all of them */
    bool ended[4], exited;
    uint32_t status, signal;
    int error; /* of FAILED */
} told_t;
void pid1_listen(pid1_t *pid1, uint32_t stream, told_t *told);
/* Until this stands in the text of a channel, or the stream is done. */
void pid1_listen_for(pid1_t *pid1, uint32_t stream, told_t *told, uint8_t channel,
                     const char *text);
/* A line from its start to its end, as stream 9999. */
void pid1_run(pid1_t *pid1, const char *line, told_t *told);

/* Waits until it holds, or the deadline (then false). */
bool pid1_until(bool (*holds)(void *context), void *context);

#endif
