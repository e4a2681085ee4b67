/*
 * process.c: running a process in a sandbox, and watching one that runs. A state machine on the
 * pool thread: credentials, files to upload, the stream, input beside it, the deadline. It must
 * never leave a process behind that the caller believes dead: at the deadline, and when a call is
 * cancelled, a second start inside the sandbox ends the whole tree; the daemon's own timeout,
 * five seconds later, is the backstop.
 */
#include "process.h"

#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "files.h"
#include "platform.h"

#define KEEPALIVE_S 50    /* as the official client asks of the daemon */
#define SILENCE_MS 120000 /* twice that and some: the far end is gone */
#define BACKSTOP_MS 5000  /* the daemon's own timeout behind ours */
#define GIVE_UP_MS 10000  /* after the deadline: answer, whatever the far end does */
#define LINGER_MS 2000    /* for the end envelope behind the end event */

enum { ACCESS, UPLOADING, RUNNING };

/* ---- the end ---- */

static void finish(process_op_t *self) {
    e2b_result_t *result = &self->op.result;
    result->duration_ms = self->began_at_ms ? e2b_now_ms() - self->began_at_ms : 0;
    if (self->killing) {
        result->timed_out = true;
        result->exited = false;
        if (!self->attach) snprintf(result->signal, sizeof result->signal, "SIGKILL");
    }
    e2b_op_finish(&self->op);
}

static void fail(process_op_t *self, const e2b_err_t *err) {
    e2b_err_t copy = *err;
    if (self->op.began) {
        copy.outcome = E2B_OUTCOME_INTERRUPTED;
        copy.retryable = false;
    }
    e2b_op_fail(&self->op, &copy);
}

bool e2b_process_keep_error(process_op_t *self, const e2b_err_t *err) {
    if (!self->stream_err) self->stream_err = e2b_malloc(sizeof *self->stream_err);
    if (self->stream_err) *self->stream_err = *err;
    return self->stream_err != NULL;
}

/* A stream that broke without an end: the daemon's health tells a dead sandbox from a dead
 * connection, as the official client does. */
static void probed(e2b_http_t *http) {
    process_op_t *self = http->context;
    e2b_err_t err = *self->stream_err;
    if (http->err.code == E2B_ERR_SANDBOX_GONE) {
        int status = http->status;
        e2b_access_drop(e2b_client_access(self->op.client), self->op.config, self->op.sandbox_id,
                        self->op.credentials);
        e2b_err_set(&err, E2B_ERR_SANDBOX_GONE, "%s: the sandbox was killed or reached its end",
                    self->op.class->what);
        err.status = status;
    }
    fail(self, &err);
}

/* The exchange beside the stream, afresh. Most calls never have one, and it is not small. */
static bool renew_input(process_op_t *self) {
    if (self->input)
        e2b_http_destroy(self->input);
    else
        self->input = e2b_malloc(sizeof *self->input);
    if (!self->input) return false;
    e2b_http_init(self->input, e2b_client_engine(self->op.client), self->op.config);
    return true;
}

static void probe(process_op_t *self, const e2b_err_t *why) {
    if (!e2b_process_keep_error(self, why) || !renew_input(self)) {
        fail(self, why);
        return;
    }
    self->input->method = "GET";
    self->input->what = "asking for the sandbox's health";
    self->input->idempotent = true;
    self->input->timeout_ms = 5000;
    self->input->on_done = probed;
    self->input->context = self;
    if (e2b_op_daemon(&self->op, self->input, "/health", NULL, NULL) != E2B_OK ||
        e2b_http_start(self->input) != E2B_OK) {
        fail(self, why);
    }
}

static void stream_over(process_op_t *self) {
    e2b_op_t *op = &self->op;
    e2b_err_t *err = &op->http.err;
    self->over = true;
    if (self->ended || (self->killing && op->began)) {
        finish(self);
        return;
    }
    if (err->code == E2B_OK) {
        e2b_err_t *end = self->stream_err; /* the end envelope's */
        if (end) {
            if (end->code == E2B_ERR_TIMEOUT && self->limit_ms) {
                self->killing = true; /* the daemon's timeout: it has killed the process */
                finish(self);
                return;
            }
            char words[256];
            snprintf(words, sizeof words, "%.255s", end->message);
            e2b_err_set(end, end->code, "%s failed: %s", op->class->what, words);
            end->status = op->http.status;
            fail(self, end);
            return;
        }
        if (e2b_rpc_decoder_finish(&self->decoder, err) == E2B_OK) {
            e2b_err_set(err, E2B_ERR_BAD_RESPONSE, "%s: the stream ended without the process's end",
                        op->class->what);
        }
        err->outcome = E2B_OUTCOME_UNKNOWN;
    }
    if (op->began && (err->code == E2B_ERR_CONNECTION_LOST || err->code == E2B_ERR_TIMEOUT)) {
        probe(self, err);
        return;
    }
    fail(self, err);
}

