/*
 * sockets.h: the descriptors that curl wants watched, in the poll set. curl takes an interest in a
 * connection at the start of each exchange and loses it at the end; a connection that is kept alive
 * stays in the poll set in between, which spares three system calls an exchange (a quarter of what
 * libcurl costs). Pool thread only.
 */
#ifndef E2B_SOCKETS_H
#define E2B_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform.h"

#define E2B_PORT_SLOTS 1024 /* as many as there are connections; two may share a slot */

typedef struct e2b_sockets {
    int pollset;
    struct e2b_known_socket *known; /* by descriptor */
    size_t count;
    int of_port[E2B_PORT_SLOTS]; /* by local port; what it names has to be looked at */
} e2b_sockets_t;

int e2b_sockets_init(e2b_sockets_t *sockets); /* 0 or -1; also then it has to be destroyed */
void e2b_sockets_destroy(e2b_sockets_t *sockets);

/* A descriptor whose end will be told, and the port that it goes to: it may stay while nobody is
 * interested. */
void e2b_sockets_opened(e2b_sockets_t *sockets, int fd, int remote_port);
void e2b_sockets_closing(e2b_sockets_t *sockets, int fd);

int e2b_sockets_want(e2b_sockets_t *sockets, int fd, bool in, bool out); /* 0 or -1 */
void e2b_sockets_unwant(e2b_sockets_t *sockets, int fd);

/* Those that are ready and wanted; how many of at most count. Never waits. */
int e2b_sockets_ready(e2b_sockets_t *sockets, e2b_ready_t *ready, int count);

/* The one that was opened for this pair of ports and was wanted since; -1: not known. Of those that
 * share a slot `find` knows the last only; `search` looks at all that are open. */
int e2b_sockets_find(const e2b_sockets_t *sockets, int local_port, int remote_port);
int e2b_sockets_search(const e2b_sockets_t *sockets, int local_port, int remote_port);

#endif
