/*
 * listener.c: finds who holds listening sockets, in /proc/PID/fd. Must fail closed: what cannot be
 * looked at is not ours. Thread of pid 1.
 */
#ifdef __linux__

#include "listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sandbox.h"

#define MOST_ANCESTORS 10000

int listener_search_init(listener_search_t *search, sandbox_t *sandbox, bool is_ipv6,
                         uint16_t port) {
    *search = (listener_search_t){.sandbox = sandbox};
    int code = listeners_find(&search->listeners, is_ipv6, port);
    if (code < 0) return code;
    search->processes = opendir("/proc");
    return search->processes != NULL ? 0 : -errno;
}

void listener_search_destroy(listener_search_t *search) {
    if (search->files != NULL) closedir(search->files);
    if (search->processes != NULL) closedir(search->processes);
    search->files = search->processes = NULL;
}

/* 0 when it cannot be had. */
static long parent_of(long process) {
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%ld/stat", process);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t len = read(fd, text, sizeof text - 1);
    close(fd);
    if (len <= 0) return 0;
    text[len] = '\0';
    /* Its name, in parentheses, may hold anything. */
    const char *after = strrchr(text, ')');
    long parent = 0;
    if (after == NULL || sscanf(after + 1, " %*c %ld", &parent) != 1) return 0;
    return parent;
}

/* Inside of walls everybody in /proc is. Without them: who descends from this process, which all
 * that are left alone come back to. */
static bool is_of_sandbox(const listener_search_t *search) {
    /* What this process holds is nobody's program's. */
    if (search->process == (long)getpid()) return false;
    if (search->sandbox->rung != RUNG_NONE) return true;
    long process = search->process;
    for (int i = 0; i < MOST_ANCESTORS && process > 1; i++) {
        if (process == (long)getpid()) return true;
        process = parent_of(process);
    }
    return false;
}

static void look_at_file(listener_search_t *search, const char *name) {
    char link[64];
    unsigned long long inode;
    ssize_t len = readlinkat(dirfd(search->files), name, link, sizeof link - 1);
    if (len <= 0) return;
    link[len] = '\0';
    if (sscanf(link, "socket:[%llu]", &inode) != 1) return;
    for (size_t i = 0; i < search->listeners.count; i++)
        if (search->listeners.inodes[i] == inode && !search->ours[i])
            search->ours[i] = is_of_sandbox(search);
}

static void enter_process(listener_search_t *search, const char *name) {
    char path[64], *end;
    search->process = strtol(name, &end, 10);
    if (end == name || *end != '\0') return;
    snprintf(path, sizeof path, "/proc/%ld/fd", search->process);
    search->files = opendir(path);
}

static bool all_ours(const listener_search_t *search) {
    for (size_t i = 0; i < search->listeners.count; i++)
        if (!search->ours[i]) return false;
    return true;
}

int listener_search_step(listener_search_t *search, int names) {
    for (int i = 0; i < names; i++) {
        const struct dirent *entry = readdir(search->files ? search->files : search->processes);
        if (entry != NULL && search->files != NULL) {
            look_at_file(search, entry->d_name);
            if (all_ours(search)) return 0;
        } else if (entry != NULL) {
            enter_process(search, entry->d_name);
        } else if (search->files != NULL) {
            closedir(search->files);
            search->files = NULL;
        } else {
            return -ECONNREFUSED;
        }
    }
    return 1;
}

#endif
