/*
 * path.c: the walk along a path. Must not follow a link by the kernel's own means, nor open a file
 * for more than its place. Thread of pid 1.
 */
#include "path.h"

#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOMES 2u

/* Inside, and below a sandbox's directory on the host. */
static const char *const homes[HOMES] = {"/home/user", "/root"};

/* What may be changed on RUNG_NONE. */
static const char *const open_to_change[] = {"/home/user", "/root", "/tmp", "/var/tmp"};

#ifdef __linux__
/* Where files are the kernel's: changing one changes the machine, or pid 1 itself. */
static const uint32_t kernels_own[] = {0x9fa0 /* proc */,
                                       0x62656572 /* sysfs */,
                                       0x27e0eb /* cgroup */,
                                       0x63677270 /* cgroup2 */,
                                       0x64626720 /* debugfs */,
                                       0x74726163 /* tracefs */,
                                       0x73636673 /* security */,
                                       0xcafe4a11 /* bpf */,
                                       0xde5e81e4 /* efivars */,
                                       0x62656570 /* configfs */,
                                       0x42494e4d /* binfmt_misc */};
#endif

typedef struct identity {
    dev_t dev;
    ino_t ino;
    bool known;
} identity_t;

typedef struct walk {
    sandbox_t *sandbox;
    unsigned flags;
    const user_t *user;
    int at; /* O_PATH */
    bool own, fenced;
    size_t links;
    char done[PATH_MAX], rest[PATH_MAX]; /* done: "" for the root */
    identity_t homes[HOMES], fence;      /* RUNG_NONE only */
} walk_t;

