/*
 * request.c: from the arguments of a native function to a submitted op. Loop thread only. A refusal
 * is answered as an error made by the same hook as every other; nothing here throws into
 * JavaScript.
 */
#include "request.h"

#include <string.h>

#include "alloc.h"
#include "loop.h"

#define MAX_SAFE_INTEGER 9007199254740991.0
#define MAX_REQUEST_TIMEOUT_MS 86400000.0

/* ---- errors ---- */

/* Loop thread. */
static const char *outcome_name(e2b_outcome_t outcome) {
    switch (outcome) {
    case E2B_OUTCOME_NOT_SENT:
        return "not-sent";
    case E2B_OUTCOME_REJECTED:
        return "rejected";
    case E2B_OUTCOME_INTERRUPTED:
        return "interrupted";
    default:
        return "unknown";
    }
}

/* Loop thread. */
static bool text(napi_env env, const char *value, napi_value *out) {
    return napi_create_string_utf8(env, value ? value : "", NAPI_AUTO_LENGTH, out) == napi_ok;
}

/* Loop thread. */
static bool fill_error(napi_env env, const e2b_err_t *err, const char *sandbox_id,
                       napi_value argv[10]) {
    return text(env, e2b_err_code_name(err->code), &argv[0]) &&
           text(env, outcome_name(err->outcome), &argv[1]) &&
           napi_get_boolean(env, err->retryable, &argv[2]) == napi_ok &&
           napi_create_int32(env, err->status, &argv[3]) == napi_ok &&
           napi_create_int64(env, err->retry_after_ms, &argv[4]) == napi_ok &&
           text(env, err->message, &argv[5]) && text(env, err->cause, &argv[6]) &&
           napi_create_int32(env, err->curl_code, &argv[7]) == napi_ok &&
           text(env, err->server_code, &argv[8]) && text(env, sandbox_id, &argv[9]);
}

/* Loop thread. For calls before init(). */
static napi_value plain_error(napi_env env, const e2b_err_t *err) {
    napi_value code, message, error;
    return text(env, e2b_err_code_name(err->code), &code) && text(env, err->message, &message) &&
                   napi_create_error(env, code, message, &error) == napi_ok
               ? error
               : NULL;
}

/* Loop thread. What the hook throws is an error as good as any. */
napi_value e2b_make_error(e2b_instance_t *instance, const e2b_err_t *err, const char *sandbox_id) {
    napi_env env = instance->env;
    napi_value hook, argv[10], receiver, error = NULL;
    if (!e2b_instance_hook(instance, "makeError", &hook)) return plain_error(env, err);
    if (!fill_error(env, err, sandbox_id, argv) || napi_get_undefined(env, &receiver) != napi_ok) {
        return NULL;
    }
    if (napi_call_function(env, receiver, hook, 10, argv, &error) != napi_ok) {
        return e2b_take_exception(env);
    }
    return error;
}

/* ---- begin ---- */

/* Loop thread. Id, config and timeout lie in numbers that JavaScript shares with us: to read them
 * as properties of an object costs as much as to build the whole op. */
static void read_call(e2b_request_t *request) {
    double *head = request->instance->head;
    double id = head ? head[0] : 0, timeout_ms = head ? head[2] : 0;
    request->call.config = head ? e2b_handles_get(&request->instance->configs, head[1]) : NULL;
    if (head) head[0] = 0; /* one call each */
    if (!(id >= 1 && id <= MAX_SAFE_INTEGER)) {
        e2b_err_set(&request->err, E2B_ERR_INVALID_ARGUMENT, "the call needs an id");
    } else if (!request->call.config) {
        e2b_err_set(&request->err, E2B_ERR_INVALID_ARGUMENT, "config is no handle in use");
    } else if (!(timeout_ms >= 0 && timeout_ms <= MAX_REQUEST_TIMEOUT_MS)) {
        e2b_err_set(&request->err, E2B_ERR_INVALID_ARGUMENT, "requestTimeoutMs is out of range");
    } else {
        request->pending->id = (uint64_t)id;
        request->call.request_timeout_ms = (int64_t)timeout_ms; /* 0: the default */
    }
}

/* Loop thread. */
bool e2b_request_begin(e2b_request_t *request, napi_env env, napi_callback_info info,
                       size_t positional, e2b_answer_t answer) {
    size_t argc = E2B_MAX_ARGUMENTS;
    void *data = NULL;
    memset(request, 0, sizeof *request);
    request->env = env;
    e2b_err_init(&request->err);
    e2b_reader_init(&request->reader, env, &request->err);
    if (napi_get_cb_info(env, info, &argc, request->argv, NULL, &data) != napi_ok) {
        return e2b_err_set(&request->err, E2B_ERR_CLOSED, "the process is ending") == E2B_OK;
    }
    request->instance = data;
    request->pending = e2b_calloc(1, sizeof *request->pending);
    if (!request->pending) {
        return e2b_err_set(&request->err, E2B_ERR_OUT_OF_MEMORY, "no memory for the call") ==
               E2B_OK;
    }
    request->pending->answer = answer;
    request->pending->text = true;
    for (size_t i = 0; i < E2B_MAX_ARGUMENTS; i++) {
        request->argv[i] = e2b_read_present(&request->reader, request->argv[i]);
    }
    request->options = request->argv[positional];
    read_call(request);
    return e2b_request_ok(request);
}

/* Loop thread. */
const char *e2b_request_sandbox(e2b_request_t *request) {
    request->sandbox_id = e2b_read_required(&request->reader, request->argv[0], "sandboxId");
    return request->sandbox_id;
}

/* Loop thread. */
bool e2b_request_ok(const e2b_request_t *request) {
    return request->err.code == E2B_OK;
}

/* ---- finish ---- */

/* Loop thread. Takes op and pending when it succeeds. */
static bool submit(e2b_request_t *request) {
    e2b_loop_t *loop = e2b_instance_loop(request->instance, &request->err);
    if (!loop) return false;
    int code = e2b_loop_submit(loop, request->op, request->pending);
    if (code == E2B_OK) {
        request->op = NULL;
        request->pending = NULL;
    } else if (code == E2B_ERR_CAPACITY) {
        e2b_err_set(&request->err, code, "%u calls are in flight: no more are taken",
                    (unsigned)E2B_MAX_CALLS);
    } else {
        e2b_err_set(&request->err, code, "no memory for the call");
    }
    return code == E2B_OK;
}

/* Loop thread. A builder that refused leaves no op. */
napi_value e2b_request_finish(e2b_request_t *request) {
    napi_value refusal = NULL;
    if (request->instance && (!e2b_request_ok(request) || !submit(request))) {
        refusal = e2b_make_error(request->instance, &request->err, request->sandbox_id);
    }
    if (request->op) e2b_op_free(request->op);
    e2b_pending_free(request->pending, request->env);
    e2b_reader_destroy(&request->reader);
    return refusal;
}
