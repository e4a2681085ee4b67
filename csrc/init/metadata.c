/*
 * metadata.c: the attributes user.e2b.* of files. Must not read without a bound what the sandbox's
 * programs have set, nor touch other attributes. Thread of pid 1.
 */
#include "metadata.h"

#include "system.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#define PREFIX "user.e2b."
#define PREFIX_LEN (sizeof PREFIX - 1)

/* The key of an attribute, or NULL when it is none of ours. */
static const char *key_of(const char *attribute) {
    bool ours = strncmp(attribute, PREFIX, PREFIX_LEN) == 0 && attribute[PREFIX_LEN] != '\0';
    return ours ? attribute + PREFIX_LEN : NULL;
}

/* Where attributes are read from: a path, or an open file. */
typedef struct bearer {
    const char *path; /* NULL: fd */
    int fd;
} bearer_t;

static ssize_t list_names(const bearer_t *bearer, char names[XATTR_LIST_MAX]) {
    if (bearer->path != NULL) return llistxattr(bearer->path, names, XATTR_LIST_MAX);
    return flistxattr(bearer->fd, names, XATTR_LIST_MAX);
}

/* Adds a pair if all of it has room. */
static void read_pair(const bearer_t *bearer, const char *attribute, metadata_t *metadata) {
    const char *key = key_of(attribute);
    size_t len = strlen(key), room = sizeof metadata->data - metadata->len;
    if (len + 2 > room) return;
    char *value = metadata->data + metadata->len + len + 1;
    ssize_t size = bearer->path != NULL ? lgetxattr(bearer->path, attribute, value, room - len - 2)
                                        : fgetxattr(bearer->fd, attribute, value, room - len - 2);
    if (size < 0) return;
    memcpy(metadata->data + metadata->len, key, len + 1);
    value[size] = '\0';
    /* Programs like to end theirs with a NUL, which a string of the wire has not. */
    metadata->len += len + 1 + strlen(value) + 1;
    metadata->pairs++;
}

static void read_all(const bearer_t *bearer, metadata_t *metadata) {
    char names[XATTR_LIST_MAX];
    metadata->pairs = 0;
    metadata->len = 0;
    ssize_t len = list_names(bearer, names);
    for (const char *at = names; len > 0 && at < names + len; at += strlen(at) + 1)
        if (key_of(at) != NULL) read_pair(bearer, at, metadata);
}

void metadata_of_path(const char *path, metadata_t *metadata) {
    bearer_t bearer = {path, -1};
    read_all(&bearer, metadata);
}

void metadata_of_file(int fd, metadata_t *metadata) {
    bearer_t bearer = {NULL, fd};
    read_all(&bearer, metadata);
}

void metadata_put(wire_writer_t *writer, const metadata_t *metadata) {
    const char *at = metadata->data;
    wire_put_u32(writer, metadata->pairs * 2);
    for (uint32_t i = 0; i < metadata->pairs * 2; i++) {
        wire_put_text(writer, at);
        at += strlen(at) + 1;
    }
}

static int remove_all(int fd) {
    char names[XATTR_LIST_MAX];
    ssize_t len = flistxattr(fd, names, sizeof names);
    if (len < 0) return errno == ENOTSUP ? 0 : -errno;
    for (const char *at = names; at < names + len; at += strlen(at) + 1)
        if (key_of(at) != NULL && fremovexattr(fd, at) < 0 && errno != ENODATA) return -errno;
    return 0;
}

int metadata_set(int fd, char *const *pairs, size_t count) {
    int code = remove_all(fd);
    for (size_t i = 0; code == 0 && i + 1 < count; i += 2) {
        char name[XATTR_NAME_MAX + 1];
        int len = snprintf(name, sizeof name, PREFIX "%s", pairs[i]);
        if (len >= (int)sizeof name || pairs[i][0] == '\0') return -EINVAL;
        if (fsetxattr(fd, name, pairs[i + 1], strlen(pairs[i + 1]), 0) < 0) code = -errno;
    }
    return code;
}
