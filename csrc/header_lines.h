/*
 * header_lines.h: header lines of a request that its caller has put together, any number of them,
 * beside those that http.c adds one by one. Made and freed on any thread; linked on the pool
 * thread. It does not know what any of them means.
 */
#ifndef E2B_HEADER_LINES_H
#define E2B_HEADER_LINES_H

#include <curl/curl.h>

#include "e2b.h"

typedef struct e2b_header_lines {
    struct curl_slist *nodes; /* an array, with the texts behind it; NULL: none */
    size_t count;
} e2b_header_lines_t;

/* Copies "Name: value" each. INVALID_ARGUMENT: too many, too long, or no line of a request. */
int e2b_header_lines_init(e2b_header_lines_t *lines, e2b_strings_t texts, e2b_err_t *err);
void e2b_header_lines_destroy(e2b_header_lines_t *lines);
/* All of them and then next: the head of that list. */
struct curl_slist *e2b_header_lines_link(const e2b_header_lines_t *lines, struct curl_slist *next);

#endif