/* ---- input beside the stream ---- */

static void send_input(process_op_t *self);

static void input_done(e2b_http_t *http) {
    process_op_t *self = http->context;
    self->input_busy = false;
    /* A daemon that refuses input has a process that no longer reads: like a closed pipe, no error
     * of the call. A lost connection is one: nobody knows what the process has read. */
    if (http->err.code != E2B_OK && http->err.outcome != E2B_OUTCOME_REJECTED &&
        http->err.code != E2B_ERR_SERVER_ERROR && !self->ended) {
        e2b_process_kill(self);
        fail(self, &http->err);
        return;
    }
    if (http->err.code != E2B_OK) self->stdin_closed = true;
    send_input(self);
}

static int build_input(process_op_t *self, e2b_buf_t *out, size_t chunk) {
    int code = e2b_buf_printf(out, "{\"process\":{\"pid\":%u}", (unsigned)self->op.result.pid);
    if (code == E2B_OK && chunk > 0) {
        code = e2b_buf_puts(out, ",\"input\":{\"stdin\":\"");
        if (code == E2B_OK) {
            code = e2b_base64_encode(out, (const char *)self->stdin_data.data + self->stdin_sent,
                                     chunk);
        }
        if (code == E2B_OK) code = e2b_buf_puts(out, "\"}");
    }
    return code == E2B_OK ? e2b_buf_puts(out, "}") : code;
}

static void send_input(process_op_t *self) {
    e2b_op_t *op = &self->op;
    if (self->stdin_closed || self->input_busy || self->over || self->ended || op->finished) return;
    size_t chunk = self->stdin_data.len - self->stdin_sent;
    if (chunk > E2B_INPUT_CHUNK) chunk = E2B_INPUT_CHUNK;
    if (!renew_input(self)) {
        e2b_op_fail_memory(op);
        return;
    }
    e2b_buf_reset(&self->input_body); /* not op->request, which may still be on its way */
    int code = build_input(self, &self->input_body, chunk);
    self->input->method = "POST";
    self->input->what = "writing to the process's stdin";
    self->input->timeout_ms = op->timeout_ms;
    self->input->on_done = input_done;
    self->input->context = self;
    if (code == E2B_OK) {
        code =
            e2b_op_daemon(op, self->input,
                          chunk > 0 ? "/process.Process/SendInput" : "/process.Process/CloseStdin",
                          "application/json", NULL);
    }
    if (code == E2B_OK) code = e2b_http_header(self->input, "Connect-Protocol-Version: 1");
    self->input->body = self->input_body.data;
    self->input->body_len = self->input_body.len;
    self->stdin_sent += chunk;
    self->stdin_closed = chunk == 0;
    self->input_busy = true;
    if (code != E2B_OK || e2b_http_start(self->input) != E2B_OK) e2b_op_fail_memory(op);
}

/* ---- time ---- */

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static void set_timer(process_op_t *self) {
    int64_t now = e2b_now_ms(), due = self->heard_at_ms + SILENCE_MS;
    if (self->ended) due = self->heard_at_ms + LINGER_MS;
    if (self->limit_ms) {
        int64_t over = self->began_at_ms + self->limit_ms;
        due = self->killing ? over + GIVE_UP_MS : earlier(due, over);
    }
    e2b_op_timer(&self->op, due > now ? due - now : 0);
}

static void lose(process_op_t *self, const char *why, int code) {
    e2b_err_t err;
    e2b_err_init(&err);
    err.outcome = e2b_http_was_sent(&self->op.http) ? E2B_OUTCOME_UNKNOWN : E2B_OUTCOME_NOT_SENT;
    err.retryable = err.outcome == E2B_OUTCOME_NOT_SENT;
    e2b_err_set(&err, code, "%s failed: %s", self->op.class->what, why);
    fail(self, &err);
}

static void time_passed(process_op_t *self) {
    e2b_op_t *op = &self->op;
    int64_t now = e2b_now_ms();
    op->timer_fired = false;
    if (!op->began) {
        lose(self, "the process did not start within requestTimeoutMs", E2B_ERR_TIMEOUT);
        return;
    }
    if (self->ended) { /* the end envelope is late: the result is whole without it */
        if (now >= self->heard_at_ms + LINGER_MS)
            finish(self);
        else
            set_timer(self);
        return;
    }
    int64_t over = self->began_at_ms + self->limit_ms;
    if (self->limit_ms && now >= over) {
        if (self->attach || now >= over + GIVE_UP_MS) {
            self->killing = true;
            finish(self);
            return;
        }
        if (!self->killing) {
            e2b_process_kill(self);
            self->killing = true;
            e2b_op_set_unread(op, 0); /* whoever does not read must not hold up the end */
            e2b_http_resume(&op->http);
        }
    } else if (op->http.paused) {
        self->heard_at_ms = now; /* silence of our own making */
    } else if (now >= self->heard_at_ms + SILENCE_MS) {
        lose(self, "nothing was heard of the daemon for two minutes", E2B_ERR_CONNECTION_LOST);
        return;
    }
    set_timer(self);
}

