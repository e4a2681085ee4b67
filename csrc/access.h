/*
 * access.h: the daemon's credentials of sandboxes: kept from create and connect, else fetched once
 * by GET (never by connect, which would prolong a life) however many calls wait. Bounded, by URL,
 * key and id. Pool thread.
 */
#ifndef E2B_ACCESS_H
#define E2B_ACCESS_H

#include "config.h"
#include "e2b.h"
#include "engine.h"

typedef struct e2b_access_cache e2b_access_cache_t;

typedef struct e2b_access {
    char *token;  /* "" when the sandbox is not secured */
    char *domain; /* "" when it has none of its own */
} e2b_access_t;

typedef struct e2b_access_wait {
    struct e2b_access_wait *next;
    void *entry; /* NULL when not waiting */
    /* Outside of curl. err NULL: the credentials are in the cache now. */
    void (*ready)(struct e2b_access_wait *wait, const e2b_err_t *err);
} e2b_access_wait_t;

int e2b_access_create(e2b_engine_t *engine, e2b_access_cache_t **out);
void e2b_access_free(e2b_access_cache_t *cache);

/* Borrowed until the cache changes; NULL: not there, and the wait is queued (ready will run), or
 * code is set to OUT_OF_MEMORY. */
const e2b_access_t *e2b_access_get(e2b_access_cache_t *cache, e2b_config_t *config,
                                   const char *sandbox_id, int64_t timeout_ms,
                                   e2b_access_wait_t *wait, int *code);
void e2b_access_cancel(e2b_access_wait_t *wait);
/* Reads envdAccessToken and domain out of an answer. BAD_RESPONSE when it is no JSON object. Out
 * of memory for the entry is no error: it will be fetched. */
int e2b_access_learn(e2b_access_cache_t *cache, e2b_config_t *config, const char *sandbox_id,
                     const char *json, size_t len);
void e2b_access_drop(e2b_access_cache_t *cache, e2b_config_t *config, const char *sandbox_id);

#endif
