/*
 * copy.h: a file's bytes and attributes into another one, some of them at a time; holes stay holes.
 * Thread of pid 1.
 */
#ifndef E2B_INIT_COPY_H
#define E2B_INIT_COPY_H

#include "stream.h"

#include <sys/stat.h>
#include <sys/types.h>

#define COPY_NAME 40u /* room for a temporary name */

typedef struct copy {
    sandbox_t *sandbox;
    int from, to;  /* -1: none */
    off_t at, end; /* of from: what it had when this began */
    off_t base;    /* where it begins in to */
} copy_t;

/* Both descriptors are taken. 0 or -errno. */
int copy_init(copy_t *copy, sandbox_t *sandbox, int from, int to, off_t base);
void copy_destroy(copy_t *copy);
/* At most so many bytes. 1: there is more; 0: it is done; or -errno, EDQUOT past the disk limit. */
int copy_step(copy_t *copy, size_t bytes);

/* Owner, permissions, extended attributes and times of what `from` is, as far as they may be set.
 */
void copy_attributes(int from, int to, const struct stat *st);
/* A name that nobody has: ".e2b-" and more. */
void copy_temporary_name(char name[COPY_NAME]);

#endif
