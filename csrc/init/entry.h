/*
 * entry.h: what one path is, as the wire tells it (WIRE_ENTRY). Thread of pid 1.
 */
#ifndef E2B_INIT_ENTRY_H
#define E2B_INIT_ENTRY_H

#include "metadata.h"
#include "path.h"

typedef struct entry {
    struct stat st;     /* its own */
    struct stat target; /* what it comes to: the same, but for a link */
    bool own, is_link, is_broken;
    char link[PATH_MAX]; /* where a link ends; of one that ends nowhere, where it is */
    metadata_t metadata; /* of the target */
} entry_t;

/* Of what path_find() found, which must be there. */
void entry_of_place(sandbox_t *sandbox, const place_t *place, entry_t *entry);
/* Of a name in an open directory; `directory` is its place. 0 or -errno. */
int entry_of_name(sandbox_t *sandbox, const place_t *directory, int fd, const char *name,
                  entry_t *entry);

/* Puts its fields, `path` as what it is called. users_fresh() before. */
void entry_put(wire_writer_t *writer, sandbox_t *sandbox, const char *path, const entry_t *entry);
/* Answers DONE with what is at `path`, or FAILED. */
void entry_answer(sandbox_t *sandbox, uint32_t stream, const char *path);

#endif
