/*
 * removal.c: the descent into a tree that goes, with one directory open, and back by "..", which is
 * believed only when it leads to where the descent came from. Must not follow a link. Thread of
 * pid 1.
 */
#include "removal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SWEEP_NAMES 64u
#define SWEEP_MS 1
#define FINISH_MS 100 /* for all that is left to be swept at the end */

void removal_init(removal_t *removal, int parent, const char *name) {
    *removal = (removal_t){.parent = parent};
    memcpy(removal->name, name, strlen(name) + 1);
}

static void surface(removal_t *removal) {
    if (removal->dir != NULL) closedir(removal->dir);
    removal->dir = NULL;
    while (removal->depth > 0) free(removal->levels[--removal->depth].name);
}

void removal_destroy(removal_t *removal) {
    surface(removal);
    free(removal->levels);
    if (removal->parent >= 0) close(removal->parent);
    *removal = (removal_t){.parent = -1};
}

static int at(const removal_t *removal) {
    return removal->dir != NULL ? dirfd(removal->dir) : removal->parent;
}

static int add_level(removal_t *removal, const char *name, const struct stat *st) {
    if (removal->depth == REMOVAL_MAX_DEPTH) return -E2BIG;
    if (removal->depth == removal->capacity) {
        size_t capacity = removal->capacity > 0 ? removal->capacity * 2 : 16;
        removal_level_t *levels = realloc(removal->levels, capacity * sizeof *levels);
        if (levels == NULL) return -ENOMEM;
        removal->levels = levels;
        removal->capacity = capacity;
    }
    size_t size = strlen(name) + 1;
    char *copy = malloc(size);
    if (copy == NULL) return -ENOMEM;
    memcpy(copy, name, size);
    removal->levels[removal->depth++] = (removal_level_t){copy, st->st_dev, st->st_ino};
    return 0;
}

/* fd, the directory of the last level, is the open one. 0, or -errno and it is closed. */
static int open_level(removal_t *removal, int fd) {
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        close(fd);
        return -ENOMEM;
    }
    if (removal->dir != NULL) closedir(removal->dir);
    removal->dir = dir;
    return 0;
}

static int descend(removal_t *removal, const char *name) {
    struct stat st;
    int fd = openat(at(removal), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT ? 0 : -errno;
    int code = fstat(fd, &st) < 0 ? -errno : add_level(removal, name, &st);
    if (code < 0) {
        close(fd);
        return code;
    }
    return open_level(removal, fd);
}

/* Takes away one name of the open directory, or descends into it. 0 or -errno. */
static int take(removal_t *removal, const char *name) {
    if (unlinkat(at(removal), name, 0) == 0 || errno == ENOENT) return 0;
    /* EPERM is what POSIX says for a directory, and what is said when it is not allowed. */
    int refused = errno;
    if (refused != EISDIR && refused != EPERM) return -refused;
    if (unlinkat(at(removal), name, AT_REMOVEDIR) == 0 || errno == ENOENT) return 0;
    if (errno == ENOTEMPTY || errno == EEXIST) return descend(removal, name);
    return errno == ENOTDIR ? -refused : -errno;
}

/* From the last level, which is empty now, to the one above; then takes it away. 0 or -errno. */
static int climb(removal_t *removal) {
    removal_level_t last = removal->levels[removal->depth - 1];
    removal_level_t *above = removal->depth > 1 ? &removal->levels[removal->depth - 2] : NULL;
    struct stat st;
    int code = 0;
    if (above != NULL) {
        int fd = openat(at(removal), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) return -errno;
        /* Somebody has moved it meanwhile: from the top again, and it is not met there. */
        if (fstat(fd, &st) < 0 || st.st_dev != above->dev || st.st_ino != above->ino) {
            close(fd);
            surface(removal);
            return ++removal->retries > REMOVAL_MAX_RETRIES ? -EBUSY : 0;
        }
        code = open_level(removal, fd);
        if (code < 0) return code;
    } else {
        closedir(removal->dir);
        removal->dir = NULL;
    }
    removal->depth--;
    if (unlinkat(at(removal), last.name, AT_REMOVEDIR) < 0 && errno != ENOENT) {
        bool filled = errno == ENOTEMPTY || errno == EEXIST;
        code = filled && ++removal->retries <= REMOVAL_MAX_RETRIES ? 0 : -errno;
        if (filled && code == 0) code = descend(removal, last.name);
    }
    free(last.name);
    return code;
}

/* The next name of the open directory; NULL: there is none. */
static const char *next_name(removal_t *removal) {
    for (;;) {
        const struct dirent *entry = readdir(removal->dir);
        if (entry == NULL) return NULL;
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            return entry->d_name;
    }
}

int removal_step(removal_t *removal, unsigned names) {
    for (unsigned i = 0; i < names; i++) {
        int code;
        if (removal->dir == NULL) {
            code = take(removal, removal->name);
            if (code == 0 && removal->dir == NULL) return 0;
        } else {
            errno = 0;
            const char *name = next_name(removal);
            if (name == NULL && errno != 0) return -errno;
            code = name != NULL ? take(removal, name) : climb(removal);
        }
        if (code < 0) return code;
    }
    return 1;
}

/* ---- by itself ---- */

typedef struct sweep {
    loop_alarm_t alarm; /* first */
    loop_t *loop;
    removal_t removal;
} sweep_t;

static void end_sweep(sweep_t *sweep) {
    removal_destroy(&sweep->removal);
    free(sweep);
}

static void sweep_on(loop_alarm_t *alarm) {
    sweep_t *sweep = (sweep_t *)alarm;
    if (removal_step(&sweep->removal, SWEEP_NAMES) > 0)
        alarm_set(&sweep->alarm, sweep->loop, SWEEP_MS, sweep_on);
    else
        end_sweep(sweep);
}

void removal_finish_sweeps(loop_t *loop) {
    int64_t deadline = loop_now_ms() + FINISH_MS;
    for (loop_alarm_t *alarm = loop->alarms, *next; alarm != NULL; alarm = next) {
        next = alarm->next;
        if (alarm->ring != sweep_on) continue;
        sweep_t *sweep = (sweep_t *)alarm;
        alarm_stop(alarm);
        while (removal_step(&sweep->removal, SWEEP_NAMES) > 0 && loop_now_ms() < deadline) continue;
        end_sweep(sweep);
    }
}

void removal_sweep(loop_t *loop, int parent, const char *name) {
    sweep_t *sweep = calloc(1, sizeof *sweep);
    if (sweep == NULL) {
        close(parent); /* it stays, as it would if we died here */
        return;
    }
    sweep->loop = loop;
    removal_init(&sweep->removal, parent, name);
    alarm_set(&sweep->alarm, loop, SWEEP_MS, sweep_on);
}
