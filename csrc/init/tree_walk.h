/*
 * tree_walk.h: everything below a directory, one name at a time, so that whoever walks can stop
 * anywhere and let others have their turn. Directories are entered when asked, later, the last one
 * first. Follows no link. Thread of pid 1.
 */
#ifndef E2B_INIT_TREE_WALK_H
#define E2B_INIT_TREE_WALK_H

#include "path.h"

#include <dirent.h>

#define TREE_WALK_MAX_BYTES (64u * 1024 * 1024) /* of names of directories that wait */

/* A directory that waits, or is above one. */
typedef struct tree_node tree_node_t;
struct tree_node {
    tree_node_t *above, *next;
    uint32_t depth, below; /* 0 is where the walk began; how many refer to it */
    char name[];
};

typedef struct tree_walk {
    sandbox_t *sandbox;
    char *base;     /* as path_find() gave it */
    bool forgiving; /* leaves out directories that are gone by then, or closed to us */
    tree_node_t *pending, *here;
    DIR *dir;      /* of here */
    place_t place; /* of here, while dir is open */
    size_t held;   /* bytes of nodes */
    size_t opened; /* directories so far: tells whether it is another one by now */
} tree_walk_t;

/* base: of a directory, resolved; copied. 0 or -ENOMEM. tree_walk_destroy() also after a failure.
 */
int tree_walk_init(tree_walk_t *walk, sandbox_t *sandbox, const char *base, bool forgiving);
void tree_walk_destroy(tree_walk_t *walk);

/* 1: *name is the next, in walk->place, open as tree_walk_fd(); 0: that was all; or -errno. */
int tree_walk_next(tree_walk_t *walk, const char **name);
int tree_walk_fd(const tree_walk_t *walk);
/* How deep *name lies: 1 in the base itself. */
uint32_t tree_walk_depth(const tree_walk_t *walk);
/* `name`, in the directory that is open, is a directory to be walked through as well. 0; -E2BIG,
 * -ENOMEM. */
int tree_walk_enter(tree_walk_t *walk, const char *name);

/* `base` and the way down to `name` (NULL: to the open directory), in one path. 0 or -ENAMETOOLONG.
 */
int tree_walk_path(const tree_walk_t *walk, const char *base, const char *name,
                   char path[PATH_MAX]);

#endif
