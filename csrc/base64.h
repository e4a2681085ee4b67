/*
 * base64.h: RFC 4648 base64, standard alphabet. Pure, any thread.
 */
#ifndef E2B_BASE64_H
#define E2B_BASE64_H

#include <stddef.h>

#include "buf.h"
#include "e2b.h"

int e2b_base64_encode(e2b_buf_t *out, const void *data, size_t len); /* with padding */

/* Appends the bytes. Accepts missing padding; refuses white space, other characters, a length of
 * 4n+1, and data after padding with E2B_ERR_BAD_RESPONSE (out keeps its former length). */
int e2b_base64_decode(e2b_buf_t *out, const char *text, size_t len);

/* Upper bound of decoded bytes for len characters. */
size_t e2b_base64_decoded_max(size_t len);

#endif
