/*
 * direct.c: one request on either plane that the caller has put together himself, and its answer:
 * kept as a whole, or handed on piece by piece to a reader who holds it back by not acknowledging.
 * For the operations that need nothing else of the core. Constructors on the loop thread, the rest
 * on the pool thread. Must not know what any answer means.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "operation.h"

#define MAX_PATH 13000 /* as unary.c */
#define MAX_BODY (64u * 1024 * 1024)
#define MAX_TEXT 200  /* of what, a content type, a header */
#define MAX_HEADERS 3 /* beside our own: http.c takes ten */

enum { ACCESS, SENT };

typedef struct direct_op {
    e2b_op_t op;
    e2b_op_class_t class; /* its own, for the words of its messages */
    char *what, *path, *content_type, *user, *headers[MAX_HEADERS];
    const char *method;
    int port; /* 0: the control plane */
    int expected_status;
    e2b_buf_t body;
    bool idempotent, makes, stream;
} direct_op_t;

/* ---- inside curl ---- */

static int on_data(e2b_http_t *http, const char *data, size_t len) {
    direct_op_t *self = http->context;
    e2b_op_t *op = &self->op;
    if (e2b_op_is_full(op)) return E2B_HTTP_PAUSE;
    e2b_op_moved(op);
    if (self->expected_status && http->status != self->expected_status) {
        return e2b_err_set(&http->err, E2B_ERR_BAD_RESPONSE,
                           "%s: the far end sends the whole file instead of a part", self->what);
    }
    int code = e2b_buf_append(e2b_op_stream(op, 0), data, len);
    if (code != E2B_OK) return e2b_err_set(&http->err, code, "%s: out of memory", self->what);
    e2b_op_set_unread(op, op->unread + len);
    if (!op->began) e2b_op_tell(op, E2B_NEWS_STARTED);
    op->began = true;
    e2b_op_tell(op, E2B_NEWS_OUTPUT);
    return E2B_OK;
}

/* ---- the road ---- */

static void send_request(direct_op_t *self) {
    e2b_op_t *op = &self->op;
    bool control = self->port == 0;
    e2b_op_exchange(op, self->method, control);
    op->http.idempotent = self->idempotent;
    op->http.makes = self->makes;
    if (self->stream) {
        op->http.timeout_ms = 0;
        op->http.on_data = on_data;
        op->http.bulk = strcmp(self->method, "GET") == 0; /* a file; else events */
    }
    int code = control ? e2b_buf_puts(&op->http.url, op->config->api_url)
                       : e2b_op_port(op, &op->http, self->port, "", NULL, self->user);
    if (code == E2B_OK) code = e2b_buf_puts(&op->http.url, self->path);
    if (code == E2B_OK && self->body.len > 0) {
        code = e2b_http_header(&op->http, "Content-Type: %s", self->content_type);
        op->http.body = self->body.data;
        op->http.body_len = self->body.len;
    }
    for (int i = 0; code == E2B_OK && i < MAX_HEADERS && self->headers[i]; i++) {
        code = e2b_http_header(&op->http, "%s", self->headers[i]);
    }
    if (code != E2B_OK) {
        e2b_op_fail_memory(op);
        return;
    }
    if (self->stream) e2b_op_watch_idle(op);
    if (!op->finished) e2b_op_send(op);
}

static void advance(e2b_op_t *op) {
    direct_op_t *self = (direct_op_t *)op;
    if (op->phase == ACCESS) {
        if (self->port != 0 && !e2b_op_need_access(op)) return;
        op->phase = SENT;
        send_request(self);
    } else if (op->http_done) {
        op->result.status = op->http.status;
        if (op->http.err.code == E2B_OK) {
            op->result.next_token = op->http.next_token ? op->http.next_token : "";
            e2b_op_keep_answer(op);
            e2b_op_finish(op);
            return;
        }
        if (op->began) op->http.err.outcome = E2B_OUTCOME_INTERRUPTED;
        e2b_op_fail(op, &op->http.err);
    } else if (op->timer_fired) {
        e2b_op_watch_idle(op);
    }
}

