/*
 * tree_copy.h: a file or a whole tree once more, under another name, as nearly the same as may be:
 * owners, permissions, times, extended attributes, links; hard links become files of their own.
 * Some of it at a time. Thread of pid 1.
 */
#ifndef E2B_INIT_TREE_COPY_H
#define E2B_INIT_TREE_COPY_H

#include "copy.h"
#include "tree_walk.h"

typedef struct tree_copy {
    sandbox_t *sandbox;
    int parent;           /* of what is made */
    char name[COPY_NAME]; /* it */
    char *path;           /* its path */
    tree_walk_t walk;     /* through what is copied, when it is a directory */
    bool is_tree, making; /* making: the first way through; else giving directories their own */
    int into;             /* the copy of the directory that the walk is in; -1 */
    size_t into_at;       /* walk.opened for which it is that */
    copy_t file;
    bool in_file;
    struct stat st; /* of the file, or of the tree's top */
    int top;        /* of the tree that is copied */
} tree_copy_t;

/* `to` tells where: it will lie beside it, under a temporary name. 0 or -errno; tree_copy_destroy()
 * in every case. *made: something is there that has to be moved on or taken away. */
int tree_copy_init(tree_copy_t *copy, sandbox_t *sandbox, const place_t *from, const place_t *to,
                   bool *made);
void tree_copy_destroy(tree_copy_t *copy);
/* 1: there is more; 0: done; or -errno. */
int tree_copy_step(tree_copy_t *copy);

#endif
