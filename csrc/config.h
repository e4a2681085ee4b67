/*
 * config.h: where a call goes and with which credentials. Immutable, shared by many calls; read by
 * the pool thread. The API key never leaves towards a sandbox.
 */
#ifndef E2B_CONFIG_H
#define E2B_CONFIG_H

#include <curl/curl.h>
#include <stdatomic.h>

#include "buf.h"
#include "e2b.h"

#define E2B_PROXY_SECRETS 3 /* the password as written, decoded, and as it is sent */

struct e2b_config {
    atomic_int references;
    char *api_key;     /* NULL: missing */
    char *api_url;     /* without a trailing slash */
    char *sandbox_url; /* NULL: by domain */
    char *domain;
    char *proxy, *no_proxy;                 /* "" none */
    char *proxy_address;                    /* "HOST port PORT", as libcurl names it; NULL: none */
    char *proxy_secrets[E2B_PROXY_SECRETS]; /* NULL: none */
    struct curl_slist *api_headers;         /* key, user agent, the user's own */
    struct curl_slist *sandbox_headers;     /* user agent, the user's own */
    e2b_trust_t *trust;
};

#define E2B_DAEMON_PORT 49983

/* Append the base URL of a sandbox's port: for requests that carry the routing headers, and the one
 * that names the sandbox by itself. domain: the sandbox's own, or NULL. */
int e2b_config_own_url(const e2b_config_t *config, const char *sandbox_id, int port,
                       const char *domain, e2b_buf_t *out);
int e2b_config_sandbox_url(const e2b_config_t *config, const char *sandbox_id, int port,
                           const char *domain, e2b_buf_t *out);

#endif
