/*
 * unary.c: the road of the daemon's single exchanges. Pool thread, but for the constructors. What
 * an answer means is the caller's (V8 parses it); only its status is looked at here.
 */
#include "unary.h"

#include <string.h>

#include "alloc.h"

#define MAX_PATH                                                                                   \
    13000 /* a path of 4096 bytes, escaped; with the longest base URL http.c takes it */

enum { ACCESS, FIRST, SECOND };

static void send_request(unary_op_t *self, const char *path, const e2b_buf_t *payload) {
    e2b_op_t *op = &self->op;
    e2b_op_exchange(op, self->method, false);
    op->http.idempotent = !self->once;
    op->http.lines = self->lines;
    if (self->max_answer) op->http.answer.max = self->max_answer;
    int code = e2b_op_daemon(op, &op->http, path, self->content_type, self->user);
    if (code == E2B_OK && self->rpc) {
        code = e2b_http_header(&op->http, "Connect-Protocol-Version: 1");
    }
    if (self->bytes.len > 0) {
        op->http.body = self->bytes.data;
        op->http.body_len = self->bytes.len;
    } else if (code == E2B_OK && payload->len > 0) {
        code = e2b_buf_append(&op->request, payload->data, payload->len);
    }
    if (code == E2B_OK) {
        e2b_op_send(op);
    } else {
        e2b_op_fail_memory(op);
    }
}

static void advance(e2b_op_t *op) {
    unary_op_t *self = (unary_op_t *)op;
    if (op->phase == ACCESS) {
        if (!e2b_op_need_access(op)) return;
        op->phase = FIRST;
        send_request(self, self->path.data, &self->payload);
        return;
    }
    if (!op->http_done) return;
    op->result.status = op->http.status;
    /* The first request was the last thing that the process read: nothing is left to close. */
    bool over = op->phase == SECOND && op->http.err.code == E2B_ERR_NOT_FOUND;
    if (op->http.err.code != E2B_OK && !over) {
        if (op->began) { /* the first has been done: the whole must not be sent again */
            op->http.err.outcome = E2B_OUTCOME_INTERRUPTED;
            op->http.err.retryable = false;
        }
        e2b_op_fail(op, &op->http.err);
    } else if (op->phase == FIRST && self->then_path) {
        op->phase = SECOND;
        op->began = true;
        send_request(self, self->then_path, &self->then_payload);
    } else {
        e2b_op_keep_answer(op);
        e2b_op_finish(op);
    }
}

static void destroy(e2b_op_t *op) {
    unary_op_t *self = (unary_op_t *)op;
    e2b_buf_destroy(&self->path);
    e2b_buf_destroy(&self->payload);
    e2b_buf_destroy(&self->then_payload);
    e2b_header_lines_destroy(&self->lines);
    e2b_free(self->user);
}

#define CLASS(name, words) const e2b_op_class_t name = {words, advance, NULL, destroy, NULL}
CLASS(e2b_list_processes_class, "listing processes");
CLASS(e2b_input_class, "writing to the process's stdin");
CLASS(e2b_signal_class, "signalling the process");
CLASS(e2b_write_file_class, "writing the file");
CLASS(e2b_read_file_class, "reading the file");
CLASS(e2b_list_files_class, "listing files");
CLASS(e2b_remove_file_class, "removing the file");

unary_op_t *e2b_unary_new(const e2b_op_class_t *class, const e2b_call_t *call,
                          const char *sandbox_id, const char *path, const char *user,
                          e2b_err_t *err) {
    if (e2b_op_check_id(sandbox_id, err) != E2B_OK) return NULL;
    if (e2b_op_check_user(user, err) != E2B_OK) return NULL;
    unary_op_t *self = (unary_op_t *)e2b_op_new(sizeof(unary_op_t), class, call, sandbox_id, err);
    if (!self) return NULL;
    self->method = "POST";
    self->content_type = "application/json";
    self->rpc = true;
    e2b_buf_init(&self->path, MAX_PATH);
    e2b_buf_init_secret(&self->payload, E2B_MAX_FRAME);
    e2b_buf_init(&self->then_payload, 256);
    self->user = e2b_strdup(user);
    if ((user && !self->user) || e2b_buf_puts(&self->path, path) != E2B_OK) {
        e2b_op_free(&self->op);
        e2b_err_set(err, E2B_ERR_OUT_OF_MEMORY, "out of memory");
        return NULL;
    }
    return self;
}

int e2b_unary_done(unary_op_t *self, int code, e2b_op_t **out, e2b_err_t *err) {
    if (code == E2B_OK) {
        *out = &self->op;
        return E2B_OK;
    }
    e2b_op_free(&self->op);
    return e2b_op_refuse(code, "path or data", err);
}
