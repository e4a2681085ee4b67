/*
 * transfer.c: a file of any length, down or up, as a stream. Down: a direct request (direct.c). Up:
 * the bytes come from the loop thread piece by piece (e2b_client_feed), and the transfer waits
 * while there are none. Constructors on the loop thread, the rest on the pool thread. Must never
 * hold a file in memory, and never hand on a part other than the one that was asked for.
 */
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "files.h"
#include "operation.h"

#define MAX_PATH 13000 /* as unary.c */

enum { ACCESS, MOVING };

typedef struct transfer_op {
    e2b_op_t op;
    int64_t size;             /* -1 when nobody knows */
    const char *content_type; /* static; NULL: the lines say it */
    e2b_header_lines_t lines;
    e2b_buf_t path;
    e2b_buf_t piece; /* what is being sent */
    size_t piece_sent;
} transfer_op_t;

/* ---- inside curl ---- */

static int on_body(e2b_http_t *http, char *buffer, size_t room, size_t *len) {
    transfer_op_t *self = http->context;
    e2b_op_moved(&self->op);
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

static void send_request(transfer_op_t *self) {
    e2b_op_t *op = &self->op;
    e2b_op_exchange(op, "POST", false);
    op->http.timeout_ms = 0;
    op->http.bulk = true;
    op->http.idempotent = false; /* the source cannot be read twice */
    op->http.on_body = on_body;
    op->http.body_size = self->size;
    op->http.lines = self->lines;
    int code = e2b_op_daemon(op, &op->http, self->path.data, self->content_type, NULL);
    if (code != E2B_OK) {
        e2b_op_fail_memory(op);
        return;
    }
    e2b_op_watch_idle(op);
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
        e2b_op_watch_idle(op);
    }
}

static void destroy(e2b_op_t *op) {
    transfer_op_t *self = (transfer_op_t *)op;
    e2b_header_lines_destroy(&self->lines);
    e2b_buf_destroy(&self->path);
    e2b_buf_destroy(&self->piece);
}

static const e2b_op_class_t upload_class = {"writing the file", advance, NULL, destroy, NULL};

/* The path of a request for a file, with its query. */
static int file_path(e2b_buf_t *out, const char *path, const char *user, e2b_err_t *err) {
    int code = e2b_buf_puts(out, "/files");
    if (code == E2B_OK) code = e2b_files_query(out, path, user);
    return code == E2B_OK ? E2B_OK : e2b_op_refuse(code, "path", err);
}

int e2b_op_download(const e2b_call_t *call, const char *sandbox_id, const char *path,
                    const char *user, int64_t offset, e2b_op_t **out, e2b_err_t *err) {
    e2b_buf_t target;
    char range[40];
    const char *const headers[] = {range};
    *out = NULL;
    if (offset < 0) {
        return e2b_err_set(err, E2B_ERR_INVALID_ARGUMENT, "offset must not be negative");
    }
    if (e2b_files_check(path, user, err) != E2B_OK) return err->code;
    snprintf(range, sizeof range, "Range: bytes=%lld-", (long long)offset);
    e2b_buf_init(&target, MAX_PATH);
    int code = file_path(&target, path, user, err);
    if (code == E2B_OK) {
        e2b_direct_args_t args = {
            .what = "reading the file",
            .method = "GET",
            .path = target.data,
            .port = E2B_DAEMON_PORT,
            .headers = {.items = headers, .count = offset > 0},
            .expected_status = offset > 0 ? 206 : 0,
            .idempotent = true,
            .stream = true,
        };
        code = e2b_op_direct(call, sandbox_id, &args, out, err);
    }
    e2b_buf_destroy(&target);
    return code;
}

int e2b_op_upload(const e2b_call_t *call, const char *sandbox_id, const e2b_write_args_t *args,
                  int64_t size, e2b_op_t **out, e2b_err_t *err) {
    *out = NULL;
    if (e2b_files_check_write(args, err) != E2B_OK) return err->code;
    if (e2b_op_check_id(sandbox_id, err) != E2B_OK) return err->code;
    transfer_op_t *self =
        (transfer_op_t *)e2b_op_new(sizeof *self, &upload_class, call, sandbox_id, err);
    if (!self) return err->code;
    e2b_buf_init(&self->path, MAX_PATH);
    e2b_buf_init(&self->piece, E2B_FEED_MAX);
    self->content_type = e2b_files_type(args);
    self->size = size < 0 ? -1 : size;
    int code = file_path(&self->path, args->path, args->user, err);
    if (code == E2B_OK) code = e2b_header_lines_init(&self->lines, args->headers, err);
    if (code == E2B_OK && !(self->op.feed = e2b_calloc(1, sizeof *self->op.feed))) {
        code = e2b_err_set(err, E2B_ERR_OUT_OF_MEMORY, "out of memory");
    }
    if (code != E2B_OK) {
        e2b_op_free(&self->op);
        return code;
    }
    e2b_buf_init(&self->op.feed->waiting, E2B_FEED_MAX);
    *out = &self->op;
    return E2B_OK;
}
