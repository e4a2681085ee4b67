/*
 * cgroup.h: the control groups of the sandboxes, of version 2 or 1 or both at once: limits, the
 * freezer, and what was used. The launcher makes a base for itself and a group in it for each
 * sandbox, and removes them; a sandbox's pid 1 keeps descriptors of its own group, which work from
 * inside where no cgroup file system is to be seen. Where there is none to write to, everything
 * here answers that it has nothing.
 */
#ifndef E2B_INIT_CGROUP_H
#define E2B_INIT_CGROUP_H

#include "system.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Version 2 first; then the hierarchies of version 1 by what they control. */
enum cgroup_kind {
    CGROUP_UNIFIED,
    CGROUP_MEMORY,
    CGROUP_PIDS,
    CGROUP_CPU,
    CGROUP_CPUACCT,
    CGROUP_FREEZER,
    CGROUP_KINDS
};

#define CGROUP_NAME 64

/* Where the launcher may make groups: one directory of its own in each hierarchy. */
typedef struct cgroup_base {
    char path[CGROUP_KINDS][PATH_MAX]; /* "" where there is none */
    bool memory, pids, cpu;            /* of version 2: its groups have this controller */
} cgroup_base_t;

typedef struct cgroup_limits {
    int64_t memory_bytes; /* 0: no limit, each */
    uint32_t processes, cpu_percent;
} cgroup_limits_t;

/* One sandbox's. */
typedef struct cgroup {
    int directory[CGROUP_KINDS]; /* -1 where there is none */
    int join[CGROUP_KINDS];      /* a file to write "0" to; -1 where processes are born in it */
    bool memory, pids, cpu;      /* limited here, or could be */
    bool freezer;
} cgroup_t;

/* ---- launcher ---- */

/* Finds out what there is, and makes the base; removes the bases of launchers that are dead. */
void cgroup_base_open(cgroup_base_t *base);
/* The same by what mountinfo and cgroup of /proc/self say. */
void cgroup_base_find(cgroup_base_t *base, const char *mounts, const char *groups);
/* The group of one sandbox: makes it, and removes it when nothing runs in it any more (0 or -errno:
 * -EBUSY when something does). */
int cgroup_make(const cgroup_base_t *base, const char *id);
int cgroup_remove(const cgroup_base_t *base, const char *id);
/* Ends all that runs in it, frozen or not. */
void cgroup_kill(const cgroup_base_t *base, const char *id);
void cgroup_base_close(const cgroup_base_t *base);

/* ---- pid 1 ---- */

/* By path, so before the walls stand. A zeroed base gives an empty group. */
int cgroup_open(cgroup_t *group, const cgroup_base_t *base, const char *id,
                const cgroup_limits_t *limits);
/* In a process that shall be in the group, by clone_into(directory[CGROUP_UNIFIED]). System calls
 * only. 0 or -errno. */
int cgroup_join(const cgroup_t *group);
/* 0: asked for; -ENOSYS without a freezer. Then cgroup_frozen() becomes as wanted. */
int cgroup_freeze(const cgroup_t *group, bool frozen);
/* 1 all stands still, 0 not yet, or -errno. */
int cgroup_frozen(const cgroup_t *group);

/* In bytes and microseconds; -1 where no group says. */
int64_t cgroup_cpu_us(const cgroup_t *group);
int64_t cgroup_memory(const cgroup_t *group, int64_t *cache);

#endif
