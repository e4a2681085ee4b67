/*
 * url.h: percent-encoding, checks of ids and of base URLs. Pure functions, any thread.
 */
#ifndef E2B_URL_H
#define E2B_URL_H

#include "buf.h"
#include "e2b.h"

/* Appends text percent-encoded: everything but RFC 3986 unreserved characters. */
int e2b_url_escape(e2b_buf_t *out, const char *text, size_t len);

/* Appends `?name=value` or `&name=value` (value escaped; NULL value: appends nothing). *first says
 * which, and is cleared once something was appended. */
int e2b_url_query(e2b_buf_t *out, const char *name, const char *value, bool *first);

/* ^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$ */
bool e2b_url_id_valid(const char *id, size_t len);

/* Checks a base URL: http:// or https://, a host (name, IPv4 or [IPv6]), an optional port 1..65535,
 * an optional path without query or fragment, no user:password@, no blanks or control characters;
 * one trailing slash is dropped. Appends the cleaned URL to out. field names the option in the
 * error (E2B_ERR_INVALID_ARGUMENT: "<field> must be ..."). The URL itself may be quoted in the
 * error, except when it holds credentials. */
int e2b_url_base(e2b_buf_t *out, const char *field, const char *url, e2b_err_t *err);

/* A host name for `domain` (letters, digits, '-', '.', optional :port). */
bool e2b_url_domain_valid(const char *domain);

/* True for the four domains whose sandboxes are reached through the shared host sandbox.<domain>
 * (e2b.app e2b.dev e2b.pro e2b-staging.dev). */
bool e2b_url_domain_shared(const char *domain);

#endif
