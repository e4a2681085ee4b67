/*
 * listener.h: whose a listening port is. Where sandboxes share the network of the host, a port may
 * be the host's or another sandbox's; only one of this sandbox's own processes is to be reached
 * through it. Looks at /proc, in steps. Thread of pid 1.
 */
#ifndef E2B_INIT_LISTENER_H
#define E2B_INIT_LISTENER_H

#include "stream.h"

#include <dirent.h>

#define LISTENER_MOST 64u /* sockets that share one port */

/* The sockets that a connection to a loopback address and a port may come to. */
typedef struct listeners {
    uint64_t inodes[LISTENER_MOST];
    size_t count;
} listeners_t;

typedef struct listener_search {
    sandbox_t *sandbox;
    listeners_t listeners;
    bool ours[LISTENER_MOST];
    DIR *processes, *files; /* /proc, and fd of one process */
    long process;
} listener_search_t;

/* 0; -ECONNREFUSED: nobody listens; or -errno. */
int listeners_find(listeners_t *listeners, bool is_ipv6, uint16_t port);
/* The same, the slow way. */
int listeners_find_by_proc(listeners_t *listeners, bool is_ipv6, uint16_t port);
bool listeners_equal(const listeners_t *left, const listeners_t *right);

/* As listeners_find(). listener_search_destroy() in every case. */
int listener_search_init(listener_search_t *search, sandbox_t *sandbox, bool is_ipv6,
                         uint16_t port);
void listener_search_destroy(listener_search_t *search);
/* At most so many names. 1: there is more to look at; 0: all of them are this sandbox's;
 * -ECONNREFUSED: one is not; or -errno. */
int listener_search_step(listener_search_t *search, int names);

#endif
