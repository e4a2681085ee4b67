/*
 * config.c: checks and keeps one set of connection settings, with its header lists built once.
 * Made on the loop thread, read by the pool thread. Secrets are wiped before they are freed and
 * never quoted in an error.
 */
#include "config.h"

#include <string.h>
#include <strings.h>

#include "alloc.h"
#include "base64.h"
#include "url.h"

#define MAX_URL 2048
#define MAX_HEADER 16384

static int add_header(struct curl_slist **list, const char *text) {
    struct curl_slist *grown = curl_slist_append(*list, text);
    if (!grown) return E2B_ERR_OUT_OF_MEMORY;
    *list = grown;
    return E2B_OK;
}

static void free_headers(struct curl_slist *list) {
    for (struct curl_slist *item = list; item; item = item->next) {
        volatile char *text = item->data;
        while (*text) *text++ = 0;
    }
    curl_slist_free_all(list);
}

/* One line, "Name: value", a token as name: nothing that could start a second header. */
static bool header_valid(const char *text) {
    const char *colon = strchr(text, ':');
    if (!colon || colon == text || strlen(text) > MAX_HEADER) return false;
    for (const char *p = text; p < colon; p++) {
        if (*p <= ' ' || *p >= 127 || strchr("()<>@,;\\\"/[]?={}", *p)) return false;
    }
    for (const char *p = colon + 1; *p; p++) {
        if ((unsigned char)*p < ' ' && *p != '\t') return false;
    }
    return true;
}

static bool key_valid(const char *key) {
    for (const char *p = key; *p; p++) {
        if (*p <= ' ' || *p >= 127) return false;
    }
    return true;
}

/* What libcurl knows; without a scheme it means http. */
static bool proxy_valid(const char *proxy) {
    static const char *const schemes[] = {"http",    "https",  "socks4",
                                          "socks4a", "socks5", "socks5h"};
    const char *end = strstr(proxy, "://");
    if (!key_valid(proxy) || strlen(proxy) > MAX_URL) return false;
    for (size_t i = 0; end && i < sizeof schemes / sizeof *schemes; i++) {
        size_t len = strlen(schemes[i]);
        if ((size_t)(end - proxy) == len && strncasecmp(proxy, schemes[i], len) == 0) return true;
    }
    return !end;
}

static void wipe_part(char *part) {
    if (part) e2b_wipe(part, strlen(part));
    curl_free(part);
}

/* NULL: there is no such part. It cannot be decoded when it holds control characters; libcurl says
 * the same when it has no memory. */
static int get_part(CURLU *url, CURLUPart part, unsigned flags, char **out) {
    *out = NULL;
    switch (curl_url_get(url, part, out, flags)) {
    case CURLUE_OUT_OF_MEMORY:
        return E2B_ERR_OUT_OF_MEMORY;
    case CURLUE_URLDECODE:
        return E2B_ERR_INVALID_ARGUMENT;
    default:
        return E2B_OK;
    }
}

/* What must never be shown of the proxy's URL, nor said back by a proxy: the password as it is
 * written, as it is meant and as it is sent. A name without a password is taken for a token. */
static int keep_proxy_secrets(e2b_config_t *config, CURLU *url) {
    char *user = NULL, *password = NULL, *written = NULL;
    int code = get_part(url, CURLUPART_USER, CURLU_URLDECODE, &user);
    if (code == E2B_OK) code = get_part(url, CURLUPART_PASSWORD, CURLU_URLDECODE, &password);
    const char *secret = password && *password ? password : user;
    CURLUPart which = secret == password ? CURLUPART_PASSWORD : CURLUPART_USER;
    if (code == E2B_OK) code = get_part(url, which, 0, &written);
    if (code == E2B_OK && secret && *secret) {
        e2b_buf_t pair, sent;
        e2b_buf_init_secret(&pair, MAX_URL + 1);
        e2b_buf_init_secret(&sent, 2 * MAX_URL);
        code = e2b_buf_printf(&pair, "%s:%s", user ? user : "", password ? password : "");
        if (code == E2B_OK) code = e2b_base64_encode(&sent, pair.data, pair.len);
        config->proxy_secrets[0] = e2b_strdup(written);
        config->proxy_secrets[1] = e2b_strdup(secret);
        config->proxy_secrets[2] = code == E2B_OK ? e2b_buf_take(&sent, NULL) : NULL;
        for (int i = 0; i < E2B_PROXY_SECRETS; i++) {
            if (!config->proxy_secrets[i]) code = E2B_ERR_OUT_OF_MEMORY;
        }
        e2b_buf_destroy(&pair);
        e2b_buf_destroy(&sent);
    }
    wipe_part(user);
    wipe_part(password);
    wipe_part(written);
    return code;
}