static bool is_within(const char *path, const char *directory) {
    size_t len = strlen(directory);
    return strncmp(path, directory, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

char *path_copy(const char *path) {
    size_t size = strlen(path) + 1;
    char *copy = malloc(size);
    if (copy != NULL) memcpy(copy, path, size);
    return copy;
}

void path_of_fd(int fd, char text[PATH_OF_FD]) {
    system_path_of_fd(fd, text);
}

static int host_of_home(sandbox_t *sandbox, size_t home, char host[PATH_MAX]) {
    int len = snprintf(host, PATH_MAX, "%s/upper%s", sandbox->boot->directory, homes[home]);
    return len >= PATH_MAX ? -ENAMETOOLONG : 0;
}

int path_on_host(sandbox_t *sandbox, const char *path, char host[PATH_MAX]) {
    for (size_t i = 0; i < HOMES && sandbox->rung == RUNG_NONE; i++) {
        if (!is_within(path, homes[i])) continue;
        int len = snprintf(host, PATH_MAX, "%s/upper%s", sandbox->boot->directory, path);
        return len >= PATH_MAX ? -ENAMETOOLONG : 0;
    }
    if (strlen(path) >= PATH_MAX) return -ENAMETOOLONG;
    memcpy(host, path, strlen(path) + 1);
    return 0;
}

static identity_t identify(const char *path) {
    struct stat st;
    if (stat(path, &st) < 0) return (identity_t){0};
    return (identity_t){st.st_dev, st.st_ino, true};
}

static bool is_same(const identity_t *identity, const struct stat *st) {
    return identity->known && identity->dev == st->st_dev && identity->ino == st->st_ino;
}

/* Without walls: which directories are the sandbox's own, and which one is the backend's, with
 * all its sandboxes: in there is no way but into those. */
static void learn_ground(walk_t *walk) {
    char host[PATH_MAX];
    if (walk->sandbox->rung != RUNG_NONE) return;
    for (size_t i = 0; i < HOMES; i++)
        if (host_of_home(walk->sandbox, i, host) == 0) walk->homes[i] = identify(host);
    int len = snprintf(host, sizeof host, "%s/../..", walk->sandbox->boot->directory);
    if (len < (int)sizeof host) walk->fence = identify(host);
}

static int open_root(walk_t *walk) {
    int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return -errno;
    if (walk->at >= 0) close(walk->at);
    walk->at = fd;
    walk->done[0] = '\0';
    walk->own = walk->fenced = false;
    return 0;
}

/* Whether `name` in the directory walked to is a home, on RUNG_NONE; HOMES: none. */
static size_t home_at(const walk_t *walk, const char *name) {
    size_t len = strlen(walk->done);
    for (size_t i = 0; i < HOMES && walk->sandbox->rung == RUNG_NONE; i++)
        if (strncmp(homes[i], walk->done, len) == 0 && homes[i][len] == '/' &&
            strcmp(homes[i] + len + 1, name) == 0)
            return i;
    return HOMES;
}

/* The place of a name in the directory walked to. A descriptor, or -errno. */
static int open_name(walk_t *walk, const char *name, struct stat *st) {
    size_t home = home_at(walk, name);
    int fd;
    if (home < HOMES) {
        char host[PATH_MAX];
        int code = host_of_home(walk->sandbox, home, host);
        if (code < 0) return code;
        fd = open(host, O_PATH | O_DIRECTORY | O_CLOEXEC);
    } else {
        fd = openat(walk->at, name, OPEN_PLACE);
    }
    if (fd < 0) return -errno;
    if (fstat(fd, st) == 0) return fd;
    int code = -errno;
    close(fd);
    return code;
}

static int may_change(const walk_t *walk) {
    if (walk->sandbox->rung == RUNG_NONE) {
        bool allowed = false;
        for (size_t i = 0; i < sizeof open_to_change / sizeof *open_to_change; i++)
            allowed = allowed || is_within(walk->done, open_to_change[i]);
        if (!allowed || walk->fenced) return -EACCES;
    }
#ifdef __linux__
    struct statfs fs;
    if (fstatfs(walk->at, &fs) < 0) return -errno;
    for (size_t i = 0; i < sizeof kernels_own / sizeof *kernels_own; i++)
        if ((uint32_t)fs.f_type == kernels_own[i]) return -EPERM;
#endif
    return 0;
}

static int make_directory(walk_t *walk, const char *name, struct stat *st) {
    int code = may_change(walk);
    if (code < 0) return code;
    if (mkdirat(walk->at, name, 0755) < 0 && errno != EEXIST) return -errno;
    int fd = open_name(walk, name, st);
    if (fd < 0) return fd;
    code = users_give(walk->sandbox, walk->user, fd);
    if (code == 0) return fd;
    close(fd);
    return code;
}

/* Adds the name to what is done, and notices own ground. st: NULL when nothing is there. */
static int note_step(walk_t *walk, const char *name, const struct stat *st) {
    size_t len = strlen(walk->done), more = strlen(name);
    if (len + 1 + more >= sizeof walk->done) return -ENAMETOOLONG;
    walk->done[len] = '/';
    memcpy(walk->done + len + 1, name, more + 1);
    for (size_t i = 0; i < HOMES && st != NULL; i++)
        if (is_same(&walk->homes[i], st)) {
            memcpy(walk->done, homes[i], strlen(homes[i]) + 1);
            walk->own = true;
            walk->fenced = false;
        }
    if (st != NULL && is_same(&walk->fence, st)) walk->fenced = true;
    return 0;
}

/* What is left of the way begins with the link's text. */
static int take_link(walk_t *walk, const char *name, int fd) {
    char text[PATH_MAX];
    if ((walk->flags & PATH_STRAIGHT) || ++walk->links > PATH_MAX_LINKS) return -ELOOP;
    ssize_t len = system_read_link(fd, walk->at, name, text, sizeof text);
    if (len < 0) return -errno;
    if (len == 0) return -ENOENT;
    size_t rest = strlen(walk->rest);
    if ((size_t)len + 1 + rest >= sizeof walk->rest) return -ENAMETOOLONG;
    memmove(walk->rest + len + 1, walk->rest, rest + 1);
    walk->rest[len] = '/';
    memcpy(walk->rest, text, (size_t)len);
    return text[0] == '/' ? open_root(walk) : 0;
}

/* Into a directory; its descriptor is taken. */
static int step_in(walk_t *walk, const char *name, int fd, const struct stat *st) {
    int code = S_ISDIR(st->st_mode) ? note_step(walk, name, st) : -ENOTDIR;
    if (code < 0) {
        close(fd);
        return code;
    }
    close(walk->at);
    walk->at = fd;
    return 0;
}

/* Back to the directory that `done` is in: from the root, by names, because ".." of one that is
 * being moved may lead anywhere. What is done has no links, so neither has this way. */
static int step_out(walk_t *walk) {
    char way[PATH_MAX];
    char *slash = strrchr(walk->done, '/'), *rest = NULL;
    if (slash != NULL) *slash = '\0';
    memcpy(way, walk->done, strlen(walk->done) + 1);
    int code = open_root(walk);
    for (char *name = strtok_r(way, "/", &rest); code == 0 && name != NULL;
         name = strtok_r(NULL, "/", &rest)) {
        struct stat st;
        int fd = open_name(walk, name, &st);
        code = fd < 0 ? fd : step_in(walk, name, fd, &st);
    }
    return code;
}

/* The walk is over: fd, -1 for nothing, is what it has come to. The descriptor is taken. */
static int arrive(walk_t *walk, const char *name, int fd, place_t *place) {
    int code = (walk->flags & PATH_CHANGE) ? may_change(walk) : 0;
    if (code == 0) code = note_step(walk, name, fd >= 0 ? &place->st : NULL);
    if (code == 0 && walk->fenced) code = -EACCES;
    if (code < 0) {
        if (fd >= 0) close(fd);
        return code;
    }
    place->parent = walk->at;
    place->fd = fd;
    place->own = walk->own;
    memcpy(place->name, name, strlen(name) + 1);
    memcpy(place->path, walk->done, strlen(walk->done) + 1);
    walk->at = -1;
    return 1;
}

/* The rest was empty before its last name, as in "/", "/a/.", or after a link to "..". */
static int arrive_at_directory(walk_t *walk, place_t *place) {
    char name[NAME_MAX + 1];
    char *slash = strrchr(walk->done, '/');
    if (slash == NULL) {
        if (walk->flags & PATH_CHANGE) return -EBUSY;
        if (fstat(walk->at, &place->st) < 0) return -errno;
        place->parent = -1;
        place->fd = walk->at;
        place->own = false;
        place->name[0] = '\0';
        memcpy(place->path, "/", 2);
        walk->at = -1;
        return 1;
    }
    memcpy(name, slash + 1, strlen(slash));
    int code = step_out(walk);
    if (code < 0) return code;
    int fd = open_name(walk, name, &place->st);
    return fd < 0 ? fd : arrive(walk, name, fd, place);
}

/* One name further. 1: arrived; 0: not yet; or -errno. */
static int step(walk_t *walk, const char *name, place_t *place) {
    bool is_last = walk->rest[strspn(walk->rest, "/")] == '\0';
    int fd = open_name(walk, name, &place->st);
    if (fd == -ENOENT && is_last) return arrive(walk, name, -1, place);
    if (fd == -ENOENT && (walk->flags & PATH_MAKE)) fd = make_directory(walk, name, &place->st);
    if (fd < 0) return fd;
    if (S_ISLNK(place->st.st_mode) && (!is_last || (walk->flags & PATH_FOLLOW))) {
        int code = take_link(walk, name, fd);
        close(fd);
        return code;
    }
    return is_last ? arrive(walk, name, fd, place) : step_in(walk, name, fd, &place->st);
}

int path_find(sandbox_t *sandbox, const char *path, unsigned flags, const user_t *user,
              place_t *place) {
    walk_t walk = {.sandbox = sandbox, .flags = flags, .user = user, .at = -1};
    if (path[0] != '/') return -EINVAL;
    if (strlen(path) >= sizeof walk.rest) return -ENAMETOOLONG;
    memcpy(walk.rest, path, strlen(path) + 1);
    learn_ground(&walk);
    int code = open_root(&walk);
    while (code == 0) {
        char *name = walk.rest + strspn(walk.rest, "/");
        size_t len = strcspn(name, "/");
        char copy[NAME_MAX + 1];
        if (len == 0) {
            code = arrive_at_directory(&walk, place);
            break;
        }
        if (len > NAME_MAX) {
            code = -ENAMETOOLONG;
            break;
        }
        memcpy(copy, name, len);
        copy[len] = '\0';
        memmove(walk.rest, name + len, strlen(name + len) + 1);
        if (strcmp(copy, ".") == 0) continue;
        code = strcmp(copy, "..") == 0 ? step_out(&walk) : step(&walk, copy, place);
    }
    if (walk.at >= 0) close(walk.at);
    return code < 0 ? code : 0;
}

void path_close(place_t *place) {
    if (place->fd >= 0) close(place->fd);
    if (place->parent >= 0) close(place->parent);
    place->fd = place->parent = -1;
}

int path_open_file(const place_t *place, int flags) {
    struct stat st;
    if (S_ISDIR(place->st.st_mode)) return -EISDIR;
    if (!S_ISREG(place->st.st_mode)) return -ENXIO;
    int fd =
        openat(place->parent, place->name, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) return -errno;
    /* Between the look and the opening it may have been put in another's place. */
    if (fstat(fd, &st) == 0 && st.st_dev == place->st.st_dev && st.st_ino == place->st.st_ino)
        return fd;
    close(fd);
    return -EAGAIN;
}
