/*
 * address.c: see address.h. Pool thread. What libcurl would rewrite in a whole URL, and in a path
 * or a query alone would not, or otherwise, is left to it as text.
 */
#include "address.h"

#include <string.h>

#include "alloc.h"

void e2b_address_destroy(e2b_address_t *address) {
    curl_url_cleanup(address->parsed);
    e2b_free(address->origin);
    *address = (e2b_address_t){.parsed = NULL};
}

static bool keep(e2b_address_t *address, const char *origin, size_t len) {
    e2b_address_destroy(address);
    address->parsed = curl_url();
    address->origin = e2b_strndup(origin, len);
    address->origin_len = len;
    if (address->parsed && address->origin &&
        curl_url_set(address->parsed, CURLUPART_URL, address->origin, 0) == CURLUE_OK) {
        return true;
    }
    e2b_address_destroy(address);
    return false;
}

static bool set_rest(CURLU *parsed, char *path) {
    char *query = strchr(path, '?');
    if (query) *query++ = '\0';
    return curl_url_set(parsed, CURLUPART_PATH, path, 0) == CURLUE_OK &&
           curl_url_set(parsed, CURLUPART_QUERY, query, 0) == CURLUE_OK;
}

CURLU *e2b_address_parse(e2b_address_t *address, const char *url) {
    const char *host = strstr(url, "://");
    const char *path = host ? strchr(host + 3, '/') : NULL;
    if (!path || strpbrk(path, "%#") || strstr(path, "/.")) return NULL;
    size_t len = (size_t)(path - url);
    bool same = len == address->origin_len && memcmp(url, address->origin, len) == 0;
    if (!same && !keep(address, url, len)) return NULL;
    char *rest = e2b_strdup(path);
    bool set = rest && set_rest(address->parsed, rest);
    e2b_free(rest);
    if (!set) e2b_address_destroy(address); /* half of it may have been changed */
    return address->parsed;
}
