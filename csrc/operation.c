/*
 * operation.c: what all operations share: arguments' checks, one exchange at a time, the daemon's
 * credentials, a timer, and the one way to end. Pool thread, but for the constructors.
 */
#include "operation.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "platform.h"
#include "rpc.h"
#include "url.h"

#define MAX_REQUEST (64u * 1024 * 1024) /* JSON bodies: inputs and environments */
#define MAX_REQUEST_TIMEOUT_MS 86400000
#define MAX_USER 128 /* longer than any system's */

static const e2b_err_t no_error = {.outcome = E2B_OUTCOME_NOT_SENT, .retry_after_ms = -1};

#define OP_OF(pointer, member) ((e2b_op_t *)((char *)(pointer)-offsetof(e2b_op_t, member)))

/* ---- checks ---- */

int e2b_op_check_id(const char *sandbox_id, e2b_err_t *err) {
    if (sandbox_id && e2b_url_id_valid(sandbox_id, strlen(sandbox_id))) return E2B_OK;
    return e2b_err_set(err, E2B_ERR_INVALID_ARGUMENT,
                       "sandboxId must be 1 to 64 letters, digits, '-' or '_', beginning with a "
                       "letter or digit");
}

int e2b_op_check_timeout(const char *field, double seconds, e2b_err_t *err) {
    if (seconds > 0 && seconds <= E2B_MAX_TIMEOUT_S) return E2B_OK; /* NaN fails both */
    return e2b_err_set(err, E2B_ERR_INVALID_ARGUMENT,
                       "%s must be a number of seconds above 0 and at most %d", field,
                       E2B_MAX_TIMEOUT_S);
}

int e2b_op_check_user(const char *user, e2b_err_t *err) {
    size_t len = user ? strlen(user) : 1;
    bool fine = len > 0 && len <= MAX_USER;
    for (const char *p = user; fine && p && *p; p++) fine = *p > ' ' && *p < 127 && *p != ':';
    if (fine) return E2B_OK;
    return e2b_err_set(err, E2B_ERR_INVALID_ARGUMENT, "user must be the name of a Linux user");
}

int e2b_op_refuse(int code, const char *what, e2b_err_t *err) {
    if (code == E2B_ERR_OUT_OF_MEMORY) return e2b_err_set(err, code, "out of memory");
    return e2b_err_set(err, E2B_ERR_INVALID_ARGUMENT, "%s: too long for one request", what);
}

long long e2b_op_seconds(double seconds) {
    return (long long)ceil(seconds);
}

/* ---- life ---- */

static void run_soon(e2b_deferred_t *soon) {
    e2b_op_t *op = OP_OF(soon, soon);
    if (!op->finished) op->class->advance(op);
}

static void fail_lookup(e2b_op_t *op) {
    e2b_err_t err;
    e2b_err_init(&err);
    err.retryable = true;
    e2b_err_set(&err, E2B_ERR_TIMEOUT,
                "%s failed: looking up the sandbox took longer than requestTimeoutMs",
                op->class->what);
    e2b_op_fail(op, &err);
}

static void fire(e2b_timer_t *timer) {
    e2b_op_t *op = OP_OF(timer, timer);
    if (op->access.entry) {
        fail_lookup(op);
        return;
    }
    op->timer_fired = true;
    op->class->advance(op);
}

static void access_ready(e2b_access_wait_t *wait, e2b_access_t *access, const e2b_err_t *err) {
    e2b_op_t *op = OP_OF(wait, access);
    e2b_engine_timer_clear(e2b_client_engine(op->client), &op->timer);
    if (!access) {
        e2b_op_fail(op, err);
        return;
    }
    e2b_access_retain(access);
    op->credentials = access;
    e2b_op_soon(op);
}

e2b_op_t *e2b_op_new(size_t size, const e2b_op_class_t *class, const e2b_call_t *call,
                     const char *sandbox_id, e2b_err_t *err) {
    if (call->request_timeout_ms < 0 || call->request_timeout_ms > MAX_REQUEST_TIMEOUT_MS) {
        e2b_err_set(err, E2B_ERR_INVALID_ARGUMENT, "requestTimeoutMs must be from 1 to %d",
                    MAX_REQUEST_TIMEOUT_MS);
        return NULL;
    }
    if (sandbox_id && e2b_op_check_id(sandbox_id, err) != E2B_OK) return NULL;
    if (!call->config->api_key) {
        e2b_err_set(err, E2B_ERR_MISSING_API_KEY,
                    "no API key: set E2B_API_KEY or the option apiKey; to work without an account, "
                    "start a local E2B with startLocalBackend() of e2b-swarm/local");
        return NULL;
    }
    e2b_op_t *op = e2b_calloc(1, size);
    char *id = e2b_strdup(sandbox_id ? sandbox_id : "");
    if (!op || !id) {
        e2b_free(op);
        e2b_free(id);
        e2b_err_set(err, E2B_ERR_OUT_OF_MEMORY, "out of memory");
        return NULL;
    }
    op->class = class;
    op->sandbox_id = id;
    op->config = call->config;
    e2b_config_retain(op->config);
    op->timeout_ms =
        call->request_timeout_ms ? call->request_timeout_ms : E2B_DEFAULT_REQUEST_TIMEOUT_MS;
    op->soon.run = run_soon;
    op->timer.fire = fire;
    op->access.ready = access_ready;
    e2b_buf_init_secret(&op->request, MAX_REQUEST);
    e2b_buf_init(&op->body, E2B_MAX_FILE_BODY);
    e2b_buf_init(&op->extra, E2B_MAX_UNARY_BODY);
    for (int i = 0; i < 2; i++) {
        e2b_buf_init(&op->stream[i], E2B_MAX_FRAME + E2B_STREAM_MARK);
        e2b_tail_init(&op->tail[i], E2B_DEFAULT_MAX_OUTPUT);
        op->result.stream[i] = &op->stream[i];
        op->result.tail[i] = &op->tail[i];
    }
    op->result.body = &op->body;
    op->result.extra = &op->extra;
    op->result.next_token = "";
    op->result.err = &no_error;
    return op;
}

