/*
 * buf.c: the two bounded buffers. One owner at a time. Must never grow past the maximum that a
 * buffer was born with, and must leave it as it was when it cannot do what was asked.
 */
#include "buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "e2b.h"

#define FIRST_CAPACITY 64 /* the least that is worth an allocation */
#define ROTATE_BLOCK 4096 /* stack used to put a tail in order */

/* ---- e2b_buf ---- */

void e2b_buf_init(e2b_buf_t *buf, size_t max) {
    memset(buf, 0, sizeof *buf);
    buf->max = max < SIZE_MAX ? max : SIZE_MAX - 1; /* the NUL must still be countable */
}

void e2b_buf_init_secret(e2b_buf_t *buf, size_t max) {
    e2b_buf_init(buf, max);
    buf->secret = true;
}

/* Empty, with the same bound; its memory has gone elsewhere. */
static void begin_again(e2b_buf_t *buf) {
    bool secret = buf->secret;
    e2b_buf_init(buf, buf->max);
    buf->secret = secret;
}

void e2b_buf_destroy(e2b_buf_t *buf) {
    if (buf->secret)
        e2b_wipe_free(buf->data, buf->cap);
    else
        e2b_free(buf->data);
    begin_again(buf);
}

void e2b_buf_reset(e2b_buf_t *buf) {
    if (buf->secret && buf->data != NULL) e2b_wipe(buf->data, buf->len);
    buf->len = 0;
    if (buf->data != NULL) buf->data[0] = '\0';
}

/* The next capacity for `need` bytes: doubled, between need and limit. */
static size_t grown(size_t cap, size_t need, size_t limit) {
    size_t next = cap < FIRST_CAPACITY ? FIRST_CAPACITY : cap <= limit / 2 ? cap * 2 : limit;
    if (next < need) next = need;
    return next < limit ? next : limit;
}

int e2b_buf_reserve(e2b_buf_t *buf, size_t extra) {
    if (extra > buf->max - buf->len) return E2B_ERR_RESPONSE_TOO_LARGE;
    size_t need = buf->len + extra + 1;
    if (need <= buf->cap) return E2B_OK;
    size_t cap = grown(buf->cap, need, buf->max + 1);
    /* realloc would leave the old bytes behind where it has moved them from. */
    char *data = buf->secret ? e2b_malloc(cap) : e2b_realloc(buf->data, cap);
    if (data == NULL) return E2B_ERR_OUT_OF_MEMORY;
    if (buf->secret && buf->data != NULL) {
        memcpy(data, buf->data, buf->len);
        e2b_wipe_free(buf->data, buf->cap);
    }
    data[buf->len] = '\0';
    buf->data = data;
    buf->cap = cap;
    return E2B_OK;
}

int e2b_buf_append(e2b_buf_t *buf, const void *data, size_t len) {
    if (len == 0) return E2B_OK;
    int code = e2b_buf_reserve(buf, len);
    if (code != E2B_OK) return code;
    memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
    return E2B_OK;
}

int e2b_buf_puts(e2b_buf_t *buf, const char *text) {
    return e2b_buf_append(buf, text, strlen(text));
}

int e2b_buf_printf(e2b_buf_t *buf, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0)
        return E2B_ERR_OUT_OF_MEMORY; /* our formats are valid; memory is all it can lack */
    int code = e2b_buf_reserve(buf, (size_t)length);
    if (code != E2B_OK) return code;
    va_start(args, format);
    vsnprintf(buf->data + buf->len, (size_t)length + 1, format, args);
    va_end(args);
    buf->len += (size_t)length;
    return E2B_OK;
}

char *e2b_buf_take(e2b_buf_t *buf, size_t *len) {
    char *data = buf->data != NULL ? buf->data : e2b_strdup("");
    if (len != NULL) *len = buf->len;
    begin_again(buf);
    return data;
}

/* ---- e2b_tail ---- */

