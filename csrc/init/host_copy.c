/*
 * host_copy.c: files, links and directories, with their modes; all of them become the sandbox's own
 * user's. Must not follow a link, nor leave half a copy where the next one looks.
 */
#ifdef __linux__

#include "host_copy.h"

#include "remove_tree.h"

#include "system.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_BYTES (64ll * 1024 * 1024)
#define MAX_ENTRIES 20000
#define MAX_DEPTH 16

typedef struct budget {
    int64_t bytes;
    int entries;
} budget_t;

static int copy_file(int from, int to, const char *name, const struct stat *st, budget_t *budget) {
    if ((budget->bytes -= st->st_size) < 0) return -EFBIG;
    int source = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (source < 0) return 0;
    int target = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int code = target < 0 ? -errno : 0;
    for (off_t left = st->st_size; code == 0 && left > 0;) {
        ssize_t sent = sendfile(target, source, NULL, (size_t)left);
        if (sent == 0) break; /* it has become shorter */
        if (sent < 0) code = -errno;
        left -= sent;
    }
    if (code == 0 && fchmod(target, st->st_mode & 07777 & ~06000u) < 0) code = -errno;
    if (target >= 0) close(target);
    close(source);
    return code;
}

static int copy_link(int from, int to, const char *name) {
    char link[PATH_MAX];
    ssize_t len = readlinkat(from, name, link, sizeof link - 1);
    if (len < 0) return 0;
    link[len] = '\0';
    return symlinkat(link, to, name) < 0 ? -errno : 0;
}

/* What is in one directory; those in it are gone through by whoever calls. */
typedef struct level {
    DIR *from;
    int to;
} level_t;

/* 0: no directory of ours to go through; 1: *below is the next one. */
static int copy_directory(const level_t *at, const char *name, const struct stat *st,
                          level_t *below) {
    int from = openat(dirfd(at->from), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (from < 0) return 0;
    /* One's own directories have to be written to first. */
    int code = mkdirat(at->to, name, (st->st_mode & 07777) | 0700) < 0 ? -errno : 0;
    below->to =
        code < 0 ? -1 : openat(at->to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (code == 0 && below->to < 0) code = -errno;
    below->from = code < 0 ? NULL : fdopendir(from);
    if (code == 0 && below->from != NULL) return 1;
    if (code == 0) code = -errno;
    if (below->to >= 0) close(below->to);
    close(from);
    return code;
}

static void leave(level_t *level) {
    closedir(level->from);
    close(level->to);
}

/* 1: one more level. */
static int copy_entry(const level_t *at, const char *name, budget_t *budget, level_t *below) {
    struct stat st;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return 0;
    if (--budget->entries < 0) return -EFBIG;
    if (fstatat(dirfd(at->from), name, &st, AT_SYMLINK_NOFOLLOW) < 0) return 0;
    if (S_ISREG(st.st_mode)) return copy_file(dirfd(at->from), at->to, name, &st, budget);
    if (S_ISLNK(st.st_mode)) return copy_link(dirfd(at->from), at->to, name);
    return S_ISDIR(st.st_mode) ? copy_directory(at, name, &st, below) : 0;
}

static int copy_below(const level_t *top) {
    level_t levels[MAX_DEPTH] = {*top};
    budget_t budget = {MAX_BYTES, MAX_ENTRIES};
    int depth = 0, code = 0;
    while (depth >= 0 && code >= 0) {
        struct dirent *entry = readdir(levels[depth].from);
        if (entry == NULL) {
            leave(&levels[depth--]);
        } else if (depth + 1 == MAX_DEPTH) {
            code = -EFBIG;
        } else {
            code = copy_entry(&levels[depth], entry->d_name, &budget, &levels[depth + 1]);
            if (code == 1) depth++;
        }
    }
    while (depth >= 0) leave(&levels[depth--]);
    return code < 0 ? code : 0;
}

static int make_copy(int host, const char *name, const char *path) {
    level_t top = {NULL, -1};
    struct stat st;
    int from = openat(host, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (from < 0) return -errno;
    if (fstat(from, &st) == 0 && mkdir(path, (st.st_mode & 07777) | 0700) == 0)
        top.to = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    top.from = top.to < 0 ? NULL : fdopendir(from);
    if (top.from != NULL) return copy_below(&top);
    int code = -errno;
    if (top.to >= 0) close(top.to);
    close(from);
    return code;
}

int host_copy(int host, const char *name) {
    char path[NAME_MAX + 64], own[NAME_MAX + 64];
    snprintf(path, sizeof path, HOST_COPIES "/%s", name);
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) return fd;
    if (mkdir(HOST_COPIES, 0755) < 0 && errno != EEXIST) return -errno;
    /* Two may be at it at once: whoever is the first to be done has made it. A pid of this
     * namespace is every sandbox's. */
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(own, sizeof own, HOST_COPIES "/.%s-%lld-%ld", name, (long long)now.tv_sec,
             now.tv_nsec);
    int code = make_copy(host, name, own);
    if (code == 0 && rename(own, path) < 0 && errno != ENOTEMPTY && errno != EEXIST) code = -errno;
    remove_tree(AT_FDCWD, own);
    if (code < 0) return code;
    fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

#endif