/* Everything that the engine knows of the op is taken back. */
static void detach(e2b_op_t *op) {
    if (op->class->stop) op->class->stop(op);
    if (op->http_made) e2b_http_stop(&op->http);
    e2b_access_cancel(&op->access);
    if (op->client) {
        e2b_engine_timer_clear(e2b_client_engine(op->client), &op->timer);
        e2b_engine_undefer(e2b_client_engine(op->client), &op->soon);
    }
}

void e2b_op_free(e2b_op_t *op) {
    if (!op) return;
    if (!op->finished) detach(op);
    if (op->class->destroy) op->class->destroy(op);
    if (op->http_made) e2b_http_destroy(&op->http);
    e2b_access_release(op->credentials);
    e2b_config_release(op->config);
    e2b_free(op->sandbox_id);
    if (op->feed) e2b_buf_destroy(&op->feed->waiting);
    e2b_free(op->feed);
    e2b_buf_destroy(&op->request);
    e2b_buf_destroy(&op->body);
    e2b_buf_destroy(&op->extra);
    for (int i = 0; i < 2; i++) {
        e2b_buf_destroy(&op->stream[i]);
        e2b_tail_destroy(&op->tail[i]);
    }
    e2b_free(op);
}

unsigned e2b_op_news(e2b_op_t *op) {
    unsigned news = op->news;
    op->news = 0;
    return news;
}

e2b_result_t *e2b_op_result(e2b_op_t *op) {
    return &op->result;
}

uint64_t e2b_op_id(const e2b_op_t *op) {
    return op->id;
}

const char *e2b_op_sandbox_id(const e2b_op_t *op) {
    return op->sandbox_id;
}

/* ---- exchanges ---- */

static void exchange_done(e2b_http_t *http) {
    e2b_op_t *op = http->context;
    op->http_done = true;
    int code = http->err.code;
    bool stale = !http->control && (code == E2B_ERR_UNAUTHENTICATED ||
                                    code == E2B_ERR_SANDBOX_GONE || code == E2B_ERR_BAD_GATEWAY);
    if (stale || (http->control && code == E2B_ERR_NOT_FOUND && op->sandbox_id[0])) {
        e2b_access_drop(e2b_client_access(op->client), op->config, op->sandbox_id, op->credentials);
    }
    op->class->advance(op);
}

void e2b_op_exchange(e2b_op_t *op, const char *method, bool control) {
    if (op->http_made) e2b_http_destroy(&op->http);
    e2b_http_init(&op->http, e2b_client_engine(op->client), op->config);
    op->http_made = true;
    op->http_done = false;
    op->http.method = method;
    op->http.what = op->class->what;
    op->http.control = control;
    op->http.idempotent = true;
    op->http.timeout_ms = op->timeout_ms;
    op->http.on_done = exchange_done;
    op->http.context = op;
    e2b_buf_reset(&op->request);
}

int e2b_op_control_url(e2b_op_t *op, const char *format, ...) {
    char path[1024];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(path, sizeof path, format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof path) return E2B_ERR_INVALID_ARGUMENT;
    int code = e2b_buf_puts(&op->http.url, op->config->api_url);
    return code == E2B_OK ? e2b_buf_append(&op->http.url, path, (size_t)len) : code;
}

static int add_user(e2b_http_t *http, const char *user) {
    e2b_buf_t text;
    e2b_buf_init(&text, 1024);
    int code = e2b_base64_encode(&text, user, strlen(user));
    if (code == E2B_OK) code = e2b_http_header(http, "Authorization: Basic %s", text.data);
    e2b_buf_destroy(&text);
    return code;
}

int e2b_op_daemon(e2b_op_t *op, e2b_http_t *http, const char *path, const char *content_type,
                  const char *user) {
    return e2b_op_port(op, http, E2B_DAEMON_PORT, path, content_type, user);
}

