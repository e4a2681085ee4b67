/*
 * transfer.c: a file of any length, down or up, as a stream. Down: the bytes go to a reader who
 * holds the transfer back by not acknowledging them. Up: the bytes come from the loop thread piece
 * by piece (e2b_client_feed), and the transfer waits while there are none. Constructors on the loop
 * thread, the rest on the pool thread. Must never hold a file in memory, and never hand on a part
 * other than the one that was asked for.
 */
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "files.h"
#include "operation.h"
#include "platform.h"

#define MAX_PATH 13000 /* as unary.c */

enum { ACCESS, MOVING };

typedef struct transfer_op {
    e2b_op_t op;
    int64_t offset; /* down: where to begin */
    int64_t size;   /* up: -1 when nobody knows */
    e2b_buf_t path;
    e2b_buf_t piece; /* up: what is being sent */
    size_t piece_sent;
    int64_t moved_at_ms;
} transfer_op_t;

/* ---- inside curl ---- */

static int on_data(e2b_http_t *http, const char *data, size_t len) {
    transfer_op_t *self = http->context;
    e2b_op_t *op = &self->op;
    if (e2b_op_is_full(op)) return E2B_HTTP_PAUSE;
    self->moved_at_ms = e2b_now_ms();
    if (self->offset > 0 && http->status != 206) {
        return e2b_err_set(&http->err, E2B_ERR_BAD_RESPONSE,
                           "%s: the far end sends the whole file instead of the part after %lld",
                           op->class->what, (long long)self->offset);
    }
    int code = e2b_buf_append(e2b_op_stream(op, 0), data, len);
    if (code != E2B_OK) return e2b_err_set(&http->err, code, "%s: out of memory", op->class->what);
    e2b_op_set_unread(op, op->unread + len);
    if (!op->began) e2b_op_tell(op, E2B_NEWS_STARTED);
    op->began = true;
    e2b_op_tell(op, E2B_NEWS_OUTPUT);
    return E2B_OK;
}

static int on_body(e2b_http_t *http, char *buffer, size_t room, size_t *len) {
    transfer_op_t *self = http->context;
    self->moved_at_ms = e2b_now_ms();
    if (self->piece_sent == self->piece.len) {
        bool end;
        self->piece_sent = 0;
        e2b_buf_reset(&self->piece);
        e2b_client_take_feed(&self->op, &self->piece, &end);
        if (self->piece.len > 0) e2b_op_tell(&self->op, E2B_NEWS_DRAINED);
        if (self->piece.len == 0 && !end) return E2B_HTTP_PAUSE;
        int64_t sum = (int64_t)(http->body_sent + self->piece.len);
        /* The far end would wait for the rest, or take a part for the whole. */
        if (self->size >= 0 && (sum > self->size || (self->piece.len == 0 && sum < self->size))) {
            return e2b_err_set(&http->err, E2B_ERR_INVALID_ARGUMENT,
                               "%s: the data is not of the %lld bytes that were announced",
                               self->op.class->what, (long long)self->size);
        }
    }
    size_t left = self->piece.len - self->piece_sent;
    *len = left < room ? left : room;
    if (*len > 0) memcpy(buffer, self->piece.data + self->piece_sent, *len);
    self->piece_sent += *len;
    return E2B_OK;
}

/* ---- the road ---- */

/* Bytes that stop moving for as long as a request may take; waiting for our own side is no fault.
 */
static void time_passed(transfer_op_t *self) {
    e2b_op_t *op = &self->op;
    int64_t now = e2b_now_ms();
    op->timer_fired = false;
    if (op->http.paused) self->moved_at_ms = now;
    int64_t left = self->moved_at_ms + op->timeout_ms - now;
    if (left > 0) {
        e2b_op_timer(op, left);
        return;
    }
    e2b_err_t err;
    e2b_err_init(&err);
    err.outcome = op->began                      ? E2B_OUTCOME_INTERRUPTED
                  : e2b_http_was_sent(&op->http) ? E2B_OUTCOME_UNKNOWN
                                                 : E2B_OUTCOME_NOT_SENT;
    err.retryable = op->http.idempotent;
    e2b_err_set(&err, E2B_ERR_TIMEOUT, "%s failed: nothing moved within requestTimeoutMs",
                op->class->what);
    e2b_op_fail(op, &err);
}

