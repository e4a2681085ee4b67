/*
 * listener.c: finds listening sockets in /proc/net, and who holds them in /proc/PID/fd. Must fail
 * closed: what cannot be looked at is not ours. Thread of pid 1.
 */
#include "listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sandbox.h"

#define LISTENING 0x0a
#define MOST_ANCESTORS 10000

/* ---- who listens ---- */

/* An address as /proc/net prints it: words of memory, in hexadecimal. What the kernel prefers for a
 * connection to a loopback address has the higher rank. */
typedef struct address_rank {
    const char *address;
    int rank;
} address_rank_t;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LOOPBACK4 "0100007F"
#define LOOPBACK6 "00000000000000000000000001000000"
#define MAPPED4 "0000000000000000FFFF00000100007F"
#else
#define LOOPBACK4 "7F000001"
#define LOOPBACK6 "00000000000000000000000000000001"
#define MAPPED4 "00000000000000000000FFFF7F000001"
#endif
#define ANY4 "00000000"
#define ANY6 "00000000000000000000000000000000"

static const address_rank_t to_ipv4[] = {{LOOPBACK4, 4}, {MAPPED4, 3}, {ANY4, 2}, {ANY6, 1}};
static const address_rank_t to_ipv6[] = {{LOOPBACK6, 2}, {ANY6, 1}};

static int rank_of(const char *address, bool is_ipv6) {
    const address_rank_t *ranks = is_ipv6 ? to_ipv6 : to_ipv4;
    size_t count = is_ipv6 ? sizeof to_ipv6 / sizeof *to_ipv6 : sizeof to_ipv4 / sizeof *to_ipv4;
    for (size_t i = 0; i < count; i++)
        if (strcmp(ranks[i].address, address) == 0) return ranks[i].rank;
    return 0;
}

static int read_table(listeners_t *listeners, const char *path, bool is_ipv6, uint16_t port,
                      int *best) {
    char line[512];
    int code = 0;
    FILE *table = fopen(path, "re");
    if (table == NULL) return errno == ENOENT ? 0 : -errno;
    if (fgets(line, sizeof line, table) == NULL) line[0] = '\0'; /* the heads of its columns */
    while (code == 0 && fgets(line, sizeof line, table) != NULL) {
        char address[33];
        unsigned at, state;
        unsigned long long inode;
        if (sscanf(line, " %*u: %32[0-9A-F]:%4x %*[0-9A-F]:%*x %x %*s %*s %*s %*u %*u %llu",
                   address, &at, &state, &inode) != 4)
            continue;
        if (state != LISTENING) break; /* the kernel prints those that listen first */
        int rank = at == port ? rank_of(address, is_ipv6) : 0;
        if (rank == 0 || rank < *best) continue;
        if (rank > *best) listeners->count = 0;
        *best = rank;
        if (listeners->count == LISTENER_MOST)
            code = -ECONNREFUSED;
        else
            listeners->inodes[listeners->count++] = inode;
    }
    fclose(table);
    return code;
}

int listeners_find(listeners_t *listeners, bool is_ipv6, uint16_t port) {
    int best = 0;
    listeners->count = 0;
    int code = is_ipv6 ? 0 : read_table(listeners, "/proc/self/net/tcp", is_ipv6, port, &best);
    if (code == 0) code = read_table(listeners, "/proc/self/net/tcp6", is_ipv6, port, &best);
    if (code == 0 && listeners->count == 0) code = -ECONNREFUSED;
    return code;
}

bool listeners_equal(const listeners_t *left, const listeners_t *right) {
    return left->count == right->count &&
           memcmp(left->inodes, right->inodes, left->count * sizeof *left->inodes) == 0;
}

/* ---- who holds it ---- */

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
