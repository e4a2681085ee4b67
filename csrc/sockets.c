/*
 * sockets.c: see sockets.h. Pool thread. Of a descriptor that it was not told the end of (those of
 * curl's resolver) it keeps nothing: the number may be another one's by the next call.
 */
#include "sockets.h"

#include <string.h>

#include "alloc.h"
#include "socket.h"

#define FIRST_COUNT 256u
#define MAX_COUNT 1048576u /* nothing is kept of descriptors above */

struct e2b_known_socket {
    bool told; /* that it is open, and its end will be */
    bool wanted;
    bool in, out; /* in the poll set for this */
    uint16_t local_port, remote_port;
};

int e2b_sockets_init(e2b_sockets_t *sockets) {
    *sockets = (e2b_sockets_t){.pollset = e2b_pollset_create()};
    return sockets->pollset >= 0 ? 0 : -1;
}

void e2b_sockets_destroy(e2b_sockets_t *sockets) {
    e2b_pollset_close(sockets->pollset);
    e2b_free(sockets->known);
    *sockets = (e2b_sockets_t){.pollset = -1};
}

static bool grow(e2b_sockets_t *sockets, size_t fd) {
    size_t count = sockets->count ? sockets->count : FIRST_COUNT;
    if (fd >= MAX_COUNT) return false;
    while (count <= fd) count *= 2;
    struct e2b_known_socket *known = e2b_realloc(sockets->known, count * sizeof *known);
    if (!known) return false;
    memset(known + sockets->count, 0, (count - sockets->count) * sizeof *known);
    sockets->known = known;
    sockets->count = count;
    return true;
}

/* NULL: nothing is kept of it. */
static struct e2b_known_socket *known_of(const e2b_sockets_t *sockets, int fd) {
    if (fd < 0 || (size_t)fd >= sockets->count) return NULL;
    return sockets->known[fd].told ? &sockets->known[fd] : NULL;
}

/* Without memory it is dealt with as one whose end is not told. */
void e2b_sockets_opened(e2b_sockets_t *sockets, int fd, int remote_port) {
    if (fd < 0 || ((size_t)fd >= sockets->count && !grow(sockets, (size_t)fd))) return;
    sockets->known[fd] =
        (struct e2b_known_socket){.told = true, .remote_port = (uint16_t)remote_port};
}

static void take_out(e2b_sockets_t *sockets, int fd, struct e2b_known_socket *known) {
    e2b_pollset_remove(sockets->pollset, fd);
    known->in = known->out = known->wanted = false;
}

void e2b_sockets_closing(e2b_sockets_t *sockets, int fd) {
    struct e2b_known_socket *known = known_of(sockets, fd);
    if (!known) return;
    if (known->in || known->out) take_out(sockets, fd, known);
    known->told = false;
}

/* It has a port of its own from the first time that curl wants it: it is being connected then. */
static void note_port(e2b_sockets_t *sockets, int fd, struct e2b_known_socket *known) {
    int port = e2b_socket_local_port(fd);
    if (port <= 0) return;
    known->local_port = (uint16_t)port;
    sockets->of_port[port % E2B_PORT_SLOTS] = fd;
}

int e2b_sockets_want(e2b_sockets_t *sockets, int fd, bool in, bool out) {
    struct e2b_known_socket *known = known_of(sockets, fd);
    if (!known) {
        e2b_socket_keep_pairs(fd); /* a lookup's: the thread that looks up writes into the other */
        return e2b_pollset_set(sockets->pollset, fd, in, out);
    }
    if (known->local_port == 0) note_port(sockets, fd, known);
    if (known->in != in || known->out != out) {
        if (e2b_pollset_set(sockets->pollset, fd, in, out) != 0) return -1;
        known->in = in;
        known->out = out;
    }
    known->wanted = true;
    return 0;
}

/* One that waits to write would be ready all the time. */
void e2b_sockets_unwant(e2b_sockets_t *sockets, int fd) {
    struct e2b_known_socket *known = known_of(sockets, fd);
    if (!known) {
        e2b_pollset_remove(sockets->pollset, fd);
    } else if (known->out) {
        take_out(sockets, fd, known);
    } else {
        known->wanted = false;
    }
}

/* What nobody wants is ready when the far end hangs up, or speaks unasked: it is out then, and is
 * looked at before it is used again. */
int e2b_sockets_ready(e2b_sockets_t *sockets, e2b_ready_t *ready, int count) {
    int wanted = 0, found = e2b_pollset_ready(sockets->pollset, ready, count);
    for (int i = 0; i < found; i++) {
        struct e2b_known_socket *known = known_of(sockets, ready[i].fd);
        if (!known || known->wanted) {
            ready[wanted++] = ready[i];
        } else {
            take_out(sockets, ready[i].fd, known);
        }
    }
    return wanted;
}

static bool is_between(const e2b_sockets_t *sockets, int fd, int local_port, int remote_port) {
    const struct e2b_known_socket *known = known_of(sockets, fd);
    return known && known->local_port == local_port && known->remote_port == remote_port;
}

int e2b_sockets_find(const e2b_sockets_t *sockets, int local_port, int remote_port) {
    if (local_port <= 0) return -1;
    int fd = sockets->of_port[local_port % E2B_PORT_SLOTS];
    return is_between(sockets, fd, local_port, remote_port) ? fd : -1;
}

int e2b_sockets_search(const e2b_sockets_t *sockets, int local_port, int remote_port) {
    if (local_port <= 0) return -1;
    for (int fd = 0; fd < (int)sockets->count; fd++) {
        if (is_between(sockets, fd, local_port, remote_port)) return fd;
    }
    return -1;
}
