/*
 * quota.h: what a sandbox may use, where no cgroup holds it: its disk always, memory and the
 * number of processes on the rungs without groups. By measuring, so a little late. Thread of pid 1.
 */
#ifndef E2B_INIT_QUOTA_H
#define E2B_INIT_QUOTA_H

#include "stream.h"

typedef struct quota quota_t;

/* By sandbox.c, around the life of the loop. */
void quota_start(sandbox_t *sandbox);
void quota_stop(sandbox_t *sandbox);

/* A process is started: from now on it has to be looked at. NULL: nothing to look after. */
void quota_wake(quota_t *quota);

/* For who writes files from pid 1: whether `more` bytes would pass the disk limit (EDQUOT), and
 * that they were written, so that the next answer counts them before they are measured. */
bool quota_disk_full(const sandbox_t *sandbox, int64_t more);
void quota_disk_wrote(sandbox_t *sandbox, int64_t bytes);

/* What lies under upper, by the last measure, in bytes. */
int64_t quota_disk_used(const sandbox_t *sandbox);

#endif
