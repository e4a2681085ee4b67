/*
 * tree_copy.c: two ways through a tree: the first makes everything, the second gives directories
 * the times and permissions that making something in them would have changed, or forbidden. Must
 * not open what is no file. Thread of pid 1.
 */
#include "tree_copy.h"

#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLICE_BYTES (256u * 1024)
#define SLICE_NAMES 16

/* ---- one name ---- */

static int begin_file(tree_copy_t *copy, int from_fd, const char *name, int to_fd,
                      const char *to_name) {
    int from = openat(from_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (from < 0) return -errno;
    int code = fstat(from, &copy->st) < 0 ? -errno : 0;
    if (code == 0 && !S_ISREG(copy->st.st_mode)) code = -EAGAIN; /* swapped just now */
    int to = code < 0 ? -1 : openat(to_fd, to_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (code == 0 && to < 0) code = -errno;
    if (code < 0) {
        close(from);
        return code;
    }
    copy->in_file = true;
    return copy_init(&copy->file, copy->sandbox, from, to, 0);
}

static int copy_link(int from_fd, const char *name, int to_fd, const char *to_name) {
    char text[PATH_MAX];
    ssize_t len = readlinkat(from_fd, name, text, sizeof text - 1);
    if (len < 0) return -errno;
    text[len] = '\0';
    return symlinkat(text, to_fd, to_name) < 0 ? -errno : 0;
}

/* Makes one name again; of a file the bytes come later. */
static int copy_name(tree_copy_t *copy, int from_fd, const char *name, const struct stat *st,
                     int to_fd, const char *to_name) {
    int code = 0;
    if (S_ISREG(st->st_mode)) return begin_file(copy, from_fd, name, to_fd, to_name);
    if (S_ISDIR(st->st_mode)) return mkdirat(to_fd, to_name, 0700) < 0 ? -errno : 0;
    if (S_ISLNK(st->st_mode))
        code = copy_link(from_fd, name, to_fd, to_name);
    else if (mknodat(to_fd, to_name, st->st_mode, st->st_rdev) < 0)
        code = -errno;
    if (code < 0) return code;
    const struct timespec times[2] = {st->st_atim, st->st_mtim};
    /* As far as they may be set: see copy_attributes(). */
    if (fchownat(to_fd, to_name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0) errno = 0;
    utimensat(to_fd, to_name, times, AT_SYMLINK_NOFOLLOW);
    return 0;
}

/* ---- the whole ---- */

/* "/a/b" and "x" are "/a/x". NULL without memory. */
static char *beside(const char *path, const char *name) {
    size_t above = (size_t)(strrchr(path, '/') - path) + 1;
    char *other = malloc(above + strlen(name) + 1);
    if (other == NULL) return NULL;
    memcpy(other, path, above);
    memcpy(other + above, name, strlen(name) + 1);
    return other;
}

int tree_copy_init(tree_copy_t *copy, sandbox_t *sandbox, const place_t *from, const place_t *to,
                   bool *made) {
    *copy = (tree_copy_t){.sandbox = sandbox, .into = -1, .top = -1, .making = true};
    copy->file.from = copy->file.to = -1;
    *made = false;
    copy_temporary_name(copy->name);
    copy->path = beside(to->path, copy->name);
    copy->parent = fcntl(to->parent, F_DUPFD_CLOEXEC, 0);
    copy->is_tree = S_ISDIR(from->st.st_mode);
    if (copy->path == NULL) return -ENOMEM;
    if (copy->parent < 0) return -errno;
    if (copy->is_tree) {
        copy->st = from->st;
        copy->top = openat(from->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (copy->top < 0) return -errno;
        int code = tree_walk_init(&copy->walk, sandbox, from->path, false);
        if (code < 0) return code;
    }
    int code = copy_name(copy, from->parent, from->name, &from->st, copy->parent, copy->name);
    *made = code == 0;
    return code;
}

static void leave_directory(tree_copy_t *copy) {
    if (copy->into >= 0) close(copy->into);
    copy->into = -1;
}

void tree_copy_destroy(tree_copy_t *copy) {
    leave_directory(copy);
    copy_destroy(&copy->file);
    if (copy->is_tree) tree_walk_destroy(&copy->walk);
    if (copy->top >= 0) close(copy->top);
    if (copy->parent >= 0) close(copy->parent);
    free(copy->path);
}

/* The copy of the directory that the walk is in. 0 or -errno. */
static int follow_walk(tree_copy_t *copy) {
    char path[PATH_MAX];
    place_t place;
    if (copy->into >= 0 && copy->into_at == copy->walk.opened) return 0;
    leave_directory(copy);
    int code = tree_walk_path(&copy->walk, copy->path, NULL, path);
    if (code == 0) code = path_find(copy->sandbox, path, PATH_STRAIGHT, NULL, &place);
    if (code < 0) return code;
    copy->into = place.fd;
    copy->into_at = copy->walk.opened;
    place.fd = -1;
    path_close(&place);
    return copy->into < 0 ? -ENOENT : 0;
}

/* Of a directory, by its descriptor, and its copy by name. */
static int give_attributes(int from, const struct stat *st, int to_fd, const char *to_name) {
    int to = openat(to_fd, to_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (to < 0) return -errno;
    copy_attributes(from, to, st);
    close(to);
    return 0;
}

static int finish_directory(tree_copy_t *copy, const char *name, const struct stat *st) {
    int from =
        openat(tree_walk_fd(&copy->walk), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (from < 0) return -errno;
    int code = give_attributes(from, st, copy->into, name);
    close(from);
    return code;
}

static int take_name(tree_copy_t *copy, const char *name) {
    struct stat st;
    int code = follow_walk(copy);
    if (code < 0) return code;
    if (fstatat(tree_walk_fd(&copy->walk), name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    bool is_directory = S_ISDIR(st.st_mode);
    if (copy->making)
        code = copy_name(copy, tree_walk_fd(&copy->walk), name, &st, copy->into, name);
    else if (is_directory)
        code = finish_directory(copy, name, &st);
    return code == 0 && is_directory ? tree_walk_enter(&copy->walk, name) : code;
}

/* The first way is over, or the second. 1, 0 or -errno. */
static int end_of_walk(tree_copy_t *copy) {
    leave_directory(copy);
    if (!copy->making) return give_attributes(copy->top, &copy->st, copy->parent, copy->name);
    copy->making = false;
    char *base = copy->walk.base;
    copy->walk.base = NULL;
    tree_walk_destroy(&copy->walk);
    int code = tree_walk_init(&copy->walk, copy->sandbox, base, false);
    free(base);
    if (code == 0) code = fstat(copy->top, &copy->st) < 0 ? -errno : 1;
    return code;
}

static int file_step(tree_copy_t *copy) {
    int code = copy_step(&copy->file, SLICE_BYTES);
    if (code != 0) return code;
    copy_attributes(copy->file.from, copy->file.to, &copy->st);
    copy_destroy(&copy->file);
    copy->in_file = false;
    return copy->is_tree ? 1 : 0;
}

int tree_copy_step(tree_copy_t *copy) {
    if (copy->in_file) return file_step(copy);
    if (!copy->is_tree) return 0;
    for (int i = 0; i < SLICE_NAMES && !copy->in_file; i++) {
        const char *name;
        int code = tree_walk_next(&copy->walk, &name);
        if (code == 0) return end_of_walk(copy);
        if (code > 0) code = take_name(copy, name);
        if (code < 0) return code;
    }
    return 1;
}
