/*
 * http_error.h: what a finished exchange means: the one place where a CURLcode and an HTTP status
 * become an error with an outcome. Pool thread.
 */
#ifndef E2B_HTTP_ERROR_H
#define E2B_HTTP_ERROR_H

#include "http.h"

/* Fills http->err from curl's code, the status and the body. */
void e2b_http_classify(e2b_http_t *http, CURLcode code);

/* err for a 2xx answer whose body is not what was promised. */
int e2b_http_bad_answer(e2b_http_t *http, const char *why);

#endif
