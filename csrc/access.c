/*
 * access.c: a hash table of entries in order of use. An entry that is being fetched has waiters and
 * an exchange of its own, so that a caller who gives up does not take the others' answer with him.
 * Pool thread. Tokens are wiped before they are freed.
 */
#include "access.h"

#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "http_error.h"
#include "json.h"
#include "url.h"

#define MAX_ENTRIES 4096 /* about 300 bytes each */
#define BUCKETS 1024
#define MAX_TOKEN 900 /* fits a header line; the hosted service has 64 digits */

typedef struct entry {
    struct entry *next_in_bucket, *older, *newer;
    e2b_access_cache_t *cache;
    e2b_config_t *config;
    char *sandbox_id;
    size_t bucket;
    e2b_access_t *access; /* NULL: not known */
    e2b_access_wait_t *waiters;
    bool fetching;
    e2b_http_t http;
} entry_t;

struct e2b_access_cache {
    e2b_engine_t *engine;
    entry_t *buckets[BUCKETS];
    entry_t *newest, *oldest;
    size_t count;
};

static size_t bucket_of(const e2b_config_t *config, const char *sandbox_id) {
    uint64_t hash = 1469598103934665603u; /* FNV-1a */
    const char *parts[] = {config->api_url, config->api_key ? config->api_key : "", sandbox_id};
    for (size_t i = 0; i < 3; i++) {
        for (const char *p = parts[i]; *p; p++) hash = (hash ^ (unsigned char)*p) * 1099511628211u;
    }
    return (size_t)(hash % BUCKETS);
}

static bool same_account(const e2b_config_t *a, const e2b_config_t *b) {
    return a == b || (strcmp(a->api_url, b->api_url) == 0 &&
                      strcmp(a->api_key ? a->api_key : "", b->api_key ? b->api_key : "") == 0);
}

static entry_t *find(e2b_access_cache_t *cache, const e2b_config_t *config,
                     const char *sandbox_id) {
    entry_t *entry = cache->buckets[bucket_of(config, sandbox_id)];
    while (entry &&
           (strcmp(entry->sandbox_id, sandbox_id) != 0 || !same_account(entry->config, config))) {
        entry = entry->next_in_bucket;
    }
    return entry;
}

static void unlink_age(e2b_access_cache_t *cache, entry_t *entry) {
    *(entry->newer ? &entry->newer->older : &cache->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &cache->oldest) = entry->newer;
}

static void link_newest(e2b_access_cache_t *cache, entry_t *entry) {
    entry->newer = NULL;
    entry->older = cache->newest;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = entry;
    cache->newest = entry;
}

static void remove_entry(entry_t *entry) {
    e2b_access_cache_t *cache = entry->cache;
    entry_t **link = &cache->buckets[entry->bucket];
    while (*link != entry) link = &(*link)->next_in_bucket;
    *link = entry->next_in_bucket;
    unlink_age(cache, entry);
    cache->count--;
    if (entry->fetching) e2b_http_destroy(&entry->http);
    e2b_access_release(entry->access);
    e2b_config_release(entry->config);
    e2b_free(entry->sandbox_id);
    e2b_free(entry);
}

static void make_room(e2b_access_cache_t *cache) {
    entry_t *entry = cache->oldest;
    while (entry && cache->count >= MAX_ENTRIES) {
        entry_t *newer = entry->newer;
        if (!entry->fetching) remove_entry(entry);
        entry = newer;
    }
}

static entry_t *add(e2b_access_cache_t *cache, e2b_config_t *config, const char *sandbox_id) {
    make_room(cache);
    entry_t *entry = e2b_calloc(1, sizeof *entry);
    if (!entry || !(entry->sandbox_id = e2b_strdup(sandbox_id))) {
        e2b_free(entry);
        return NULL;
    }
    e2b_config_retain(config);
    entry->config = config;
    entry->cache = cache;
    entry->bucket = bucket_of(config, sandbox_id);
    entry->next_in_bucket = cache->buckets[entry->bucket];
    cache->buckets[entry->bucket] = entry;
    link_newest(cache, entry);
    cache->count++;
    return entry;
}

int e2b_access_create(e2b_engine_t *engine, e2b_access_cache_t **out) {
    *out = e2b_calloc(1, sizeof **out);
    if (!*out) return E2B_ERR_OUT_OF_MEMORY;
    (*out)->engine = engine;
    return E2B_OK;
}

void e2b_access_free(e2b_access_cache_t *cache) {
    if (!cache) return;
    while (cache->newest) remove_entry(cache->newest);
    e2b_free(cache);
}

/* ---- credentials ---- */

void e2b_access_retain(e2b_access_t *access) {
    atomic_fetch_add(&access->references, 1);
}

void e2b_access_release(e2b_access_t *access) {
    if (!access || atomic_fetch_sub(&access->references, 1) != 1) return;
    e2b_wipe_free_string(access->token);
    e2b_wipe_free_string(access->traffic_token);
    e2b_free(access->domain);
    e2b_free(access);
}

static bool token_valid(const char *token) {
    for (const char *p = token; *p; p++) {
        if (*p <= ' ' || *p >= 127) return false;
    }
    return strlen(token) <= MAX_TOKEN;
}

/* A null or absent token is a sandbox without one. Only create and connect tell the traffic token:
 * what was known of it stays, unless it is told anew. known may be NULL. */