static void send_request(transfer_op_t *self) {
    e2b_op_t *op = &self->op;
    bool up = op->feed != NULL;
    e2b_op_exchange(op, up ? "POST" : "GET", false);
    op->http.timeout_ms = 0;
    op->http.bulk = true;
    op->http.idempotent = !up; /* the source cannot be read twice */
    if (up) {
        op->http.on_body = on_body;
        op->http.body_size = self->size;
    } else {
        op->http.on_data = on_data;
    }
    int code =
        e2b_op_daemon(op, &op->http, self->path.data, up ? "application/octet-stream" : NULL, NULL);
    if (code == E2B_OK && self->offset > 0) {
        code = e2b_http_header(&op->http, "Range: bytes=%lld-", (long long)self->offset);
    }
    if (code != E2B_OK) {
        e2b_op_fail_memory(op);
        return;
    }
    self->moved_at_ms = e2b_now_ms();
    e2b_op_timer(op, op->timeout_ms);
    if (!op->finished) e2b_op_send(op);
}

static void advance(e2b_op_t *op) {
    transfer_op_t *self = (transfer_op_t *)op;
    if (op->phase == ACCESS) {
        if (!e2b_op_need_access(op)) return;
        op->phase = MOVING;
        send_request(self);
    } else if (op->http_done) {
        e2b_err_t *err = &op->http.err;
        op->result.status = op->http.status;
        if (err->code == E2B_OK) {
            e2b_op_keep_answer(op);
            e2b_op_finish(op);
            return;
        }
        if (op->began) err->outcome = E2B_OUTCOME_INTERRUPTED;
        e2b_op_fail(op, err);
    } else if (op->timer_fired) {
        time_passed(self);
    }
}

static void destroy(e2b_op_t *op) {
    transfer_op_t *self = (transfer_op_t *)op;
    e2b_buf_destroy(&self->path);
    e2b_buf_destroy(&self->piece);
}

static const e2b_op_class_t download_class = {"reading the file", advance, NULL, destroy, NULL};
static const e2b_op_class_t upload_class = {"writing the file", advance, NULL, destroy, NULL};

static transfer_op_t *new_transfer(const e2b_op_class_t *class, const e2b_call_t *call,
                                   const char *sandbox_id, const char *path, const char *user,
                                   e2b_err_t *err) {
    if (e2b_files_check(path, user, err) != E2B_OK) return NULL;
    if (e2b_op_check_id(sandbox_id, err) != E2B_OK) return NULL;
    transfer_op_t *self =
        (transfer_op_t *)e2b_op_new(sizeof(transfer_op_t), class, call, sandbox_id, err);
    if (!self) return NULL;
    e2b_buf_init(&self->path, MAX_PATH);
    e2b_buf_init(&self->piece, E2B_FEED_MAX);
    int code = e2b_buf_puts(&self->path, "/files");
    if (code == E2B_OK) code = e2b_files_query(&self->path, path, user);
    if (code == E2B_OK) return self;
    e2b_op_free(&self->op);
    e2b_op_refuse(code, "path", err);
    return NULL;
}

int e2b_op_download(const e2b_call_t *call, const char *sandbox_id, const char *path,
                    const char *user, int64_t offset, e2b_op_t **out, e2b_err_t *err) {
    *out = NULL;
    if (offset < 0) {
        return e2b_err_set(err, E2B_ERR_INVALID_ARGUMENT, "offset must not be negative");
    }
    transfer_op_t *self = new_transfer(&download_class, call, sandbox_id, path, user, err);
    if (!self) return err->code;
    self->offset = offset;
    *out = &self->op;
    return E2B_OK;
}

int e2b_op_upload(const e2b_call_t *call, const char *sandbox_id, const char *path,
                  const char *user, int64_t size, e2b_op_t **out, e2b_err_t *err) {
    *out = NULL;
    transfer_op_t *self = new_transfer(&upload_class, call, sandbox_id, path, user, err);
    if (!self) return err->code;
    self->size = size < 0 ? -1 : size;
    self->op.feed = e2b_calloc(1, sizeof *self->op.feed);
    if (!self->op.feed) {
        e2b_op_free(&self->op);
        return e2b_err_set(err, E2B_ERR_OUT_OF_MEMORY, "out of memory");
    }
    e2b_buf_init(&self->op.feed->waiting, E2B_FEED_MAX);
    *out = &self->op;
    return E2B_OK;
}
