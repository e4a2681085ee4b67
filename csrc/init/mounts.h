/*
 * mounts.h: the files of a sandbox that has a mount namespace of its own: a new root, built of what
 * lies under it, read-only, and of the sandbox's own directory, which takes all writes; then put in
 * the place of the host's. Between isolate.c, mounts.c, mount_tree.c and mount_kernel.c.
 */
#ifndef E2B_INIT_MOUNTS_H
#define E2B_INIT_MOUNTS_H

#include "isolate.h"

/* Where a boot mounts its scratch memory; an empty directory of the launcher's, below its own,
 * which is the current one. */
#define MOUNTS_PLACE "run/.place"

/* The new root while it is built: descriptors, since names in it are the sandbox's to choose. */
typedef struct new_root {
    const boot_t *boot;
    boot_rung_t rung;
    const char *private;  /* of the host: no sandbox sees it */
    bool user_xattr;      /* in a user namespace: overlayfs has to mark files in user.* */
    int directory;        /* boot.directory */
    int upper, work;      /* in it */
    int below;            /* the host's root, or boot.root */
    int memory;           /* scratch, gone when the walls stand */
    int top;              /* the new root itself */
    int64_t memory_bytes; /* of each file system in memory */
    wall_failure_t *failure;
    char *note;
    size_t note_size;
} new_root_t;

/* Everything, to the point where nothing of the host is left to be seen. 0 or -1 and the failure.
 */
int mounts_build(new_root_t *root);

/* ---- mounts.c ---- */

#define FD_PATH 32
/* The name of what a descriptor is of, for calls that want a path. */
const char *fd_path(char *text, int fd);
/* -1, with the failure filled in from errno (or `error`). */
int mounts_failed(const new_root_t *root, int error, const char *verb, const char *object);
/* A directory in the new root, made with its parents where there is none, without following links.
 * A descriptor (given) or -errno. */
int mounts_make_directory(int parent, const char *path, mode_t mode);
/* Adds flags (MS_RDONLY, MS_NODEV, ...) to a mount that is there. 0 or -errno. */
int mounts_restrict(const char *target, unsigned long flags, bool recursive);
/* `source` is seen at `target` as well, a descriptor, read-only. 0 or -errno. */
int mounts_show(int source, int target, unsigned long flags);

/* ---- mount_tree.c: the directories of the host, of the layers and the sandbox's own ---- */
int mount_tree(new_root_t *root);

/* ---- mount_kernel.c: what the kernel itself shows: /proc, /dev, /sys, and memory ---- */
int mount_kernel(new_root_t *root);

#endif
