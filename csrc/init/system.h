/*
 * system.h: what Linux and macOS call differently, mostly under Linux's names. Every file that
 * needs such a name includes this one. macOS has RUNG_NONE only, compiled and never run. Any
 * process.
 */
#ifndef E2B_INIT_SYSTEM_H
#define E2B_INIT_SYSTEM_H

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#ifdef __linux__

#include <linux/limits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/vfs.h>

/* One name of an open directory, by openat(): whatever it is, also a link. */
#define OPEN_PLACE (O_PATH | O_NOFOLLOW | O_CLOEXEC)

/* Of such a descriptor, of `name` in `parent`. */
static inline ssize_t system_read_link(int fd, int parent, const char *name, char *text,
                                       size_t size) {
    (void)parent, (void)name;
    return readlinkat(fd, "", text, size);
}

/* A path to what a descriptor is of: of this process's only. */
#define PATH_OF_FD 32u
static inline void system_path_of_fd(int fd, char text[PATH_OF_FD]) {
    snprintf(text, PATH_OF_FD, "/proc/self/fd/%d", fd);
}

/* The parent's end is this process's. */
static inline void system_die_with_parent(void) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* Whoever is left alone becomes a child of this process. */
static inline int system_adopt_orphans(void) {
    return prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* Whether others of this identity may look into this process, and it into its own /proc. */
static inline void system_show_memory(int shown) {
    prctl(PR_SET_DUMPABLE, shown);
}

#else
#include "darwin.h"
#endif

#endif