/* "HOST port PORT": the words by which libcurl says where a connection could not be made. */
static int keep_proxy_address(e2b_config_t *config, CURLU *url) {
    char *host = NULL, *port = NULL;
    e2b_buf_t text;
    e2b_buf_init(&text, MAX_URL);
    int code = get_part(url, CURLUPART_HOST, 0, &host);
    if (code == E2B_OK) code = get_part(url, CURLUPART_PORT, 0, &port);
    const char *usual = strncasecmp(config->proxy, "https:", 6) == 0 ? "443" : "1080";
    size_t len = host ? strlen(host) : 0, skip = len > 1 && host[0] == '[' ? 1 : 0;
    if (code == E2B_OK) {
        code = e2b_buf_printf(&text, "%.*s port %s ", (int)(len - 2 * skip),
                              host ? host + skip : "", port ? port : usual);
    }
    if (code == E2B_OK && !(config->proxy_address = e2b_buf_take(&text, NULL))) {
        code = E2B_ERR_OUT_OF_MEMORY;
    }
    e2b_buf_destroy(&text);
    curl_free(host);
    curl_free(port);
    return code;
}

static int set_proxy(e2b_config_t *config, const e2b_config_options_t *options, e2b_err_t *err) {
    const char *proxy = options->proxy ? options->proxy : "";
    config->proxy = e2b_strdup(proxy);
    config->no_proxy = e2b_strdup(options->no_proxy ? options->no_proxy : "");
    if (!config->proxy || !config->no_proxy) return E2B_ERR_OUT_OF_MEMORY;
    if (!*proxy) return E2B_OK;
    CURLU *url = curl_url();
    if (!url) return E2B_ERR_OUT_OF_MEMORY;
    CURLUcode bad =
        curl_url_set(url, CURLUPART_URL, proxy, CURLU_GUESS_SCHEME | CURLU_NON_SUPPORT_SCHEME);
    int code = bad == CURLUE_OUT_OF_MEMORY               ? E2B_ERR_OUT_OF_MEMORY
               : bad != CURLUE_OK || !proxy_valid(proxy) ? E2B_ERR_INVALID_ARGUMENT
                                                         : E2B_OK;
    if (code == E2B_OK) code = keep_proxy_secrets(config, url);
    if (code == E2B_OK) code = keep_proxy_address(config, url);
    if (code == E2B_ERR_INVALID_ARGUMENT) {
        e2b_err_set(err, code, "proxy must be a URL such as http://127.0.0.1:3128");
    }
    curl_url_cleanup(url);
    return code;
}

static int base_url(char **out, const char *field, const char *url, e2b_err_t *err) {
    e2b_buf_t text;
    e2b_buf_init(&text, MAX_URL);
    int code = e2b_url_base(&text, field, url, err);
    if (code == E2B_OK && !(*out = e2b_buf_take(&text, NULL))) code = E2B_ERR_OUT_OF_MEMORY;
    e2b_buf_destroy(&text);
    return code;
}

static int set_urls(e2b_config_t *config, const e2b_config_options_t *options, e2b_err_t *err) {
    const char *domain = options->domain && *options->domain ? options->domain : "e2b.app";
    if (!e2b_url_domain_valid(domain)) {
        return e2b_err_set(err, E2B_ERR_INVALID_ARGUMENT,
                           "domain must be a host name such as e2b.app, with an optional port");
    }
    if (!(config->domain = e2b_strdup(domain))) return E2B_ERR_OUT_OF_MEMORY;
    char fallback[320];
    const char *api_url = options->api_url;
    if (!api_url || !*api_url) {
        e2b_buf_t text;
        e2b_buf_init(&text, sizeof fallback - 1);
        int code = e2b_buf_printf(&text, "https://api.%s", domain);
        if (code != E2B_OK) { /* a valid domain fits */
            e2b_buf_destroy(&text);
            return E2B_ERR_OUT_OF_MEMORY;
        }
        memcpy(fallback, text.data, text.len + 1);
        e2b_buf_destroy(&text);
        api_url = fallback;
    }
    int code = base_url(&config->api_url, "apiUrl", api_url, err);
    if (code == E2B_OK && options->sandbox_url && *options->sandbox_url) {
        code = base_url(&config->sandbox_url, "sandboxUrl", options->sandbox_url, err);
    }
    return code;
}

