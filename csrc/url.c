/*
 * url.c: percent-encoding and the checks of what users give us as id, domain or base URL. Pure,
 * any thread. Must not resolve a name, and must not quote a URL that could hold a password or
 * control characters.
 */
#include "url.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#define MAX_HOST 253 /* RFC 1035: a whole name; also far longer than any address */
#define MAX_LABEL 63
#define MAX_URL 2048   /* what common servers and proxies take */
#define MAX_QUOTED 200 /* of a URL in a message, so that the advice before it is not cut */

/* Not <ctype.h>: those depend on the locale and are undefined for negative chars. */
static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* RFC 3986, 2.3 */
static bool is_unreserved(char c) {
    return is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

static bool is_visible(char c) {
    return c > 0x20 && c < 0x7F;
}

int e2b_url_escape(e2b_buf_t *out, const char *text, size_t len) {
    static const char hex[] = "0123456789ABCDEF";
    size_t size = 0;
    for (size_t i = 0; i < len; i++)
        size += is_unreserved(text[i]) ? 1 : 3; /* len * 3 fits: len bytes exist */
    int code = e2b_buf_reserve(out, size);
    if (code != E2B_OK) return code;
    char *to = out->data + out->len;
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (is_unreserved(text[i])) {
            *to++ = text[i];
        } else {
            *to++ = '%';
            *to++ = hex[byte >> 4];
            *to++ = hex[byte & 15];
        }
    }
    *to = '\0';
    out->len = (size_t)(to - out->data);
    return E2B_OK;
}

int e2b_url_query(e2b_buf_t *out, const char *name, const char *value, bool *first) {
    if (value == NULL) return E2B_OK;
    size_t former = out->len;
    int code = e2b_buf_printf(out, "%c%s=", *first ? '?' : '&', name);
    if (code == E2B_OK) code = e2b_url_escape(out, value, strlen(value));
    if (code == E2B_OK) {
        *first = false;
    } else if (out->data != NULL) {
        out->len = former;
        out->data[former] = '\0';
    }
    return code;
}

bool e2b_url_id_valid(const char *id, size_t len) {
    if (id == NULL || len < 1 || len > 64 || !is_alnum(id[0])) return false;
    for (size_t i = 1; i < len; i++)
        if (!is_alnum(id[i]) && id[i] != '_' && id[i] != '-') return false;
    return true;
}

/* ---- hosts ---- */

static bool copy_host(char host[MAX_HOST + 1], const char *text, size_t len) {
    if (len < 1 || len > MAX_HOST) return false;
    memcpy(host, text, len);
    host[len] = '\0';
    return true;
}

/* Labels of letters, digits, inner '-' (and '_' where asked: containers have such names). When the
 * last label is a number, the whole must be an IPv4 address: resolvers read it as one. */
static bool host_valid(const char *text, size_t len, bool underscore) {
    char host[MAX_HOST + 1];
    if (!copy_host(host, text, len)) return false;
    size_t label = 0;
    bool number = true;
    for (size_t i = 0; i <= len; i++) {
        char c = host[i];
        if (c == '.' || c == '\0') {
            if (label == 0 || label > MAX_LABEL || host[i - 1] == '-') return false;
            if (c == '\0') break;
            label = 0;
            number = true;
            continue;
        }
        if (!is_alnum(c) && !(c == '-' && label > 0) && !(c == '_' && underscore)) return false;
        number = number && is_digit(c);
        label++;
    }
    struct in_addr address;
    return !number || inet_pton(AF_INET, host, &address) == 1;
}

static bool ipv6_valid(const char *text, size_t len) {
    char host[MAX_HOST + 1];
    struct in6_addr address;
    return copy_host(host, text, len) && inet_pton(AF_INET6, host, &address) == 1;
}

static bool port_valid(const char *text, size_t len) {
    unsigned port = 0;
    if (len < 1 || len > 5) return false;
    for (size_t i = 0; i < len; i++) {
        if (!is_digit(text[i])) return false;
        port = port * 10 + (unsigned)(text[i] - '0');
    }
    return port >= 1 && port <= 65535;
}