static void destroy(e2b_op_t *op) {
    direct_op_t *self = (direct_op_t *)op;
    e2b_free(self->what);
    e2b_free(self->path);
    e2b_free(self->content_type);
    e2b_free(self->user);
    e2b_buf_destroy(&self->body);
    for (int i = 0; i < MAX_HEADERS; i++) e2b_free(self->headers[i]);
}

/* ---- construction ---- */

static const char *method_of(const char *name) {
    static const char *const known[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    for (size_t i = 0; name && i < sizeof known / sizeof *known; i++) {
        if (strcmp(name, known[i]) == 0) return known[i];
    }
    return NULL;
}

/* Text that can stand in a line of a request. */
static bool is_line(const char *text, size_t most) {
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        if (iscntrl((unsigned char)text[i])) return false;
    }
    return len > 0 && len <= most;
}

static int check(const e2b_direct_args_t *args, e2b_err_t *err) {
    const char *wrong = NULL;
    if (!args->what || !is_line(args->what, MAX_TEXT)) wrong = "what";
    if (!method_of(args->method)) wrong = "method";
    if (!args->path || args->path[0] != '/' || strchr(args->path, ' ') ||
        !is_line(args->path, MAX_PATH)) {
        wrong = "path";
    }
    if (args->port < 0 || args->port > 65535) wrong = "port";
    if (args->content_type && !is_line(args->content_type, MAX_TEXT)) wrong = "contentType";
    if (args->headers.count > MAX_HEADERS) wrong = "headers";
    for (size_t i = 0; !wrong && i < args->headers.count; i++) {
        if (!is_line(args->headers.items[i], MAX_TEXT)) wrong = "headers";
    }
    if (!wrong) return e2b_op_check_user(args->user, err);
    return e2b_err_set(err, E2B_ERR_INVALID_ARGUMENT, "%s is not fit for a request", wrong);
}

static bool copy(char **out, const char *text) {
    *out = e2b_strdup(text);
    return *out || !text;
}

static bool fill(direct_op_t *self, const e2b_direct_args_t *args) {
    const char *type = args->content_type ? args->content_type : "application/json";
    bool fine = copy(&self->what, args->what) && copy(&self->path, args->path) &&
                copy(&self->content_type, type) && copy(&self->user, args->user);
    for (size_t i = 0; fine && i < args->headers.count; i++) {
        fine = copy(&self->headers[i], args->headers.items[i]);
    }
    if (fine && args->body.len > 0) {
        fine = e2b_buf_append(&self->body, args->body.data, args->body.len) == E2B_OK;
    }
    self->class = (e2b_op_class_t){self->what, advance, NULL, destroy, NULL};
    self->op.class = &self->class;
    self->method = method_of(args->method);
    self->port = args->port;
    self->expected_status = args->expected_status;
    self->idempotent = args->idempotent;
    self->makes = args->makes;
    self->stream = args->stream;
    return fine;
}

int e2b_op_direct(const e2b_call_t *call, const char *sandbox_id, const e2b_direct_args_t *args,
                  e2b_op_t **out, e2b_err_t *err) {
    *out = NULL;
    if (args->port != 0 && e2b_op_check_id(sandbox_id, err) != E2B_OK) return err->code;
    if (check(args, err) != E2B_OK) return err->code;
    static const e2b_op_class_t unfilled = {"preparing a request", advance, NULL, destroy, NULL};
    direct_op_t *self =
        (direct_op_t *)e2b_op_new(sizeof(direct_op_t), &unfilled, call, sandbox_id, err);
    if (!self) return err->code;
    e2b_buf_init_secret(&self->body, MAX_BODY);
    if (!fill(self, args)) {
        e2b_op_free(&self->op);
        return e2b_err_set(err, E2B_ERR_OUT_OF_MEMORY, "out of memory");
    }
    *out = &self->op;
    return E2B_OK;
}
