/*
 * tls.h: one certificate store shared by all connections. Parsing ~140 roots costs 20 ms, so it is
 * done once, at the first TLS connection, on the pool thread. Verification is always on; there is
 * no way to switch it off.
 */
#ifndef E2B_TLS_H
#define E2B_TLS_H

#include "e2b.h"

/* Puts the store into an SSL_CTX (void * as libcurl hands it). Pool thread. 0, or E2B_ERR_*. */
int e2b_trust_install(e2b_trust_t *trust, void *ssl_ctx);

/* Which E2B_ERR_CERTIFICATE_* a refused certificate is: result is the X509_V_ERR_* of the
 * connection, as libcurl keeps it. */
int e2b_tls_verdict(long result);

/* Whether the two ends of an SSL * have agreed on HTTP/2; NULL: no TLS, no. */
bool e2b_tls_is_http2(void *ssl);

/* Differs for each trust: a folder that cannot exist, for CURLOPT_CAPATH. libcurl does not know our
 * stores; by this name it tells connections and TLS sessions of one trust from those of another,
 * and keeps its own cache of stores out of it (7.88 would hand the first store to every
 * connection). */
const char *e2b_trust_name(const e2b_trust_t *trust); /* NULL: the name of no trust */

#endif
