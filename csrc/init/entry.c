/*
 * entry.c: looks at one path and puts it on the wire. Must not open what it looks at. Thread of
 * pid 1.
 */
#include "entry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define NS_PER_S 1000000000
#define MOST_S (INT64_MAX / NS_PER_S - 1)

static void read_metadata(int directory, const char *name, metadata_t *metadata) {
    char file[PATH_OF_FD + NAME_MAX + 2] = "/";
    if (directory >= 0) {
        path_of_fd(directory, file);
        size_t len = strlen(file);
        snprintf(file + len, sizeof file - len, "/%s", name);
    }
    metadata_of_path(file, metadata);
}

/* path: of the link, as path_find() gave it. */
static void follow(sandbox_t *sandbox, const char *path, entry_t *entry) {
    place_t target;
    entry->is_link = entry->is_broken = true;
    entry->metadata.pairs = 0;
    snprintf(entry->link, sizeof entry->link, "%s", path);
    if (path_find(sandbox, path, PATH_FOLLOW, NULL, &target) < 0) return;
    if (target.fd >= 0) {
        entry->is_broken = false;
        entry->target = target.st;
        memcpy(entry->link, target.path, strlen(target.path) + 1);
        read_metadata(target.parent, target.name, &entry->metadata);
    }
    path_close(&target);
}

/* Of `name` in an open directory, st being what it is. */
static void look(sandbox_t *sandbox, int directory, const char *name, const char *path,
                 entry_t *entry) {
    entry->is_link = entry->is_broken = false;
    entry->link[0] = '\0';
    if (S_ISLNK(entry->st.st_mode)) {
        follow(sandbox, path, entry);
        return;
    }
    entry->target = entry->st;
    read_metadata(directory, name, &entry->metadata);
}

void entry_of_place(sandbox_t *sandbox, const place_t *place, entry_t *entry) {
    entry->st = place->st;
    entry->own = place->own;
    look(sandbox, place->parent, place->name, place->path, entry);
}

int entry_of_name(sandbox_t *sandbox, const place_t *directory, int fd, const char *name,
                  entry_t *entry) {
    char path[PATH_MAX + NAME_MAX + 2];
    const char *above = directory->path[1] == '\0' ? "" : directory->path;
    snprintf(path, sizeof path, "%s/%s", above, name);
    if (fstatat(fd, name, &entry->st, AT_SYMLINK_NOFOLLOW) < 0) return -errno;
    entry->own = directory->own;
    look(sandbox, fd, name, path, entry);
    return 0;
}

static uint32_t type_of(const entry_t *entry) {
    if (entry->is_broken) return WIRE_BROKEN;
    if (S_ISREG(entry->target.st_mode)) return WIRE_FILE;
    return S_ISDIR(entry->target.st_mode) ? WIRE_DIRECTORY : WIRE_OTHER;
}

/* A program can date its files as it likes. */
static int64_t in_ns(const struct timespec *time) {
    int64_t seconds = time->tv_sec;
    if (seconds > MOST_S) seconds = MOST_S;
    if (seconds < -MOST_S) seconds = -MOST_S;
    return seconds * NS_PER_S + time->tv_nsec;
}

void entry_put(wire_writer_t *writer, sandbox_t *sandbox, const char *path, const entry_t *entry) {
    char number[USERS_NUMBER];
    const struct stat *st = &entry->st;
    wire_put_text(writer, path);
    wire_put_u32(writer, type_of(entry));
    wire_put_i64(writer, st->st_size);
    wire_put_u32(writer, entry->is_broken ? 0 : entry->target.st_mode);
    wire_put_text(writer, users_name(sandbox, st->st_uid, entry->own, number));
    wire_put_text(writer, users_group_name(sandbox, st->st_gid, entry->own, number));
    wire_put_i64(writer, in_ns(&st->st_mtim));
    wire_put_text(writer, entry->link);
    metadata_put(writer, &entry->metadata);
}

void entry_answer(sandbox_t *sandbox, uint32_t stream, const char *path) {
    place_t place;
    int code = path_find(sandbox, path, 0, NULL, &place);
    if (code == 0 && place.fd < 0) {
        path_close(&place);
        code = -ENOENT;
    }
    if (code < 0) {
        answer_failed(sandbox, stream, -code, "lstat %s", path);
        return;
    }
    entry_t entry;
    entry_of_place(sandbox, &place, &entry);
    path_close(&place);
    users_fresh(sandbox);
    entry_put(answer_begin(sandbox, stream, WIRE_DONE), sandbox, path, &entry);
    answer_end(sandbox);
}
