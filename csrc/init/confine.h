/*
 * confine.h: what a process of a sandbox may not do, whoever it is there: capabilities that it
 * cannot have, and system calls that are refused.
 */
#ifndef E2B_INIT_CONFINE_H
#define E2B_INIT_CONFINE_H

#include "boot.h"

#include <linux/filter.h>

#define CONFINE_MAX 128

/* The filter, made once and used in each child. Without instructions it is none. */
typedef struct confine {
    struct sock_filter code[CONFINE_MAX];
    unsigned short length;
} confine_t;

/* Of this process's bounding set: what is not among those that a container runtime leaves to its
 * containers goes, for all that it executes; so do devices, and packets of one's own making, which
 * on the host's network would be everybody's. Its own stay. 0 or -errno. */
int confine_capabilities(void);

/* None where the kernel has no filters, or this machine's calls are not known here. */
void confine_prepare(confine_t *confine, boot_rung_t rung);
/* For this process and what it becomes; needs CAP_SYS_ADMIN in its own user namespace. System calls
 * only. 0 or -errno. */
int confine_apply(const confine_t *confine);

#endif
