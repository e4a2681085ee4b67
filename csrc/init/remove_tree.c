/*
 * remove_tree.c: removing without a stack: a directory that is not empty moves up to the top of the
 * tree, where its turn comes, so that no depth costs memory or descriptors. Must not follow a link,
 * and relies on nobody else writing there. Launcher, and pid 1 before it answers.
 */
#include "remove_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct sweep {
    int top;
    unsigned long moved; /* the number of the last one that moved up: its name there */
    bool progress;
    int error; /* the first */
} sweep_t;

static DIR *open_list(int parent, const char *name) {
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
    if (fd >= 0 && list == NULL) close(fd);
    return list;
}

/* Of one that can be listed and emptied, whatever its mode was. */
static DIR *open_own(int parent, const char *name) {
    struct stat st;
    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
        fchmodat(parent, name, 0700, 0);
    return open_list(parent, name);
}

static struct dirent *next_of(DIR *list) {
    struct dirent *entry;
    do entry = readdir(list);
    while (entry != NULL && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0));
    return entry;
}

/* 0 when it is gone; -ENOTEMPTY, or another -errno. */
static int remove_one(int parent, const struct dirent *entry) {
    if (entry->d_type != DT_DIR && unlinkat(parent, entry->d_name, 0) == 0) return 0;
    if (entry->d_type != DT_DIR && errno != EISDIR) return errno == ENOENT ? 0 : -errno;
    if (unlinkat(parent, entry->d_name, AT_REMOVEDIR) == 0 || errno == ENOENT) return 0;
    return errno == EEXIST ? -ENOTEMPTY : -errno;
}

static void note(sweep_t *sweep, int code) {
    if (code == 0)
        sweep->progress = true;
    else if (sweep->error == 0)
        sweep->error = code;
}

/* What it moves onto is another directory, if anything: an empty one goes by that. */
static int move_up(sweep_t *sweep, int parent, const char *name) {
    char up[32];
    fchmodat(parent, name, 0700, 0); /* its ".." is written to */
    do snprintf(up, sizeof up, "~%lu", ++sweep->moved);
    while (renameat(parent, name, sweep->top, up) < 0 &&
           (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR));
    return faccessat(parent, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 ? 0 : -errno;
}

/* One that lies at the top. */
static void empty(sweep_t *sweep, const char *name) {
    DIR *list = open_own(sweep->top, name);
    if (list == NULL) {
        note(sweep, -errno);
        return;
    }
    for (struct dirent *entry; (entry = next_of(list)) != NULL;) {
        int code = remove_one(dirfd(list), entry);
        if (code == -ENOTEMPTY) code = move_up(sweep, dirfd(list), entry->d_name);
        note(sweep, code);
    }
    closedir(list);
}

/* Goes on while anything goes. */
static int sweep_all(DIR *list) {
    sweep_t sweep = {.top = dirfd(list), .progress = true};
    while (sweep.progress) {
        sweep.progress = false;
        sweep.error = 0;
        rewinddir(list);
        for (struct dirent *entry; (entry = next_of(list)) != NULL;) {
            int code = remove_one(sweep.top, entry);
            if (code == -ENOTEMPTY) {
                empty(&sweep, entry->d_name);
                code = unlinkat(sweep.top, entry->d_name, AT_REMOVEDIR) < 0 ? -errno : 0;
            }
            note(&sweep, code);
        }
    }
    return sweep.error;
}

int remove_tree(int parent, const char *name) {
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT) return 0;
    if (unlinkat(parent, name, AT_REMOVEDIR) == 0) return 0;
    DIR *list = open_own(parent, name);
    if (list == NULL) return -errno;
    int code = sweep_all(list);
    closedir(list);
    if (unlinkat(parent, name, AT_REMOVEDIR) == 0) return 0;
    return code < 0 ? code : -errno;
}
