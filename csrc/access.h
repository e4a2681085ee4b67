/*
 * access.h: the daemon's credentials of sandboxes: kept from create and connect, else fetched once
 * by GET (never by connect, which would prolong a life) however many calls wait. Bounded, by URL,
 * key and id. Pool thread.
 */
#ifndef E2B_ACCESS_H
#define E2B_ACCESS_H

#include <stdatomic.h>

#include "config.h"
#include "e2b.h"
#include "engine.h"

typedef struct e2b_access_cache e2b_access_cache_t;

/* Immutable. Counted references, any time: a call keeps what it began with, whatever becomes of the
 * cache. */
typedef struct e2b_access {
    atomic_int references;
    char *token;         /* "" when the sandbox is not secured; visible ASCII */
    char *traffic_token; /* for other ports than the daemon's; "" when they are open */
    char *domain;        /* "" when it has none of its own; a valid one */
} e2b_access_t;
void e2b_access_retain(e2b_access_t *access);
void e2b_access_release(e2b_access_t *access); /* NULL is fine */

typedef struct e2b_access_wait {
    struct e2b_access_wait *next;
    void *entry; /* NULL when not waiting */
    /* Outside of curl. access is borrowed; NULL: err says why. */
    void (*ready)(struct e2b_access_wait *wait, e2b_access_t *access, const e2b_err_t *err);
} e2b_access_wait_t;

int e2b_access_create(e2b_engine_t *engine, e2b_access_cache_t **out);
void e2b_access_free(e2b_access_cache_t *cache);

/* Given; NULL: not there, and the wait is queued (ready will run), or code is set to OUT_OF_MEMORY.
 * The lookup has no deadline of its own: those who wait have theirs, and when the last of them
 * cancels it is given up. */
e2b_access_t *e2b_access_get(e2b_access_cache_t *cache, e2b_config_t *config,
                             const char *sandbox_id, e2b_access_wait_t *wait, int *code);
void e2b_access_cancel(e2b_access_wait_t *wait);
/* Reads envdAccessToken, trafficAccessToken and domain out of an answer. BAD_RESPONSE when it is no
 * JSON object, or when they could not stand in a request. Given: out, which may be NULL. */
int e2b_access_learn(e2b_access_cache_t *cache, e2b_config_t *config, const char *sandbox_id,
                     const char *json, size_t len, e2b_access_t **out);
/* Forgets what has proved wrong: known, and nothing newer; NULL: whatever there is. */
void e2b_access_drop(e2b_access_cache_t *cache, e2b_config_t *config, const char *sandbox_id,
                     const e2b_access_t *known);

#endif