static int set_headers(e2b_config_t *config, const e2b_config_options_t *options, e2b_err_t *err) {
    e2b_buf_t line;
    e2b_buf_init_secret(&line, MAX_HEADER);
    int code = e2b_buf_printf(&line, "User-Agent: %s",
                              options->user_agent ? options->user_agent : "e2b-swarm");
    if (code == E2B_ERR_RESPONSE_TOO_LARGE || (code == E2B_OK && !header_valid(line.data))) {
        code = e2b_err_set(err, E2B_ERR_INVALID_ARGUMENT, "userAgent must be one line of text");
    }
    if (code == E2B_OK) code = add_header(&config->api_headers, line.data);
    if (code == E2B_OK) code = add_header(&config->sandbox_headers, line.data);
    for (size_t i = 0; code == E2B_OK && i < options->header_count; i++) {
        if (!header_valid(options->headers[i])) {
            code = e2b_err_set(err, E2B_ERR_INVALID_ARGUMENT,
                               "headers must hold names and one-line values; entry %zu does not",
                               i + 1);
            break;
        }
        code = add_header(&config->api_headers, options->headers[i]);
        if (code == E2B_OK) code = add_header(&config->sandbox_headers, options->headers[i]);
    }
    if (code == E2B_OK && config->api_key) {
        e2b_buf_reset(&line);
        code = e2b_buf_printf(&line, "X-API-Key: %s", config->api_key);
        if (code == E2B_OK) code = add_header(&config->api_headers, line.data);
    }
    e2b_buf_destroy(&line);
    return code;
}

static int fill(e2b_config_t *config, const e2b_config_options_t *options, e2b_err_t *err) {
    if (options->api_key && *options->api_key) {
        if (!key_valid(options->api_key)) {
            return e2b_err_set(err, E2B_ERR_INVALID_ARGUMENT,
                               "apiKey must be printable ASCII without blanks");
        }
        if (!(config->api_key = e2b_strdup(options->api_key))) return E2B_ERR_OUT_OF_MEMORY;
    }
    int code = set_proxy(config, options, err);
    if (code == E2B_OK) code = set_urls(config, options, err);
    return code == E2B_OK ? set_headers(config, options, err) : code;
}

int e2b_config_create(const e2b_config_options_t *options, e2b_config_t **out, e2b_err_t *err) {
    *out = NULL;
    e2b_config_t *config = e2b_calloc(1, sizeof *config);
    if (!config) return e2b_err_set(err, E2B_ERR_OUT_OF_MEMORY, "out of memory");
    atomic_init(&config->references, 1);
    config->trust = options->trust;
    e2b_trust_retain(config->trust);
    int code = fill(config, options, err);
    if (code == E2B_OK) {
        *out = config;
        return E2B_OK;
    }
    if (code == E2B_ERR_OUT_OF_MEMORY) e2b_err_set(err, code, "out of memory");
    e2b_config_release(config);
    return code;
}

void e2b_config_retain(e2b_config_t *config) {
    atomic_fetch_add(&config->references, 1);
}

void e2b_config_release(e2b_config_t *config) {
    if (!config || atomic_fetch_sub(&config->references, 1) != 1) return;
    free_headers(config->api_headers);
    free_headers(config->sandbox_headers);
    e2b_wipe_free_string(config->api_key);
    e2b_wipe_free_string(config->proxy); /* may hold credentials */
    e2b_free(config->no_proxy);
    e2b_free(config->proxy_address);
    for (int i = 0; i < E2B_PROXY_SECRETS; i++) e2b_wipe_free_string(config->proxy_secrets[i]);
    e2b_free(config->api_url);
    e2b_free(config->sandbox_url);
    e2b_free(config->domain);
    e2b_trust_release(config->trust);
    e2b_free(config);
}

int e2b_config_sandbox_url(const e2b_config_t *config, const char *sandbox_id, int port,
                           const char *domain, e2b_buf_t *out) {
    const char *shared = domain && *domain ? domain : config->domain;
    if (!config->sandbox_url && port == E2B_DAEMON_PORT && e2b_url_domain_shared(shared)) {
        return e2b_buf_printf(out, "https://sandbox.%s", shared);
    }
    return e2b_config_own_url(config, sandbox_id, port, domain, out);
}

int e2b_config_own_url(const e2b_config_t *config, const char *sandbox_id, int port,
                       const char *domain, e2b_buf_t *out) {
    if (config->sandbox_url) return e2b_buf_puts(out, config->sandbox_url);
    if (!domain || !*domain) domain = config->domain;
    return e2b_buf_printf(out, "https://%d-%s.%s", port, sandbox_id, domain);
}
