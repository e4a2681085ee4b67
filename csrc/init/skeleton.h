/*
 * skeleton.h: what is the same in every sandbox that lies over the host's files: the directories
 * that something is mounted on, the links at the host's top, and what must not show. Made by each
 * boot in memory, which is quick: on a busy disk every directory costs as much as all the rest.
 */
#ifndef E2B_INIT_SKELETON_H
#define E2B_INIT_SKELETON_H

#include <stdbool.h>

/* Of the host only programs and what they need shows through; all else there is somebody's data. */
bool skeleton_shows(const char *name);
/* Whether the kernel's own files go there. */
bool skeleton_is_kernels(const char *name);

/* All in an empty directory; `user_xattr`: overlayfs' marks are in user.*, where only that can be
 * written. 0 or -errno. What lies beside the directories that have mounts: */
int skeleton_make(int at, bool user_xattr);
/* What is to be laid over the whole of the host's root, root's alone to write. -EXDEV when
 * something that shows is a mount of its own, which would be empty there. */
int skeleton_make_mask(int at, bool user_xattr);
/* What is to be laid over the host's /var. */
int skeleton_make_var(int at, bool user_xattr);

#endif
