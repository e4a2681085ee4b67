/*
 * buf.h: bounded buffers. e2b_buf grows up to the maximum that it was born with and says so when
 * it is full; e2b_tail keeps only the last bytes of a long stream. No thread of their own; one
 * owner at a time.
 */
#ifndef E2B_BUF_H
#define E2B_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct e2b_buf {
    char *data; /* NUL after len bytes whenever it is not NULL */
    size_t len;
    size_t cap;
    size_t max;  /* appending past it answers E2B_ERR_RESPONSE_TOO_LARGE and changes nothing */
    bool secret; /* what it held is overwritten when it grows, is reset or destroyed */
} e2b_buf_t;

void e2b_buf_init(e2b_buf_t *buf, size_t max);
void e2b_buf_init_secret(e2b_buf_t *buf, size_t max); /* for what holds a key or a token */
void e2b_buf_destroy(e2b_buf_t *buf);                 /* frees; leaves an empty, usable buffer */
void e2b_buf_reset(e2b_buf_t *buf);                   /* len = 0, keeps the memory */

/* Room for extra more bytes; growth doubles. 0, E2B_ERR_OUT_OF_MEMORY or _RESPONSE_TOO_LARGE. */
int e2b_buf_reserve(e2b_buf_t *buf, size_t extra);
int e2b_buf_append(e2b_buf_t *buf, const void *data, size_t len);
int e2b_buf_puts(e2b_buf_t *buf, const char *text);
int e2b_buf_printf(e2b_buf_t *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Given: the NUL-terminated memory ("" when nothing was written; NULL when out of memory), and its
 * length. The buffer is empty afterwards. */
char *e2b_buf_take(e2b_buf_t *buf, size_t *len);

/* The last `max` bytes of everything that was appended. Memory grows with need up to max, then the
 * oldest bytes are overwritten in place: memory never passes max + 1. */
typedef struct e2b_tail {
    char *data;
    size_t cap;
    size_t start; /* index of the oldest byte once it has wrapped */
    size_t len;
    size_t max;
    uint64_t total; /* bytes ever appended */
} e2b_tail_t;

void e2b_tail_init(e2b_tail_t *tail, size_t max);
void e2b_tail_destroy(e2b_tail_t *tail);
int e2b_tail_append(e2b_tail_t *tail, const void *data, size_t len); /* 0 or OUT_OF_MEMORY */
bool e2b_tail_truncated(const e2b_tail_t *tail);                     /* total > len */

/* Puts the bytes in order in place (no further memory) and lends them: borrowed until the next
 * call on tail. With text, when truncated, leading UTF-8 continuation bytes (at most 3) are left
 * out, so that the text begins with a whole character. "" and 0 when empty. */
const char *e2b_tail_get(e2b_tail_t *tail, bool text, size_t *len);

#endif
