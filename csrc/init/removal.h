/*
 * removal.h: takes away a file or a whole tree, some names at a time. By descriptors: however deep,
 * and whatever is moved meanwhile, only what lies below goes. Thread of pid 1.
 */
#ifndef E2B_INIT_REMOVAL_H
#define E2B_INIT_REMOVAL_H

#include "loop.h"

#include "system.h"
#include <dirent.h>
#include <stddef.h>
#include <sys/types.h>

#define REMOVAL_MAX_DEPTH (64u * 1024)
/* Entries may be made while others are taken away: how often a directory may turn out not to be
 * empty after all. */
#define REMOVAL_MAX_RETRIES 1000u

typedef struct removal_level {
    char *name; /* in the level above */
    dev_t dev;
    ino_t ino;
} removal_level_t;

typedef struct removal {
    int parent; /* of what goes */
    char name[NAME_MAX + 1];
    DIR *dir; /* of the last level */
    removal_level_t *levels;
    size_t depth, capacity;
    unsigned retries;
} removal_t;

/* parent: a directory, taken by removal_destroy() later; -1 from here on for the caller. */
void removal_init(removal_t *removal, int parent, const char *name);
void removal_destroy(removal_t *removal);
/* At most so many names. 1: there is more; 0: it is gone; or -errno, and some may be left. */
int removal_step(removal_t *removal, unsigned names);

/* Goes on by itself, round by round, and tells nobody: for what was only begun. parent is taken. */
void removal_sweep(loop_t *loop, int parent, const char *name);
/* What it has not come to yet, now, as far as there is time: nothing goes on after this. */
void removal_finish_sweeps(loop_t *loop);

#endif
