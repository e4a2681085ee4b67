/*
 * process_stream.c: what comes out of a process stream: envelopes, events, bytes. Runs inside curl
 * on the pool thread, so it only takes notes; process.c acts on them. Back-pressure: when the
 * reader has E2B_STREAM_MARK bytes that he has not acknowledged, the transfer pauses.
 */
#include <stdio.h>
#include <string.h>

#include "platform.h"
#include "process.h"

static void note_signal(e2b_result_t *result, const char *status) {
    static const char *const names[][2] = {{"killed", "SIGKILL"},
                                           {"terminated", "SIGTERM"},
                                           {"interrupt", "SIGINT"},
                                           {"hangup", "SIGHUP"},
                                           {"quit", "SIGQUIT"},
                                           {"aborted", "SIGABRT"},
                                           {"segmentation fault", "SIGSEGV"},
                                           {"bus error", "SIGBUS"},
                                           {"floating point exception", "SIGFPE"},
                                           {"illegal instruction", "SIGILL"},
                                           {"broken pipe", "SIGPIPE"},
                                           {"alarm clock", "SIGALRM"},
                                           {"trace/breakpoint trap", "SIGTRAP"},
                                           {"user defined signal 1", "SIGUSR1"},
                                           {"user defined signal 2", "SIGUSR2"}};
    const char *words = strncmp(status, "signal: ", 8) == 0 ? status + 8 : "";
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strncmp(words, names[i][0], strlen(names[i][0])) == 0) {
            snprintf(result->signal, sizeof result->signal, "%s", names[i][1]);
            return;
        }
    }
    snprintf(result->signal, sizeof result->signal, "%.15s", *words ? words : "unknown");
}

static int take_output(process_op_t *self, int which, const e2b_event_t *event, e2b_err_t *err) {
    e2b_op_t *op = &self->op;
    if (!self->keep && !self->stream) return E2B_OK;
    e2b_buf_t *to = self->stream ? e2b_op_stream(op, which) : &self->scratch;
    if (!self->stream) e2b_buf_reset(to);
    size_t before = to->len;
    int code = e2b_base64_decode(to, event->base64, event->base64_len);
    if (code == E2B_ERR_BAD_RESPONSE) {
        return e2b_err_set(err, code, "%s: output that is not base64", op->class->what);
    }
    size_t len = to->len - before;
    if (code == E2B_OK && self->keep && len > 0) {
        code = e2b_tail_append(&op->tail[which], to->data + before, len);
    }
    if (self->stream && len > 0) {
        e2b_op_set_unread(op, op->unread + len);
        e2b_op_tell(op, E2B_NEWS_OUTPUT);
    }
    if (code == E2B_OK) return E2B_OK;
    return e2b_err_set(err, E2B_ERR_OUT_OF_MEMORY, "%s: out of memory", op->class->what);
}

static void take_start(process_op_t *self, uint32_t pid) {
    e2b_op_t *op = &self->op;
    if (op->began) return;
    op->began = true;
    op->result.pid = pid;
    self->began_at_ms = self->heard_at_ms;
    e2b_op_tell(op, E2B_NEWS_STARTED);
    e2b_op_soon(op);
}

static void take_end(process_op_t *self, const e2b_event_t *event) {
    e2b_op_t *op = &self->op;
    self->ended = true;
    op->result.exited = event->exited;
    op->result.exit_code = event->exit_code;
    if (!event->exited) note_signal(&op->result, event->status);
    e2b_op_soon(op);
}

static int take_event(process_op_t *self, const char *json, size_t len, e2b_err_t *err) {
    e2b_event_t event;
    int code = e2b_event_parse(&event, json, len, err);
    if (code != E2B_OK) return code;
    switch (event.kind) {
    case E2B_EVENT_START:
        take_start(self, event.pid);
        break;
    case E2B_EVENT_STDOUT:
    case E2B_EVENT_PTY:
        code = take_output(self, 0, &event, err);
        break;
    case E2B_EVENT_STDERR:
        code = take_output(self, 1, &event, err);
        break;
    case E2B_EVENT_END:
        take_end(self, &event);
        break;
    default:
        break;
    }
    e2b_event_destroy(&event);
    return code;
}

static int on_frame(void *context, uint8_t flags, const char *data, size_t len, e2b_err_t *err) {
    process_op_t *self = context;
    if (!(flags & E2B_RPC_END)) return take_event(self, data, len, err);
    e2b_err_t end;
    e2b_err_init(&end);
    self->closed_well = e2b_rpc_end_parse(data, len, &end) == E2B_OK;
    if (self->closed_well) return E2B_OK;
    e2b_err_scrub(end.message, self->op.credentials->token);
    e2b_err_scrub(end.server_code, self->op.credentials->token);
    if (e2b_process_keep_error(self, &end)) return E2B_OK;
    return e2b_err_set(err, E2B_ERR_OUT_OF_MEMORY, "%s: out of memory", self->op.class->what);
}

int e2b_process_data(e2b_http_t *http, const char *data, size_t len) {
    process_op_t *self = http->context;
    if (self->stream && e2b_op_is_full(&self->op)) return E2B_HTTP_PAUSE;
    self->heard_at_ms = e2b_now_ms();
    return e2b_rpc_decoder_feed(&self->decoder, data, len, on_frame, self, &http->err);
}
