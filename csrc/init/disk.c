/*
 * disk.c: adding up blocks. A directory is opened component by component, so neither its depth nor
 * a link that appears meanwhile leads astray; what vanishes on the way is not counted. Must not
 * take long in one go, nor hold more than one directory open. Thread of pid 1.
 */
#include "disk.h"

#include "descent.h"
#include "loop.h"
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/magic.h>
#endif

#define BLOCK 512            /* the unit of st_blocks */
#define SLICE_MS 1           /* and */
#define SLICE_ENTRIES 256    /* before the clock is looked at */
#define MAX_NODES (1u << 18) /* further directories count themselves, not what is in them */
#define MAX_OPEN_FILES 512   /* removed ones */

/* A directory of the walk; it lives while something below it waits. */
struct disk_node {
    disk_node_t *above, *next;
    unsigned below; /* references: its own and those of what lies in it */
    char name[];
};

/* ---- nodes ---- */

static disk_node_t *new_node(disk_walk_t *walk, disk_node_t *above, const char *name) {
    if (walk->nodes == MAX_NODES) return NULL;
    disk_node_t *node = malloc(sizeof *node + strlen(name) + 1);
    if (node == NULL) return NULL;
    *node = (disk_node_t){.above = above, .next = walk->waiting, .below = 1};
    memcpy(node->name, name, strlen(name) + 1);
    if (above != NULL) above->below++;
    walk->waiting = node;
    walk->nodes++;
    return node;
}

static void drop(disk_walk_t *walk, disk_node_t *node) {
    while (node != NULL && --node->below == 0) {
        disk_node_t *above = node->above;
        free(node);
        walk->nodes--;
        node = above;
    }
}

/* From the base down; recursion is no choice, the depth is the sandbox's. A descriptor or -1. */
static int open_node(const disk_walk_t *walk, disk_node_t *node) {
    disk_node_t *way = NULL;
    /* The way down, by turning the links of the list of those that wait: none of these waits. */
    for (disk_node_t *at = node; at != NULL; at = at->above) {
        at->next = way;
        way = at;
    }
    int fd = walk->base;
    for (; way != NULL && fd >= 0; way = way->next) {
        int flags = (way == node ? O_RDONLY : O_PATH) | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
        int next = openat(fd, way->name, flags);
        if (fd != walk->base) close(fd);
        fd = next;
    }
    return fd;
}

/* ---- the walk ---- */

int disk_walk_begin(disk_walk_t *walk, int base) {
    *walk = (disk_walk_t){.base = base};
    return new_node(walk, NULL, ".") != NULL ? 0 : -ENOMEM;
}

void disk_walk_end(disk_walk_t *walk) {
    if (walk->open != NULL) closedir(walk->open);
    if (walk->here != NULL) drop(walk, walk->here);
    while (walk->waiting != NULL) {
        disk_node_t *node = walk->waiting;
        walk->waiting = node->next;
        drop(walk, node);
    }
    walk->open = NULL;
    walk->here = NULL;
}

static void leave(disk_walk_t *walk) {
    if (walk->open != NULL) closedir(walk->open);
    walk->open = NULL;
    drop(walk, walk->here);
    walk->here = NULL;
}

static void enter_next(disk_walk_t *walk) {
    walk->here = walk->waiting;
    walk->waiting = walk->here->next;
    int fd = open_node(walk, walk->here);
    walk->open = fd >= 0 ? fdopendir(fd) : NULL;
    if (fd >= 0 && walk->open == NULL) close(fd);
    if (walk->open == NULL) leave(walk);
}

static void count_one(disk_walk_t *walk, const char *name) {
    struct stat st;
    if (fstatat(dirfd(walk->open), name, &st, AT_SYMLINK_NOFOLLOW) < 0) return;
    int64_t bytes = (int64_t)st.st_blocks * BLOCK;
    bool directory = S_ISDIR(st.st_mode);
    /* Each of its names is met, or was, or lies outside. */
    walk->bytes += !directory && st.st_nlink > 1 ? bytes / (int64_t)st.st_nlink : bytes;
    if (directory) new_node(walk, walk->here, name);
}

int disk_walk_step(disk_walk_t *walk) {
    int64_t end = loop_now_ms() + SLICE_MS;
    do {
        for (int i = 0; i < SLICE_ENTRIES; i++) {
            if (walk->open == NULL && walk->waiting == NULL) return 0;
            if (walk->open == NULL) {
                enter_next(walk);
                continue;
            }
            struct dirent *entry = readdir(walk->open);
            if (entry == NULL)
                leave(walk);
            else if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
                count_one(walk, entry->d_name);
        }
    } while (loop_now_ms() < end);
    return 1;
}

/* ---- removed files ---- */

#ifdef __linux__

typedef struct holding {
    descent_t descent; /* first: look_at() has it by that */
    struct {
        dev_t dev;
        ino_t ino;
    } seen[MAX_OPEN_FILES];
    size_t count;
    int64_t bytes;
} holding_t;

static bool is_new(holding_t *holding, const struct stat *st) {
    for (size_t i = 0; i < holding->count; i++)
        if (holding->seen[i].dev == st->st_dev && holding->seen[i].ino == st->st_ino) return false;
    if (holding->count == MAX_OPEN_FILES) return false;
    holding->seen[holding->count].dev = st->st_dev;
    holding->seen[holding->count++].ino = st->st_ino;
    return true;
}

static void look_at(descent_t *descent, const descendant_t *one) {
    holding_t *holding = (holding_t *)descent;
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)one->pid);
    DIR *list = opendir(path);
    if (list == NULL) return;
    for (struct dirent *entry; (entry = readdir(list)) != NULL;) {
        struct stat st;
        struct statfs fs;
        if (fstatat(dirfd(list), entry->d_name, &st, 0) < 0 || !S_ISREG(st.st_mode)) continue;
        if (st.st_nlink > 0 || st.st_blocks == 0) continue;
        snprintf(path, sizeof path, "/proc/%d/fd/%.16s", (int)one->pid, entry->d_name);
        /* Memory is the group's to count. */
        if (statfs(path, &fs) < 0 || fs.f_type == TMPFS_MAGIC) continue;
        if (is_new(holding, &st)) holding->bytes += (int64_t)st.st_blocks * BLOCK;
    }
    closedir(list);
}

int64_t disk_of_removed_files(void) {
    holding_t holding = {.descent = {.ancestor = getpid(), .each = look_at}};
    descent_walk(&holding.descent);
    return holding.bytes;
}

#else

/* Who has which file open can be asked, but not how long it is when it has no name. */
int64_t disk_of_removed_files(void) {
    return 0;
}

#endif
