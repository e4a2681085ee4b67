/*
 * overlay.h: one mount of overlayfs over several directories, the writes of which go to upper/NAME
 * (".": to upper itself).
 */
#ifndef E2B_INIT_OVERLAY_H
#define E2B_INIT_OVERLAY_H

#include "mounts.h"

/* Each is some 20 characters of the 4096 that a mount's options may have. */
#define MAX_LOWERS 150

/* What lies under it, the top first; descriptors. Zeroed: none. */
typedef struct lowers {
    int fds[MAX_LOWERS];
    size_t count;
} lowers_t;

/* Nothing of that name, or no directory, is well. 0 or -errno. */
int overlay_add(lowers_t *lowers, int at, const char *name);
/* Of each layer the directory of that name. */
int overlay_add_layers(lowers_t *lowers, const new_root_t *root, const char *name);
void overlay_close(lowers_t *lowers);

/* 0 or -errno. There must be at least one lower. */
int overlay_mount(const new_root_t *root, const char *name, const lowers_t *lowers,
                  const char *target);
/* There must be two. */
int overlay_mount_read_only(const lowers_t *lowers, const char *target);

#endif
