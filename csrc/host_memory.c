/*
 * host_memory.c: two small tables of fixed size. Pool thread. Must never allocate, and never answer
 * for another connection: our port is taken anew only once its old connection is gone.
 */
#include "host_memory.h"

#include <string.h>

#define FNV_START 14695981039346656037u
#define FNV_PRIME 1099511628211u

static uint64_t hash(uint64_t value, const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) value = (value ^ (unsigned char)text[i]) * FNV_PRIME;
    return value;
}

uint64_t e2b_host_key(const char *url, const char *proxy) {
    /* Without TLS a proxy takes requests for anybody on the same connections. */
    if (*proxy && strncmp(url, "http:", 5) == 0) url = proxy;
    const char *host = strstr(url, "://");
    host = host ? host + 3 : url;
    uint64_t key = hash(FNV_START, host, strcspn(host, "/?#"));
    key = hash(key, proxy, strlen(proxy));
    return key ? key : 1;
}

void e2b_host_spoke(e2b_host_memory_t *memory, uint64_t host, bool http2) {
    uint64_t *slot = &memory->old[host % E2B_OLD_HOSTS];
    if (!http2) {
        *slot = host;
    } else if (*slot == host) {
        *slot = 0;
    }
}

bool e2b_host_is_old(const e2b_host_memory_t *memory, uint64_t host) {
    return memory->old[host % E2B_OLD_HOSTS] == host;
}

void e2b_goodbye_note(e2b_host_memory_t *memory, int port, uint32_t last_stream) {
    for (int i = 0; i < E2B_GOODBYES; i++) {
        if (memory->goodbyes[i].port != port) continue;
        if (last_stream < memory->goodbyes[i].last_stream) {
            memory->goodbyes[i].last_stream = last_stream;
        }
        return;
    }
    unsigned slot = memory->next_goodbye++ % E2B_GOODBYES;
    memory->goodbyes[slot].port = port;
    memory->goodbyes[slot].last_stream = last_stream;
}

void e2b_goodbye_forget(e2b_host_memory_t *memory, int port) {
    for (int i = 0; i < E2B_GOODBYES; i++) {
        if (memory->goodbyes[i].port == port) memory->goodbyes[i].port = 0;
    }
}

bool e2b_goodbye_before(const e2b_host_memory_t *memory, int port, uint32_t stream) {
    for (int i = 0; port > 0 && i < E2B_GOODBYES; i++) {
        if (memory->goodbyes[i].port == port) return stream > memory->goodbyes[i].last_stream;
    }
    return false;
}
