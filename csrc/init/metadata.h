/*
 * metadata.h: what E2B's users attach to files, kept as extended attributes user.e2b.KEY. Thread of
 * pid 1.
 */
#ifndef E2B_INIT_METADATA_H
#define E2B_INIT_METADATA_H

#include "wire.h"

/* Of one file, keys and values: what a sandbox's programs have set beyond this is left out. */
#define METADATA_MAX (16u * 1024)

typedef struct metadata {
    uint32_t pairs;
    size_t len;
    char data[METADATA_MAX]; /* key, NUL, value, NUL, ... */
} metadata_t;

/* Of what lies at a path of the kernel's, a link itself; none where there are none to be had. */
void metadata_of_path(const char *path, metadata_t *metadata);
/* Of an open one. */
void metadata_of_file(int fd, metadata_t *metadata);
/* As a list of the wire. */
void metadata_put(wire_writer_t *writer, const metadata_t *metadata);
/* An open file's become exactly these: key, value, key, value, ...; `count` strings. 0 or -errno:
 * ENOTSUP where the file system has none and there are some to be set. */
int metadata_set(int fd, char *const *pairs, size_t count);

#endif
