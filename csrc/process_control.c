/*
 * process_control.c: what is done to processes that run: list, input, signal. Constructors only
 * (loop thread); unary.c carries them out.
 */
#include <string.h>

#include "rpc.h"
#include "unary.h"

#define MAX_CALL_INPUT (32u * 1024 * 1024) /* of one call: its base64 stays inside a frame */

static int check_pid(uint32_t pid, e2b_err_t *err) {
    if (pid > 0) return E2B_OK;
    return e2b_err_set(err, E2B_ERR_INVALID_ARGUMENT, "pid must be a whole number of at least 1");
}

int e2b_op_processes(const e2b_call_t *call, const char *sandbox_id, e2b_op_t **out,
                     e2b_err_t *err) {
    *out = NULL;
    unary_op_t *self = e2b_unary_new(&e2b_list_processes_class, call, sandbox_id,
                                     "/process.Process/List", NULL, err);
    if (!self) return err->code;
    return e2b_unary_done(self, e2b_buf_puts(&self->payload, "{}"), out, err);
}

int e2b_op_input(const e2b_call_t *call, const char *sandbox_id, uint32_t pid, e2b_bytes_t data,
                 bool end, e2b_op_t **out, e2b_err_t *err) {
    *out = NULL;
    if (check_pid(pid, err) != E2B_OK) return err->code;
    if (data.len > MAX_CALL_INPUT) {
        return e2b_err_set(err, E2B_ERR_INVALID_ARGUMENT, "data must be at most %u bytes a call",
                           MAX_CALL_INPUT);
    }
    bool send = data.len > 0 || !end;
    unary_op_t *self = e2b_unary_new(
        &e2b_input_class, call, sandbox_id,
        send ? "/process.Process/SendInput" : "/process.Process/CloseStdin", NULL, err);
    if (!self) return err->code;
    self->once = send;
    int code = e2b_buf_printf(&self->payload, "{\"process\":{\"pid\":%u}", (unsigned)pid);
    if (code == E2B_OK && send) code = e2b_buf_puts(&self->payload, ",\"input\":{\"stdin\":\"");
    if (code == E2B_OK && send) code = e2b_base64_encode(&self->payload, data.data, data.len);
    if (code == E2B_OK && send) code = e2b_buf_puts(&self->payload, "\"}");
    if (code == E2B_OK) code = e2b_buf_puts(&self->payload, "}");
    if (code == E2B_OK && send && end) {
        self->then_path = "/process.Process/CloseStdin";
        code = e2b_buf_printf(&self->then_payload, "{\"process\":{\"pid\":%u}}", (unsigned)pid);
    }
    return e2b_unary_done(self, code, out, err);
}

int e2b_op_signal(const e2b_call_t *call, const char *sandbox_id, uint32_t pid, const char *signal,
                  e2b_op_t **out, e2b_err_t *err) {
    *out = NULL;
    if (check_pid(pid, err) != E2B_OK) return err->code;
    if (!signal || (strcmp(signal, "SIGKILL") != 0 && strcmp(signal, "SIGTERM") != 0)) {
        return e2b_err_set(err, E2B_ERR_INVALID_ARGUMENT, "signal must be SIGKILL or SIGTERM");
    }
    unary_op_t *self = e2b_unary_new(&e2b_signal_class, call, sandbox_id,
                                     "/process.Process/SendSignal", NULL, err);
    if (!self) return err->code;
    int code = e2b_buf_printf(&self->payload, "{\"process\":{\"pid\":%u},\"signal\":\"SIGNAL_%s\"}",
                              (unsigned)pid, signal);
    return e2b_unary_done(self, code, out, err);
}
