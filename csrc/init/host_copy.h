/*
 * host_copy.h: a directory of the host copied, where overlayfs may not lie over the directory
 * itself: in a container, some of whose files are mounts that a user namespace must not uncover. Of
 * small directories only, as /etc is. pid 1, before it answers.
 */
#ifndef E2B_INIT_HOST_COPY_H
#define E2B_INIT_HOST_COPY_H

#define HOST_COPIES "run/.copies" /* in the launcher's directory, which is the current one */

/* The copy of `name` in `host`, made by whoever needs it first: a descriptor (given), or -errno;
 * -EFBIG when it is not small. What cannot be read is left out. */
int host_copy(int host, const char *name);

#endif
