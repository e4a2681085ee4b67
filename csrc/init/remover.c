/*
 * remover.c: few children at a time, each with some of the names that have come meanwhile: a large
 * tree holds up nobody, and where sandboxes end by the hundred there is not a process for each.
 * Must remove nothing but what has a sandbox's name. Launcher, and its children.
 */
#include "remover.h"

#include "boot.h"
#include "remove_tree.h"
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_NAMES 16 /* of one child */
#define ANSWERS 1     /* the descriptor that the launcher has said "ready" on */

/* ---- in the child ---- */

/* Waits until the backend reads, which nobody else has to. */
static void answer(const char *name, int code) {
    char line[256];
    int len = code == 0 ? snprintf(line, sizeof line, "removed %s\n", name)
                        : snprintf(line, sizeof line, "stays %s %s\n", name, strerror(-code));
    if (write(ANSWERS, line, (size_t)len) < 0) return;
}

/* Whole lines, which are taken apart. */
static void carry_out(const char *place, char *names, size_t len) {
    int at = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (char *end; (end = memchr(names, '\n', len)) != NULL; names = end + 1) {
        *end = '\0';
        len -= (size_t)(end + 1 - names);
        answer(names, boot_is_id(names) ? remove_tree(at, names) : -EINVAL);
    }
    if (at >= 0) close(at);
}

/* The end of a sandbox is told by that of its channel, of which no copy may live on here. */
_Noreturn static void work(remover_t *remover, size_t len, pid_t launcher) {
    system_die_with_parent();
    close_range(3, ~0u, 0);
    if (getppid() == launcher) carry_out(remover->place, remover->names, len);
    _exit(0);
}

/* ---- in the launcher ---- */

/* How much of what has come is whole lines, and not too many of them. */
static size_t portion(const remover_t *remover) {
    size_t len = 0;
    for (int lines = 0; lines < MOST_NAMES; lines++) {
        const char *end = memchr(remover->names + len, '\n', remover->len - len);
        if (end == NULL) break;
        len = (size_t)(end + 1 - remover->names);
    }
    return len;
}

/* -1: there is none. */
static int find(const remover_t *remover, pid_t pid) {
    for (int i = 0; i < REMOVER_CHILDREN; i++)
        if (remover->pids[i] == pid) return i;
    return -1;
}

static void begin(remover_t *remover) {
    size_t len;
    for (int i; (i = find(remover, 0)) >= 0 && (len = portion(remover)) > 0;) {
        pid_t launcher = getpid(), pid = fork();
        if (pid == 0) work(remover, len, launcher);
        if (pid < 0) carry_out(remover->place, remover->names, len); /* rather late than never */
        remover->pids[i] = pid > 0 ? pid : 0;
        memmove(remover->names, remover->names + len, remover->len - len);
        remover->len -= len;
    }
}

bool remover_has_room(const remover_t *remover) {
    return remover->len < sizeof remover->names;
}

bool remover_read(remover_t *remover, int fd) {
    if (!remover_has_room(remover)) return true;
    ssize_t got = read(fd, remover->names + remover->len, sizeof remover->names - remover->len);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return false;
    if (got > 0) remover->len += (size_t)got;
    begin(remover);
    return true;
}

bool remover_has(const remover_t *remover, pid_t pid) {
    return find(remover, pid) >= 0;
}

void remover_reaped(remover_t *remover, pid_t pid) {
    remover->pids[find(remover, pid)] = 0;
    begin(remover);
}

void remover_stop(remover_t *remover) {
    for (size_t i = 0; i < REMOVER_CHILDREN; i++) {
        if (remover->pids[i] == 0) continue;
        kill(remover->pids[i], SIGKILL);
        while (waitpid(remover->pids[i], NULL, 0) < 0 && errno == EINTR) continue;
        remover->pids[i] = 0;
    }
}
