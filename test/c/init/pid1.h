/*
 * pid1.h: sandbox_run() in a process of its own, as the launcher's child would call it, but without
 * any wall: programs are run, and files are those of a directory under the system's temporary one.
 * Test thread.
 */
#ifndef E2B_INIT_TEST_PID1_H
#define E2B_INIT_TEST_PID1_H

#include <linux/limits.h>
#include <sys/types.h>

#include "far.h"

#define PID1_MEMORY_FAILED 77 /* exit status: an allocation has failed as asked for */

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

/* Waits until it holds, or the deadline (then false). */
bool pid1_until(bool (*holds)(void *context), void *context);

#endif