bool e2b_url_domain_valid(const char *domain) {
    if (domain == NULL) return false;
    size_t len = strlen(domain);
    const char *colon = memchr(domain, ':', len);
    size_t host_len = colon != NULL ? (size_t)(colon - domain) : len;
    if (colon != NULL && !port_valid(colon + 1, len - host_len - 1)) return false;
    return host_valid(domain, host_len, false);
}

bool e2b_url_domain_shared(const char *domain) {
    static const char *const shared[] = {"e2b.app", "e2b.dev", "e2b.pro", "e2b-staging.dev"};
    for (size_t i = 0; domain != NULL && i < sizeof shared / sizeof shared[0]; i++)
        if (strcasecmp(domain, shared[i]) == 0) return true;
    return false;
}

/* ---- base URLs ---- */

static int refuse(e2b_err_t *err, const char *field, const char *url, const char *why) {
    bool quotable = url != NULL && url[0] != '\0';
    for (const char *c = url; quotable && *c != '\0'; c++)
        quotable = is_visible(*c) && strchr("@?#", *c) == NULL; /* where secrets stand in URLs */
    return e2b_err_set(err, E2B_ERR_INVALID_ARGUMENT,
                       "%s must be a URL such as https://api.e2b.app: %s%s%.*s%s", field, why,
                       quotable ? " (got \"" : "", quotable ? MAX_QUOTED : 0, quotable ? url : "",
                       quotable ? "\")" : "");
}

/* NULL when host[:port] is right, else what is wrong with it. */
static const char *authority_fault(const char *text, size_t len) {
    const char *host = text;
    size_t host_len;
    const char *rest;
    bool ok;
    if (len > 0 && text[0] == '[') {
        const char *close = memchr(text, ']', len);
        if (close == NULL) return "the address in [ ] is not closed";
        host_len = (size_t)(close - host) - 1;
        ok = ipv6_valid(host + 1, host_len);
        rest = close + 1;
    } else {
        const char *colon = memchr(text, ':', len);
        host_len = colon != NULL ? (size_t)(colon - text) : len;
        ok = host_valid(host, host_len, true);
        rest = text + host_len;
    }
    if (host_len == 0) return "it has no host";
    if (!ok) return "its host is not a valid name or address";
    size_t rest_len = len - (size_t)(rest - text);
    if (rest_len > 0 && (rest[0] != ':' || !port_valid(rest + 1, rest_len - 1)))
        return "its port is not a number from 1 to 65535";
    return NULL;
}

int e2b_url_base(e2b_buf_t *out, const char *field, const char *url, e2b_err_t *err) {
    if (url == NULL || url[0] == '\0') return refuse(err, field, url, "it is empty");
    const char *scheme = NULL;
    if (strncasecmp(url, "https://", 8) == 0)
        scheme = "https://";
    else if (strncasecmp(url, "http://", 7) == 0)
        scheme = "http://";
    if (scheme == NULL)
        return refuse(err, field, url, "it does not begin with http:// or https://");

    const char *authority = url + strlen(scheme);
    size_t rest_len = strlen(authority);
    if (rest_len > MAX_URL) return refuse(err, field, NULL, "it is too long");
    for (size_t i = 0; i < rest_len; i++)
        if (!is_visible(authority[i]) || authority[i] == '\\')
            return refuse(
                err, field, url,
                "blanks, backslashes, control and non-ASCII characters cannot stand in it");
    size_t authority_len = strcspn(authority, "/?#");
    if (memchr(authority, '@', authority_len) != NULL)
        return refuse(err, field, url, "it must not hold a user name or password");
    if (strpbrk(authority, "?#") != NULL)
        return refuse(err, field, url, "it must not have a query or a fragment");
    const char *fault = authority_fault(authority, authority_len);
    if (fault != NULL) return refuse(err, field, url, fault);

    if (authority[rest_len - 1] == '/') rest_len--;
    int code = e2b_buf_printf(out, "%s%.*s", scheme, (int)rest_len, authority);
    if (code == E2B_ERR_RESPONSE_TOO_LARGE) return refuse(err, field, NULL, "it is too long");
    if (code != E2B_OK) return e2b_err_set(err, code, "Out of memory while reading %s", field);
    return E2B_OK;
}