void e2b_tail_init(e2b_tail_t *tail, size_t max) {
    memset(tail, 0, sizeof *tail);
    tail->max = max < SIZE_MAX ? max : SIZE_MAX - 1;
}

void e2b_tail_destroy(e2b_tail_t *tail) {
    e2b_free(tail->data);
    e2b_tail_init(tail, tail->max);
}

/* Room for `bytes` bytes and a NUL. Only ever called before the tail has wrapped. */
static int tail_grow(e2b_tail_t *tail, size_t bytes) {
    if (bytes + 1 <= tail->cap) return E2B_OK;
    size_t cap = grown(tail->cap, bytes + 1, tail->max + 1);
    char *data = e2b_realloc(tail->data, cap);
    if (data == NULL) return E2B_ERR_OUT_OF_MEMORY;
    tail->data = data;
    tail->cap = cap;
    return E2B_OK;
}

int e2b_tail_append(e2b_tail_t *tail, const void *data, size_t len) {
    if (len == 0) return E2B_OK;
    const char *bytes = data;
    size_t kept = len < tail->max ? len : tail->max; /* of this piece */
    size_t want = kept < tail->max - tail->len ? tail->len + kept : tail->max;
    if (want > tail->len) {
        int code = tail_grow(tail, want);
        if (code != E2B_OK) return code;
    }
    tail->total += len;
    if (kept == 0) return E2B_OK; /* max is 0: only counted */
    bytes += len - kept;

    size_t straight =
        want - tail->len; /* behind what is there; start is 0 as long as it is not 0 */
    memcpy(tail->data + tail->len, bytes, straight);
    tail->len = want;
    bytes += straight;

    for (size_t left = kept - straight; left > 0;) { /* over the oldest: at most two pieces */
        size_t piece = tail->max - tail->start < left ? tail->max - tail->start : left;
        memcpy(tail->data + tail->start, bytes, piece);
        tail->start = tail->start + piece == tail->max ? 0 : tail->start + piece;
        bytes += piece;
        left -= piece;
    }
    return E2B_OK;
}

bool e2b_tail_truncated(const e2b_tail_t *tail) {
    return tail->total > tail->len;
}

static void swap_blocks(char *a, char *b, size_t len) {
    char block[ROTATE_BLOCK];
    for (size_t done = 0; done < len;) {
        size_t piece = len - done < sizeof block ? len - done : sizeof block;
        memcpy(block, a + done, piece);
        memcpy(a + done, b + done, piece);
        memcpy(b + done, block, piece);
        done += piece;
    }
}

/* Turns data = LEFT RIGHT into RIGHT LEFT in place: swaps blocks as long as both sides are large,
 * which puts the smaller one where it belongs each time, then moves the small rest at once. */
static void rotate(char *data, size_t left, size_t right) {
    char block[ROTATE_BLOCK];
    while (left > sizeof block && right > sizeof block) {
        if (left <= right) {
            swap_blocks(data, data + right, left);
            right -= left;
        } else {
            swap_blocks(data, data + left, right);
            data += right;
            left -= right;
        }
    }
    if (left <= right) {
        memcpy(block, data, left);
        memmove(data, data + left, right);
        memcpy(data + right, block, left);
    } else {
        memcpy(block, data + left, right);
        memmove(data + right, data, left);
        memcpy(data, block, right);
    }
}

const char *e2b_tail_get(e2b_tail_t *tail, bool text, size_t *len) {
    if (tail->len == 0) {
        *len = 0;
        return "";
    }
    if (tail->start > 0) {
        rotate(tail->data, tail->start, tail->len - tail->start);
        tail->start = 0;
    }
    tail->data[tail->len] = '\0';
    size_t skip = 0;
    if (text && e2b_tail_truncated(tail))
        while (skip < 3 && skip < tail->len && ((unsigned char)tail->data[skip] & 0xC0) == 0x80)
            skip++;
    *len = tail->len - skip;
    return tail->data + skip;
}
