/*
 * path.h: from a sandbox's paths to its files. Every path of the file requests is walked here, one
 * name after the other, with links read and never followed by the kernel: nothing leaves the root,
 * the magic links of /proc lead nowhere but to what they say, and every step is a descriptor that
 * nobody can swap. Opens nothing but by O_PATH: pipes and devices do not notice. Thread of pid 1.
 *
 * Inside of walls the root is the process's own. On RUNG_NONE there are none: /home/user and /root
 * stand for directories of the sandbox, all else is the host's, and only those two and the
 * directories for temporary files may be changed.
 */
#ifndef E2B_INIT_PATH_H
#define E2B_INIT_PATH_H

#include "users.h"

#include "system.h"
#include <sys/stat.h>

#define PATH_MAX_LINKS 40u /* on one way, as the kernel has it */

#define PATH_FOLLOW 1u   /* the last name too, when it is a link */
#define PATH_MAKE 2u     /* parents that are missing, as directories of the user's */
#define PATH_CHANGE 4u   /* it is going to be changed or made: is that allowed there? */
#define PATH_STRAIGHT 8u /* no link anywhere: -ELOOP */

typedef struct place {
    int parent;              /* the directory that it is in, O_PATH; -1 for the root */
    int fd;                  /* itself, O_PATH; -1: nothing is there */
    struct stat st;          /* of it */
    bool own;                /* below one of the sandbox's own directories */
    char name[NAME_MAX + 1]; /* in its parent; "" for the root */
    char path[PATH_MAX];     /* as the sandbox names it, without links but for itself */
} place_t;

/* 0, also when only the last name is not there; then path_close() it. Or -errno: ENOENT, ENOTDIR,
 * ELOOP, ENAMETOOLONG; EACCES, EPERM: must not be changed. `user` for PATH_MAKE, else NULL. */
int path_find(sandbox_t *sandbox, const char *path, unsigned flags, const user_t *user,
              place_t *place);
void path_close(place_t *place);

/* Given; NULL without memory. */
char *path_copy(const char *path);

/* A path to what a descriptor is of: for the calls that take only names. */
void path_of_fd(int fd, char text[PATH_OF_FD]);

/* Opens what place->fd is, if it is a regular file, else -EISDIR or -ENXIO; never waits. The
 * descriptor or -errno. */
int path_open_file(const place_t *place, int flags);

/* Where a path of the sandbox lies for the kernel: differs on RUNG_NONE only, and there for paths
 * that are written as they are (no links looked at). 0 or -ENAMETOOLONG. */
int path_on_host(sandbox_t *sandbox, const char *path, char host[PATH_MAX]);

#endif
