/*
 * http2.h: what only HTTP/2 can say of a request: that the far end has not looked at it, and never
 * will, so that it may be sent again (RFC 9113, 8.7). Pool thread, from curl's callbacks too.
 */
#ifndef E2B_HTTP2_H
#define E2B_HTTP2_H

#include "http.h"

/* The request is about to go out on a connection of HTTP/2: from here on curl's words are heard,
 * until the answer begins. */
void e2b_http2_listen(e2b_http_t *http);
void e2b_http2_enough(e2b_http_t *http);

/* The answer's head is whole. Inside curl. */
void e2b_http2_answered(e2b_http_t *http);

/* again: libcurl would send it again by itself. */
bool e2b_http2_unprocessed(const e2b_http_t *http, bool again);

#endif
