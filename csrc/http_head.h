/*
 * http_head.h: what the head of an answer says, line by line. Pool thread, inside curl.
 */
#ifndef E2B_HTTP_HEAD_H
#define E2B_HTTP_HEAD_H

#include "http.h"

/* All header lines of an answer, those of 1xx answers and behind the body too. */
#define E2B_MAX_HEAD (128u * 1024)

/* One line. False: the answer cannot be used, http->err says why. */
bool e2b_http_head_line(e2b_http_t *http, const char *line, size_t len);

#endif