static int read_answer(const char *json, size_t len, const e2b_access_t *known,
                       e2b_access_t **out) {
    *out = NULL;
    int code = E2B_ERR_BAD_RESPONSE;
    const char *token = "", *domain = "";
    const char *traffic_token = known ? known->traffic_token : "";
    e2b_access_t *access = NULL;
    cJSON *body = e2b_json_parse(json, len);
    if (!cJSON_IsObject(body)) goto done;
    e2b_json_string(body, "envdAccessToken", &token);
    e2b_json_string(body, "trafficAccessToken", &traffic_token);
    e2b_json_string(body, "domain", &domain);
    if (!token_valid(token) || !token_valid(traffic_token)) goto done;
    if (*domain && !e2b_url_domain_valid(domain)) goto done;
    code = E2B_ERR_OUT_OF_MEMORY;
    if (!(access = e2b_calloc(1, sizeof *access))) goto done;
    atomic_init(&access->references, 1);
    access->token = e2b_strdup(token);
    access->traffic_token = e2b_strdup(traffic_token);
    access->domain = e2b_strdup(domain);
    if (!access->token || !access->traffic_token || !access->domain) goto done;
    *out = access;
    access = NULL;
    code = E2B_OK;
done:
    e2b_access_release(access);
    e2b_json_wipe_delete(body);
    return code;
}

/* ---- fetching ---- */

static void fetched(e2b_http_t *http) {
    entry_t *entry = http->context;
    e2b_err_t err = http->err;
    if (err.code == E2B_OK) {
        int code = read_answer(http->answer.data ? http->answer.data : "", http->answer.len, NULL,
                               &entry->access);
        if (code == E2B_ERR_OUT_OF_MEMORY) e2b_err_set(&err, code, "out of memory");
        if (code == E2B_ERR_BAD_RESPONSE) {
            e2b_http_bad_answer(http, "without credentials that could be used");
            err = http->err;
        }
    }
    /* Looking up credentials changes nothing: the call that needed them was not sent. */
    if (err.outcome != E2B_OUTCOME_REJECTED) err.outcome = E2B_OUTCOME_NOT_SENT;
    e2b_access_wait_t *waiters = entry->waiters;
    e2b_access_t *access = entry->access;
    if (access) e2b_access_retain(access); /* whoever is called may drop the entry */
    entry->waiters = NULL;
    entry->fetching = false;
    e2b_http_destroy(&entry->http);
    if (!access) remove_entry(entry);
    for (e2b_access_wait_t *wait; (wait = waiters) != NULL;) {
        waiters = wait->next;
        wait->entry = NULL;
        wait->ready(wait, access, &err);
    }
    e2b_access_release(access);
}

static int fetch(entry_t *entry) {
    e2b_http_t *http = &entry->http;
    e2b_http_init(http, entry->cache->engine, entry->config);
    http->method = "GET";
    http->what = "looking up the sandbox";
    http->control = http->idempotent = true;
    http->on_done = fetched;
    http->context = entry;
    int code =
        e2b_buf_printf(&http->url, "%s/sandboxes/%s", entry->config->api_url, entry->sandbox_id);
    if (code == E2B_OK) code = e2b_http_start(http);
    if (code != E2B_OK) {
        e2b_http_destroy(http);
        return code;
    }
    entry->fetching = true;
    return E2B_OK;
}

e2b_access_t *e2b_access_get(e2b_access_cache_t *cache, e2b_config_t *config,
                             const char *sandbox_id, e2b_access_wait_t *wait, int *code) {
    *code = E2B_OK;
    entry_t *entry = find(cache, config, sandbox_id);
    if (entry && entry->access) {
        unlink_age(cache, entry);
        link_newest(cache, entry);
        e2b_access_retain(entry->access);
        return entry->access;
    }
    if (!entry && !(entry = add(cache, config, sandbox_id))) {
        *code = E2B_ERR_OUT_OF_MEMORY;
        return NULL;
    }
    if (!entry->fetching && (*code = fetch(entry)) != E2B_OK) {
        remove_entry(entry);
        return NULL;
    }
    wait->entry = entry;
    wait->next = entry->waiters;
    entry->waiters = wait;
    return NULL;
}

void e2b_access_cancel(e2b_access_wait_t *wait) {
    entry_t *entry = wait->entry;
    if (!entry) return;
    e2b_access_wait_t **link = &entry->waiters;
    while (*link != wait) link = &(*link)->next;
    *link = wait->next;
    wait->entry = NULL;
    if (!entry->waiters) remove_entry(entry);
}

int e2b_access_learn(e2b_access_cache_t *cache, e2b_config_t *config, const char *sandbox_id,
                     const char *json, size_t len, e2b_access_t **out) {
    e2b_access_t *access;
    entry_t *entry = find(cache, config, sandbox_id);
    int code = read_answer(json, len, entry ? entry->access : NULL, &access);
    if (out) *out = access;
    if (code != E2B_OK) return code;
    if (!entry) entry = add(cache, config, sandbox_id); /* out of memory: it will be fetched */
    if (entry && !entry->fetching) {                    /* else its own answer is on the way */
        e2b_access_release(entry->access);
        entry->access = access;
        if (out) e2b_access_retain(access);
    } else if (!out) {
        e2b_access_release(access);
    }
    return E2B_OK;
}

void e2b_access_drop(e2b_access_cache_t *cache, e2b_config_t *config, const char *sandbox_id,
                     const e2b_access_t *known) {
    entry_t *entry = find(cache, config, sandbox_id);
    if (entry && !entry->fetching && (!known || entry->access == known)) remove_entry(entry);
}
