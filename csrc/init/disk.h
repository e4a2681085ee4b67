/*
 * disk.h: how much lies on the disk below one directory, measured in slices while programs go on
 * writing there. Thread of pid 1.
 */
#ifndef E2B_INIT_DISK_H
#define E2B_INIT_DISK_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct disk_node disk_node_t;

typedef struct disk_walk {
    int base;             /* borrowed */
    DIR *open;            /* the one under way; NULL: the next of those that wait */
    disk_node_t *here;    /* whose */
    disk_node_t *waiting; /* directories found and not opened */
    size_t nodes;
    int64_t bytes;
} disk_walk_t;

/* Begins anew, at a directory's descriptor. 0 or -ENOMEM. */
int disk_walk_begin(disk_walk_t *walk, int base);
/* About a millisecond of it. 1 there is more, 0 done: `bytes`. */
int disk_walk_step(disk_walk_t *walk);
void disk_walk_end(disk_walk_t *walk);

/* Files that are removed and still open have no place there: what the processes of this namespace,
 * or the descendants of this process, hold of them. */
int64_t disk_of_removed_files(void);

#endif
