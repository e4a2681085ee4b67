/*
 * remove_tree.h: a directory with all that is in it, as the launcher and a boot have to remove it:
 * nobody writes to it any more, it may be as deep and as odd as a sandbox could make it, and
 * directories in it may have lost their modes. For files of a sandbox that lives: removal.c.
 */
#ifndef E2B_INIT_REMOVE_TREE_H
#define E2B_INIT_REMOVE_TREE_H

/* Links are removed, not followed; nothing there is well. 0, or -errno of the first that could not
 * be removed; the rest is. Waits for the disk. */
int remove_tree(int parent, const char *name);

#endif