/* ---- the road ---- */

static void open_stream(process_op_t *self) {
    e2b_op_t *op = &self->op;
    e2b_op_exchange(op, "POST", false);
    op->http.idempotent = self->attach;
    op->http.timeout_ms = 0;
    op->http.on_data = e2b_process_data;
    int code = e2b_rpc_encode(&op->request, 0, self->message, strlen(self->message));
    e2b_wipe_free_string(self->message); /* a process is started once */
    self->message = NULL;
    if (code == E2B_OK) {
        code = e2b_op_daemon(op, &op->http,
                             self->attach ? "/process.Process/Connect" : "/process.Process/Start",
                             "application/connect+json", self->user);
    }
    if (code == E2B_OK) code = e2b_http_header(&op->http, "Connect-Protocol-Version: 1");
    if (code == E2B_OK) {
        code = e2b_http_header(&op->http, "Keepalive-Ping-Interval: %d", KEEPALIVE_S);
    }
    if (code == E2B_OK && self->limit_ms) {
        code = e2b_http_header(&op->http, "Connect-Timeout-Ms: %lld",
                               (long long)(self->limit_ms + (self->attach ? 0 : BACKSTOP_MS)));
    }
    if (code != E2B_OK) {
        e2b_op_fail_memory(op);
        return;
    }
    self->heard_at_ms = e2b_now_ms();
    e2b_op_timer(op, op->timeout_ms);
    if (!op->finished) e2b_op_send(op);
}

static void next_upload(process_op_t *self) {
    e2b_op_t *op = &self->op;
    if (self->upload_next == self->upload_count) {
        op->phase = RUNNING;
        open_stream(self);
        return;
    }
    const e2b_upload_t *upload = &self->uploads[self->upload_next++];
    e2b_op_exchange(op, "POST", false);
    op->http.what = "uploading the agent's files";
    if (e2b_files_upload(op, upload->path, self->user, upload->bytes) == E2B_OK) {
        e2b_op_send(op);
    } else {
        e2b_op_fail_memory(op);
    }
}

static void running(process_op_t *self) {
    e2b_op_t *op = &self->op;
    if (op->timer_fired) {
        time_passed(self);
        return;
    }
    if (op->http_done) {
        op->http_done = false;
        op->result.status = op->http.status;
        stream_over(self);
        return;
    }
    if (op->began) {
        if (e2b_http_forget_request(&op->http)) e2b_buf_destroy(&op->request);
        if (self->has_stdin) send_input(self);
        if (!op->finished) set_timer(self);
    }
}

static void advance(e2b_op_t *op) {
    process_op_t *self = (process_op_t *)op;
    if (op->phase == ACCESS && e2b_op_need_access(op)) {
        op->phase = UPLOADING;
        next_upload(self);
    } else if (op->phase == UPLOADING && op->http_done) {
        if (op->http.err.code == E2B_OK)
            next_upload(self);
        else
            e2b_op_fail(op, &op->http.err);
    } else if (op->phase == RUNNING) {
        running(self);
    }
}

static void cancelled(e2b_op_t *op) {
    e2b_process_kill((process_op_t *)op);
}

static void stop(e2b_op_t *op) {
    process_op_t *self = (process_op_t *)op;
    if (self->input) e2b_http_stop(self->input);
}

static void destroy(e2b_op_t *op) {
    process_op_t *self = (process_op_t *)op;
    if (self->input) e2b_http_destroy(self->input);
    e2b_free(self->input);
    e2b_free(self->stream_err);
    e2b_buf_destroy(&self->input_body);
    e2b_rpc_decoder_destroy(&self->decoder);
    e2b_buf_destroy(&self->scratch);
    e2b_free(self->user);
    e2b_wipe_free_string(self->message);
    for (size_t i = 0; i < self->upload_count; i++) e2b_free((char *)self->uploads[i].path);
    e2b_free(self->uploads);
    e2b_free(self->owned[0]);
    e2b_free(self->owned[1]);
}

const e2b_op_class_t e2b_exec_class = {"running the command", advance, cancelled, destroy, stop};
const e2b_op_class_t e2b_attach_class = {"attaching to the process", advance, NULL, destroy, stop};
const e2b_op_class_t e2b_killer_class = {"ending the process", advance, NULL, destroy, stop};
