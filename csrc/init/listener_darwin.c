/*
 * listener_darwin.c: listener.h by libproc: all in one go, since macOS has no list of sockets but
 * those of each process. Must fail closed: what cannot be looked at, as another user's process, is
 * nobody's. Empty elsewhere. Thread of pid 1.
 */
#ifdef __APPLE__

#include "listener.h"

#include "descent.h"
#include "sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libproc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_FILES 4096 /* of one process */

typedef struct look {
    descent_t descent; /* first, for those of one ancestor */
    listeners_t *listeners;
    bool to_ipv6;
    uint16_t port;
    bool too_many;
} look_t;

/* A listener at the port that a connection to the loopback of that family may come to. */
static bool is_wanted(const look_t *look, const struct socket_info *socket) {
    if (socket->soi_kind != SOCKINFO_TCP) return false;
    const struct tcp_sockinfo *tcp = &socket->soi_proto.pri_tcp;
    if (tcp->tcpsi_state != TSI_S_LISTEN) return false;
    if (ntohs((uint16_t)tcp->tcpsi_ini.insi_lport) != look->port) return false;
    int family = look->to_ipv6 ? INI_IPV6 : INI_IPV4;
    return (tcp->tcpsi_ini.insi_vflag & family) != 0;
}

static void add(look_t *look, uint64_t socket) {
    listeners_t *list = look->listeners;
    for (size_t i = 0; i < list->count; i++)
        if (list->inodes[i] == socket) return;
    if (list->count == LISTENER_MOST)
        look->too_many = true;
    else
        list->inodes[list->count++] = socket;
}

static void look_at(look_t *look, pid_t pid) {
    struct proc_fdinfo *files = calloc(MOST_FILES, sizeof *files);
    if (files == NULL) {
        look->too_many = true;
        return;
    }
    int size = proc_pidinfo(pid, PROC_PIDLISTFDS, 0, files, (int)(MOST_FILES * sizeof *files));
    size_t count = size > 0 ? (size_t)size / sizeof *files : 0;
    if (count == MOST_FILES) look->too_many = true;
    for (size_t i = 0; i < count; i++) {
        struct socket_fdinfo info;
        if (files[i].proc_fdtype != PROX_FDTYPE_SOCKET) continue;
        if (proc_pidfdinfo(pid, files[i].proc_fd, PROC_PIDFDSOCKETINFO, &info, sizeof info) !=
            (int)sizeof info)
            continue;
        if (is_wanted(look, &info.psi)) add(look, info.psi.soi_so);
    }
    free(files);
}

static bool visit(void *with, pid_t pid) {
    look_at(with, pid);
    return true;
}

static void visit_descendant(descent_t *descent, const descendant_t *one) {
    look_at((look_t *)descent, one->pid);
}

int listeners_find(listeners_t *listeners, bool is_ipv6, uint16_t port) {
    look_t look = {.listeners = listeners, .to_ipv6 = is_ipv6, .port = port};
    listeners->count = 0;
    int code = processes_each(visit, &look);
    if (code < 0) return code;
    return look.too_many || listeners->count == 0 ? -ECONNREFUSED : 0;
}

static bool has(const listeners_t *list, uint64_t inode) {
    for (size_t i = 0; i < list->count; i++)
        if (list->inodes[i] == inode) return true;
    return false;
}

bool listeners_equal(const listeners_t *left, const listeners_t *right) {
    if (left->count != right->count) return false;
    for (size_t i = 0; i < left->count; i++)
        if (!has(right, left->inodes[i])) return false;
    return true;
}

int listener_search_init(listener_search_t *search, sandbox_t *sandbox, bool is_ipv6,
                         uint16_t port) {
    listeners_t own = {.count = 0};
    *search = (listener_search_t){.sandbox = sandbox};
    int code = listeners_find(&search->listeners, is_ipv6, port);
    if (code < 0) return code;
    look_t look = {.descent = {.ancestor = getpid(), .each = visit_descendant},
                   .listeners = &own,
                   .to_ipv6 = is_ipv6,
                   .port = port};
    code = descent_walk(&look.descent);
    for (size_t i = 0; i < search->listeners.count; i++)
        search->ours[i] = has(&own, search->listeners.inodes[i]);
    return code;
}

void listener_search_destroy(listener_search_t *search) {
    (void)search;
}

int listener_search_step(listener_search_t *search, int names) {
    (void)names;
    for (size_t i = 0; i < search->listeners.count; i++)
        if (!search->ours[i]) return -ECONNREFUSED;
    return 0;
}

#endif
