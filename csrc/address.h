/*
 * address.h: a URL as libcurl has it after parsing, kept from one exchange to the next: to one host
 * only path and query change, and to parse the rest again is a tenth of what a call costs. Pool
 * thread only.
 */
#ifndef E2B_ADDRESS_H
#define E2B_ADDRESS_H

#include <curl/curl.h>
#include <stddef.h>

typedef struct e2b_address {
    CURLU *parsed;
    char *origin; /* of what was parsed: scheme, host and port */
    size_t origin_len;
} e2b_address_t;

void e2b_address_destroy(e2b_address_t *address); /* leaves it empty: zeros */

/* The parsed form of url; borrowed from address until the next call. NULL: it has to be given to
 * libcurl as text. */
CURLU *e2b_address_parse(e2b_address_t *address, const char *url);

#endif
