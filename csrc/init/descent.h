/*
 * descent.h: the processes that come from one: who has no namespace to end them by has
 * only this. Orphans are found too, as long as `ancestor` is their subreaper or pid 1. Launcher and
 * pid 1.
 */
#ifndef E2B_INIT_DESCENT_H
#define E2B_INIT_DESCENT_H

#include "processes.h"

typedef struct descent {
    pid_t ancestor;
    /* Told of each one at once, while the search goes on: what it starts meanwhile is found too. */
    void (*each)(struct descent *descent, const descendant_t *one);
    /* Whether that one and all that come from it are left out; may be NULL. */
    bool (*leave)(const struct descent *descent, pid_t pid);
    void *with;
} descent_t;

/* All that live: not the ancestor, nor who has ended and not been waited for. 0 or -errno. */
int descent_walk(descent_t *descent);

/* Ends all of them: until none is left, or `most_ms` are over. Reaps what are children of the
 * caller. How many were left. */
unsigned descent_kill(descent_t *descent, int64_t most_ms);

#endif