int e2b_op_port(e2b_op_t *op, e2b_http_t *http, int port, const char *path,
                const char *content_type, const char *user) {
    const e2b_access_t *access = op->credentials;
    int code = e2b_config_sandbox_url(op->config, op->sandbox_id, port, access->domain, &http->url);
    if (code == E2B_OK) code = e2b_buf_puts(&http->url, path);
    if (code == E2B_OK) code = e2b_http_header(http, "E2b-Sandbox-Id: %s", op->sandbox_id);
    if (code == E2B_OK) code = e2b_http_header(http, "E2b-Sandbox-Port: %d", port);
    if (code == E2B_OK && port != E2B_DAEMON_PORT && access->traffic_token[0]) {
        code = e2b_http_header(http, "E2b-Traffic-Access-Token: %s", access->traffic_token);
        http->tokens[1] = access->traffic_token;
    }
    if (code == E2B_OK && access->token[0]) {
        code = e2b_http_header(http, "X-Access-Token: %s", access->token);
        http->tokens[0] = access->token;
    }
    if (code == E2B_OK && content_type) {
        code = e2b_http_header(http, "Content-Type: %s", content_type);
    }
    if (code == E2B_OK && user) {
        char basic[260];
        int len = snprintf(basic, sizeof basic, "%s:", user);
        code = len > 0 && (size_t)len < sizeof basic ? add_user(http, basic)
                                                     : E2B_ERR_INVALID_ARGUMENT;
    }
    return code;
}

void e2b_op_send(e2b_op_t *op) {
    if (!op->http.body) {
        op->http.body = op->request.data;
        op->http.body_len = op->request.len;
    }
    if (e2b_http_start(&op->http) != E2B_OK) e2b_op_fail_memory(op);
}

void e2b_op_send_json(e2b_op_t *op, int code) {
    if (code == E2B_OK && op->request.len > 0) {
        code = e2b_http_header(&op->http, "Content-Type: application/json");
    }
    if (code == E2B_OK) {
        e2b_op_send(op);
    } else {
        e2b_op_fail_memory(op);
    }
}

bool e2b_op_need_access(e2b_op_t *op) {
    if (op->credentials) return true;
    int code;
    op->credentials = e2b_access_get(e2b_client_access(op->client), op->config, op->sandbox_id,
                                     &op->access, &code);
    if (op->credentials) return true;
    if (code == E2B_OK)
        e2b_op_timer(op, op->timeout_ms);
    else
        e2b_op_fail_memory(op);
    return false;
}

bool e2b_op_answered(e2b_op_t *op) {
    if (!op->http_done) return false;
    op->result.status = op->http.status;
    if (op->http.err.code != E2B_OK) {
        e2b_op_fail(op, &op->http.err);
        return false;
    }
    return true;
}

void e2b_op_keep_answer(e2b_op_t *op) {
    e2b_buf_destroy(&op->body);
    op->body = op->http.answer;
    e2b_buf_init(&op->http.answer, E2B_MAX_UNARY_BODY);
}

/* ---- what comes next, and the end ---- */

void e2b_op_soon(e2b_op_t *op) {
    if (!op->finished) e2b_engine_defer(e2b_client_engine(op->client), &op->soon);
}

void e2b_op_timer(e2b_op_t *op, int64_t after_ms) {
    op->timer_fired = false;
    if (e2b_engine_timer_set(e2b_client_engine(op->client), &op->timer, e2b_now_ms() + after_ms) !=
        E2B_OK) {
        e2b_op_fail_memory(op);
    }
}

void e2b_op_moved(e2b_op_t *op) {
    op->moved_at_ms = e2b_now_ms();
}

void e2b_op_watch_idle(e2b_op_t *op) {
    int64_t now = e2b_now_ms();
    op->timer_fired = false;
    if (op->moved_at_ms == 0 || op->http.paused) op->moved_at_ms = now;
    int64_t left = op->moved_at_ms + op->timeout_ms - now;
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

void e2b_op_tell(e2b_op_t *op, unsigned news) {
    op->news |= news;
    e2b_client_tell(op->client, op);
}

void e2b_op_finish(e2b_op_t *op) {
    if (op->finished) return;
    detach(op);
    e2b_op_set_unread(op, 0);
    op->finished = true;
    e2b_op_tell(op, E2B_NEWS_DONE);
    e2b_client_ended(op->client, op);
}

void e2b_op_fail(e2b_op_t *op, const e2b_err_t *err) {
    if (op->finished) return;
    op->result.status = err->status;
    if (err != &op->http.err) op->http.err = *err; /* no exchange needs its place any more */
    op->result.err = &op->http.err;
    e2b_op_finish(op);
}

void e2b_op_fail_memory(e2b_op_t *op) {
    e2b_err_t err;
    e2b_err_init(&err);
    err.outcome = op->began                      ? E2B_OUTCOME_INTERRUPTED
                  : e2b_http_was_sent(&op->http) ? E2B_OUTCOME_UNKNOWN
                                                 : E2B_OUTCOME_NOT_SENT;
    e2b_err_set(&err, E2B_ERR_OUT_OF_MEMORY, "%s failed: out of memory", op->class->what);
    e2b_op_fail(op, &err);
}
