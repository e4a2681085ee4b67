/*
 * js_sandbox.c: the control plane's operations for JavaScript. Loop thread. Only reads arguments
 * and builds the op; what is allowed is the core's to say.
 */
#include <limits.h>

#include "js_ops.h"
#include "request.h"

#define MAX_GRACE_MS 86400000

/* Loop thread. The core has 0 for "not given", so a 0 that was given becomes a number that it
 * refuses in the same words as any other that is too small. */
static double given_number(e2b_request_t *request, napi_value value, const char *name) {
    double number = e2b_read_number(&request->reader, value, name, 0);
    return value && number == 0 ? -0.5 : number;
}

/* Loop thread. createE2bSandbox(name, template, timeout, memoryMb, cpuCount, call) */
napi_value e2b_js_create(napi_env env, napi_callback_info info) {
    e2b_request_t request;
    if (e2b_request_begin(&request, env, info, 5, E2B_ANSWER_JSON)) {
        e2b_reader_t *reader = &request.reader;
        napi_value *argv = request.argv, options = request.options;
        e2b_create_args_t args = {
            .name = e2b_read_required(reader, argv[0], "name"),
            .template_id = e2b_read_string(reader, argv[1], "template"),
            .timeout_s = e2b_read_number(reader, argv[2], "timeout", 3600),
            .memory_mb = given_number(&request, argv[3], "memoryMb"),
            .cpu_count = given_number(&request, argv[4], "cpuCount"),
            .metadata =
                e2b_read_pairs(reader, e2b_read_field(reader, options, "metadata"), "metadata"),
            .env = e2b_read_pairs(reader, e2b_read_field(reader, options, "env"), "env"),
#define CHOICE(name) e2b_read_choice(reader, e2b_read_field(reader, options, name), name)
            .auto_pause = CHOICE("autoPause"),
            .auto_pause_memory = CHOICE("autoPauseMemory"),
            .auto_resume = CHOICE("autoResume"),
            .allow_internet = CHOICE("allowInternetAccess"),
#undef CHOICE
            .network =
                e2b_read_string(reader, e2b_read_field(reader, options, "network"), "network"),
        };
        if (e2b_request_ok(&request)) {
            e2b_op_create(&request.call, &args, &request.op, &request.err);
        }
    }
    return e2b_request_finish(&request);
}

/* Loop thread. getE2bSandboxStatus(sandboxId, call) */
napi_value e2b_js_get(napi_env env, napi_callback_info info) {
    e2b_request_t request;
    if (e2b_request_begin(&request, env, info, 1, E2B_ANSWER_JSON)) {
        e2b_reader_t *reader = &request.reader;
        const char *sandbox_id = e2b_request_sandbox(&request);
        napi_value metrics = e2b_read_field(reader, request.options, "metrics");
        bool with_metrics = e2b_read_bool(reader, metrics, "metrics", false);
        if (e2b_request_ok(&request)) {
            e2b_op_get(&request.call, sandbox_id, with_metrics, &request.op, &request.err);
        }
    }
    return e2b_request_finish(&request);
}

/* Loop thread. listSandboxes(call) */
napi_value e2b_js_list(napi_env env, napi_callback_info info) {
    e2b_request_t request;
    if (e2b_request_begin(&request, env, info, 0, E2B_ANSWER_JSON)) {
        e2b_reader_t *reader = &request.reader;
        napi_value options = request.options;
#define TEXT(name) e2b_read_string(reader, e2b_read_field(reader, options, name), name)
        e2b_list_args_t args = {
            .state = TEXT("state"),
            .metadata =
                e2b_read_pairs(reader, e2b_read_field(reader, options, "metadata"), "metadata"),
            .template_id = TEXT("template"),
            .started_after = TEXT("startedAfter"),
            .order = TEXT("order"),
            .limit = (int)e2b_read_whole(reader, e2b_read_field(reader, options, "limit"), "limit",
                                         1, INT_MAX, 0),
            .next_token = TEXT("nextToken"),
        };
#undef TEXT
        if (e2b_request_ok(&request)) {
            e2b_op_list(&request.call, &args, &request.op, &request.err);
        }
    }
    return e2b_request_finish(&request);
}

/* Loop thread. setTimeout(sandboxId, seconds, call) */
napi_value e2b_js_set_timeout(napi_env env, napi_callback_info info) {
    e2b_request_t request;
    if (e2b_request_begin(&request, env, info, 2, E2B_ANSWER_JSON)) {
        const char *sandbox_id = e2b_request_sandbox(&request);
        double seconds = e2b_read_number(&request.reader, request.argv[1], "seconds", 0);
        if (e2b_request_ok(&request)) {
            e2b_op_set_timeout(&request.call, sandbox_id, seconds, &request.op, &request.err);
        }
    }
    return e2b_request_finish(&request);
}

/* Loop thread. connectSandbox(sandboxId, call) */
napi_value e2b_js_connect(napi_env env, napi_callback_info info) {
    e2b_request_t request;
    if (e2b_request_begin(&request, env, info, 1, E2B_ANSWER_JSON)) {
        const char *sandbox_id = e2b_request_sandbox(&request);
        napi_value timeout = e2b_read_field(&request.reader, request.options, "timeout");
        double timeout_s = given_number(&request, timeout, "timeout");
        napi_value kept = e2b_read_field(&request.reader, request.options, "memory");
        int memory = e2b_read_choice(&request.reader, kept, "memory");
        if (e2b_request_ok(&request)) {
            e2b_op_connect(&request.call, sandbox_id, timeout_s, memory, &request.op, &request.err);
        }
    }
    return e2b_request_finish(&request);
}

/* Loop thread. terminateE2bSandbox(sandboxId, force, call) */
napi_value e2b_js_terminate(napi_env env, napi_callback_info info) {
    e2b_request_t request;
    if (e2b_request_begin(&request, env, info, 2, E2B_ANSWER_JSON)) {
        e2b_reader_t *reader = &request.reader;
        const char *sandbox_id = e2b_request_sandbox(&request);
        bool force = e2b_read_bool(reader, request.argv[1], "force", false);
        napi_value grace = e2b_read_field(reader, request.options, "graceMs");
        int64_t grace_ms = e2b_read_whole(reader, grace, "graceMs", 0, MAX_GRACE_MS, 5000);
        if (e2b_request_ok(&request)) {
            e2b_op_terminate(&request.call, sandbox_id, force ? 0 : grace_ms, &request.op,
                             &request.err);
        }
    }
    return e2b_request_finish(&request);
}
