/*
 * descent.c: who comes from whom. Processes are listed by number, and a child mostly has a higher
 * one than its parent, so that one listing follows a fork bomb as it goes on. Must not signal a
 * process by a number that may have become another's.
 */
#include "descent.h"

#include "loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_PROCESSES (1u << 20) /* more than any machine is set up for */
#define PAUSE_MS 1               /* between two looks: what was killed needs time to go */

typedef struct search {
    descent_t *descent;
    pid_t *family; /* a hash of those that belong; 0 is free */
    size_t size, count;
    descendant_t *unsure; /* whose parents were not known to belong when they were met */
    size_t unsure_count, unsure_capacity;
    int error;
} search_t;

/* ---- the family ---- */

static size_t place_of(const search_t *search, pid_t pid) {
    size_t at = (size_t)pid * 2654435761u & (search->size - 1);
    while (search->family[at] != 0 && search->family[at] != pid) at = (at + 1) & (search->size - 1);
    return at;
}

/* The first process of a machine has a parent of number 0. */
static bool belongs(const search_t *search, pid_t pid) {
    return pid > 0 && search->family[place_of(search, pid)] == pid;
}

static int grow(search_t *search) {
    search_t larger = *search;
    larger.size = search->size > 0 ? search->size * 2 : 64;
    if (larger.size > MAX_PROCESSES * 2) return -E2BIG;
    larger.family = calloc(larger.size, sizeof *larger.family);
    if (larger.family == NULL) return -ENOMEM;
    for (size_t i = 0; i < search->size; i++)
        if (search->family[i] != 0)
            larger.family[place_of(&larger, search->family[i])] = search->family[i];
    free(search->family);
    search->family = larger.family;
    search->size = larger.size;
    return 0;
}

static int add_member(search_t *search, pid_t pid) {
    int code = (search->count + 1) * 2 > search->size ? grow(search) : 0;
    if (code < 0) return code;
    search->family[place_of(search, pid)] = pid;
    search->count++;
    return 0;
}

static int add_unsure(search_t *search, const descendant_t *one) {
    if (search->unsure_count == search->unsure_capacity) {
        size_t capacity = search->unsure_capacity > 0 ? search->unsure_capacity * 2 : 256;
        if (capacity > MAX_PROCESSES * 2) return -E2BIG;
        descendant_t *list = realloc(search->unsure, capacity * sizeof *list);
        if (list == NULL) return -ENOMEM;
        search->unsure = list;
        search->unsure_capacity = capacity;
    }
    search->unsure[search->unsure_count++] = *one;
    return 0;
}

/* ---- the search ---- */

static int meet(search_t *search, const descendant_t *one) {
    descent_t *descent = search->descent;
    if (descent->leave != NULL && descent->leave(descent, one->pid)) return 0;
    if (!belongs(search, one->parent)) return add_unsure(search, one);
    int code = add_member(search, one->pid);
    if (code == 0) descent->each(descent, one);
    return code;
}

/* Those whose parents have higher numbers than they, round after round. */
static int meet_unsure(search_t *search) {
    int code = 0;
    for (size_t before = 0; code == 0 && before != search->count;) {
        before = search->count;
        for (size_t i = 0; code == 0 && i < search->unsure_count; i++) {
            descendant_t one = search->unsure[i];
            if (!belongs(search, one.parent)) continue;
            search->unsure[i--] = search->unsure[--search->unsure_count];
            code = meet(search, &one);
        }
    }
    return code;
}

/* Whoever has no child has no descendant, if orphans come to him. True where that cannot be known
 * at once. */
static bool has_any(const descent_t *descent) {
    siginfo_t info;
    if (descent->ancestor != getpid()) return true;
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD) return false;
    FILE *children = fopen("/proc/thread-self/children", "re");
    bool any = children == NULL;
    for (int pid; !any && fscanf(children, "%d", &pid) == 1;)
        any = descent->leave == NULL || !descent->leave(descent, pid);
    if (children != NULL) fclose(children);
    return any;
}

static bool visit(void *with, pid_t pid) {
    search_t *search = with;
    descendant_t one;
    if (pid != search->descent->ancestor && process_read(pid, &one))
        search->error = meet(search, &one);
    return search->error == 0;
}

int descent_walk(descent_t *descent) {
    search_t search = {.descent = descent};
    if (!has_any(descent)) return 0;
    search.error = add_member(&search, descent->ancestor);
    int code = search.error < 0 ? search.error : processes_each(visit, &search);
    if (code == 0) code = search.error;
    if (code == 0) code = meet_unsure(&search);
    free(search.family);
    free(search.unsure);
    return code;
}

/* ---- signals ---- */

/* First all stand still, so that none is started meanwhile. */
static void stop_one(descent_t *descent, const descendant_t *one) {
    (void)descent;
    process_signal(one, SIGSTOP);
}

static void kill_one(descent_t *descent, const descendant_t *one) {
    ++*(unsigned *)descent->with;
    process_signal(one, SIGKILL);
}

static void reap(const descent_t *descent) {
    siginfo_t info = {.si_pid = 0};
    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid > 0) {
        if (descent->leave != NULL && descent->leave(descent, info.si_pid)) return;
        waitpid(info.si_pid, NULL, WNOHANG);
        info.si_pid = 0;
    }
}

unsigned descent_kill(descent_t *descent, int64_t most_ms) {
    int64_t end = loop_now_ms() + most_ms;
    unsigned left;
    descent->with = &left;
    for (;;) {
        left = 0;
        descent->each = stop_one;
        descent_walk(descent);
        descent->each = kill_one;
        descent_walk(descent);
        reap(descent);
        if (left == 0 || loop_now_ms() >= end) return left;
        poll(NULL, 0, PAUSE_MS);
    }
}
