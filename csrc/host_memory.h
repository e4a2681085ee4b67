/*
 * host_memory.h: what is known of hosts: which of them have not agreed on HTTP/2, and which HTTP/2
 * connections have said goodbye. Of bounded size, so it forgets; what is forgotten is found out
 * again. Pool thread. Must never be more than a hint for the first, and never a guess for the
 * second.
 */
#ifndef E2B_HOST_MEMORY_H
#define E2B_HOST_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#define E2B_OLD_HOSTS 1024
#define E2B_GOODBYES 64

typedef struct e2b_host_memory {
    uint64_t old[E2B_OLD_HOSTS]; /* by their lower bits; 0: nobody */
    struct {
        int port;             /* ours, of the connection; 0: none */
        uint32_t last_stream; /* none above it was, or will be, looked at (RFC 9113, 6.8) */
    } goodbyes[E2B_GOODBYES];
    unsigned next_goodbye;
} e2b_host_memory_t;

/* The host of a URL, as seen through a proxy ("": none), or the proxy itself where its connections
 * are for all hosts; never 0. A collision costs speed only. */
uint64_t e2b_host_key(const char *url, const char *proxy);

void e2b_host_spoke(e2b_host_memory_t *memory, uint64_t host, bool http2);
bool e2b_host_is_old(const e2b_host_memory_t *memory, uint64_t host);

void e2b_goodbye_note(e2b_host_memory_t *memory, int port, uint32_t last_stream);
void e2b_goodbye_forget(e2b_host_memory_t *memory, int port); /* a new connection has this port */
/* The connection's goodbye came before the far end had looked at that stream. */
bool e2b_goodbye_before(const e2b_host_memory_t *memory, int port, uint32_t stream);

#endif
