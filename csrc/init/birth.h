/*
 * birth.h: how a sandbox comes into the world: a child of the launcher that builds walls around
 * itself and becomes pid 1 of what is inside. Launcher; in the child it does not return.
 */
#ifndef E2B_INIT_BIRTH_H
#define E2B_INIT_BIRTH_H

#include "isolate.h"

typedef struct birth_plan {
    walls_plan_t walls;
    const char *directory; /* the launcher's own */
    int launcher;          /* a pidfd of the launcher: its children look at it */
    struct rlimit
        files; /* as the launcher got it from the backend, for those who have it from us */
} birth_plan_t;

/* The pid or -errno. `channel` stays the caller's, the child has its own. What stops it later is
 * told there. */
pid_t birth(const birth_plan_t *plan, const boot_t *boot, int channel);

/* Builds walls as for a sandbox with nothing in it, in directory/run, to see whether that can be
 * done here. 0, or -1 with the reason in `text`; else a remark, or "". */
int birth_try(const birth_plan_t *plan, char *text, size_t size);

#endif
