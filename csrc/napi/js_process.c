/*
 * js_process.c: the operations on processes, agents included, for JavaScript. Loop thread. Only
 * reads arguments and builds the op.
 */
#include <string.h>

#include "js_ops.h"
#include "request.h"

/* 1 TiB: more than a machine keeps of one stream; what is sensible is the caller's to say. */
#define MAX_OUTPUT_BYTES (1LL << 40)

/* Loop thread. 0: the default. */
static size_t max_output(e2b_request_t *request) {
    napi_value value = e2b_read_field(&request->reader, request->options, "maxOutputBytes");
    return (size_t)e2b_read_whole(&request->reader, value, "maxOutputBytes", 1, MAX_OUTPUT_BYTES,
                                  0);
}

/* Loop thread. */
static bool flag(e2b_request_t *request, const char *name) {
    napi_value value = e2b_read_field(&request->reader, request->options, name);
    return e2b_read_bool(&request->reader, value, name, false);
}

/* Loop thread. */
static const char *string_field(e2b_request_t *request, const char *name) {
    return e2b_read_string(&request->reader,
                           e2b_read_field(&request->reader, request->options, name), name);
}

/* Loop thread. Of a terminal; 0: none. */
static uint16_t size_field(e2b_request_t *request, const char *name) {
    napi_value value = e2b_read_field(&request->reader, request->options, name);
    return (uint16_t)e2b_read_whole(&request->reader, value, name, 1, UINT16_MAX, 0);
}

/* Loop thread. How the kept output is handed over. */
static void read_encoding(e2b_request_t *request) {
    const char *encoding = string_field(request, "encoding");
    if (!encoding || strcmp(encoding, "utf8") == 0) return;
    request->pending->text = false;
    if (strcmp(encoding, "buffer") != 0) {
        e2b_err_set(&request->err, E2B_ERR_INVALID_ARGUMENT, "encoding must be 'utf8' or 'buffer'");
    }
}

/* Loop thread. The second argument. */
static uint32_t read_pid(e2b_request_t *request) {
    if (!request->argv[1] && e2b_request_ok(request)) {
        e2b_err_set(&request->err, E2B_ERR_INVALID_ARGUMENT, "pid must be a number");
    }
    return (uint32_t)e2b_read_whole(&request->reader, request->argv[1], "pid", 1, UINT32_MAX, 0);
}

/* Loop thread. executeE2bProcess(sandboxId, command, args, timeout, captureOutput, call) */
napi_value e2b_js_exec(napi_env env, napi_callback_info info) {
    e2b_request_t request;
    if (e2b_request_begin(&request, env, info, 5, E2B_ANSWER_PROCESS)) {
        e2b_reader_t *reader = &request.reader;
        napi_value *argv = request.argv, options = request.options;
        const char *sandbox_id = e2b_request_sandbox(&request);
        napi_value input = e2b_read_field(reader, options, "stdin");
        read_encoding(&request);
        e2b_exec_args_t args = {
            .command = e2b_read_required(reader, argv[1], "command"),
            .shell = argv[2] == NULL,
            .args = e2b_read_strings(reader, argv[2], "args"),
            .timeout_s = e2b_read_number(reader, argv[3], "timeout", 300),
            .keep = e2b_read_bool(reader, argv[4], "captureOutput", true),
            .cwd = string_field(&request, "cwd"),
            .user = string_field(&request, "user"),
            .env = e2b_read_pairs(reader, e2b_read_field(reader, options, "env"), "env"),
            .pty_cols = size_field(&request, "ptyCols"),
            .pty_rows = size_field(&request, "ptyRows"),
            .stdin_open = flag(&request, "stdinOpen"),
            .has_stdin = input != NULL,
            .stdin_data = e2b_read_bytes(reader, input, "stdin", &request.pending->held),
            .stream = flag(&request, "stream"),
            .max_output = max_output(&request),
        };
        if (e2b_request_ok(&request)) {
            e2b_op_exec(&request.call, sandbox_id, &args, &request.op, &request.err);
        }
    }
    return e2b_request_finish(&request);
}

/* Loop thread. What an agent needs besides its positional arguments. */
static void read_agent_files(e2b_request_t *request, e2b_agent_args_t *args) {
    e2b_reader_t *reader = &request->reader;
    size_t data_count = 0;
    args->agent_id =
        e2b_read_required(reader, e2b_read_field(reader, request->options, "agentId"), "agentId");
    args->program_name = e2b_read_required(
        reader, e2b_read_field(reader, request->options, "programName"), "programName");
    args->program =
        e2b_read_required(reader, e2b_read_field(reader, request->options, "program"), "program");
    args->data = e2b_read_bytes_list(reader, e2b_read_field(reader, request->options, "data"),
                                     "data", &request->pending->held, &data_count);
    e2b_strings_t names = e2b_read_strings(
        reader, e2b_read_field(reader, request->options, "dataNames"), "dataNames");
    args->data_names = names.items;
    if (e2b_request_ok(request) &&
        (data_count != args->symbols.count || names.count != args->symbols.count)) {
        e2b_err_set(&request->err, E2B_ERR_INVALID_ARGUMENT,
                    "data and dataNames need one entry for each of the %zu symbols",
                    args->symbols.count);
    }
}

/* Loop thread. runE2bAgent(sandboxId, agentType, symbols, paramsJson, useGpu, call). No sandbox has
 * a GPU: useGpu is looked at by JavaScript only. */
napi_value e2b_js_agent(napi_env env, napi_callback_info info) {
    e2b_request_t request;
    if (e2b_request_begin(&request, env, info, 5, E2B_ANSWER_PROCESS)) {
        e2b_reader_t *reader = &request.reader;
        napi_value *argv = request.argv, options = request.options;
        const char *sandbox_id = e2b_request_sandbox(&request);
        read_encoding(&request);
        e2b_agent_args_t args = {
            .agent_type = e2b_read_required(reader, argv[1], "agentType"),
            .symbols = e2b_read_strings(reader, argv[2], "symbols"),
            .params_json = e2b_read_required(reader, argv[3], "strategyParams"),
            .timeout_s =
                e2b_read_number(reader, e2b_read_field(reader, options, "timeout"), "timeout", 300),
            .env = e2b_read_pairs(reader, e2b_read_field(reader, options, "env"), "env"),
            .user = string_field(&request, "user"),
            .stream = flag(&request, "stream"),
            .max_output = max_output(&request),
        };
        e2b_read_bool(reader, argv[4], "useGpu", false);
        read_agent_files(&request, &args);
        if (e2b_request_ok(&request)) {
            e2b_op_agent(&request.call, sandbox_id, &args, &request.op, &request.err);
        }
    }
    return e2b_request_finish(&request);
}

/* Loop thread. attachProcess(sandboxId, pid, call) */
napi_value e2b_js_attach(napi_env env, napi_callback_info info) {
    e2b_request_t request;
    if (e2b_request_begin(&request, env, info, 2, E2B_ANSWER_PROCESS)) {
        e2b_reader_t *reader = &request.reader;
        const char *sandbox_id = e2b_request_sandbox(&request);
        uint32_t pid = read_pid(&request);
        napi_value timeout = e2b_read_field(reader, request.options, "timeout");
        double timeout_s = e2b_read_number(reader, timeout, "timeout", 0);
        napi_value capture = e2b_read_field(reader, request.options, "capture");
        bool keep = e2b_read_bool(reader, capture, "capture", true);
        bool stream = flag(&request, "stream");
        size_t max = max_output(&request);
        read_encoding(&request);
        if (e2b_request_ok(&request)) {
            e2b_op_attach(&request.call, sandbox_id, pid, timeout_s, keep, stream, max, &request.op,
                          &request.err);
        }
    }
    return e2b_request_finish(&request);
}

/* Loop thread. listProcesses(sandboxId, call) */
napi_value e2b_js_processes(napi_env env, napi_callback_info info) {
    e2b_request_t request;
    if (e2b_request_begin(&request, env, info, 1, E2B_ANSWER_JSON)) {
        const char *sandbox_id = e2b_request_sandbox(&request);
        if (e2b_request_ok(&request)) {
            e2b_op_processes(&request.call, sandbox_id, &request.op, &request.err);
        }
    }
    return e2b_request_finish(&request);
}

/* Loop thread. sendInput(sandboxId, pid, data, end, call) */
napi_value e2b_js_input(napi_env env, napi_callback_info info) {
    e2b_request_t request;
    if (e2b_request_begin(&request, env, info, 4, E2B_ANSWER_JSON)) {
        e2b_reader_t *reader = &request.reader;
        const char *sandbox_id = e2b_request_sandbox(&request);
        uint32_t pid = read_pid(&request);
        e2b_bytes_t data = e2b_read_bytes(reader, request.argv[2], "data", &request.pending->held);
        bool end = e2b_read_bool(reader, request.argv[3], "end", false);
        if (e2b_request_ok(&request)) {
            e2b_op_input(&request.call, sandbox_id, pid, data, end, &request.op, &request.err);
        }
    }
    return e2b_request_finish(&request);
}

/* Loop thread. killProcess(sandboxId, pid, signal, call) */
napi_value e2b_js_kill(napi_env env, napi_callback_info info) {
    e2b_request_t request;
    if (e2b_request_begin(&request, env, info, 3, E2B_ANSWER_JSON)) {
        const char *sandbox_id = e2b_request_sandbox(&request);
        uint32_t pid = read_pid(&request);
        const char *signal = e2b_read_string(&request.reader, request.argv[2], "signal");
        if (e2b_request_ok(&request)) {
            e2b_op_signal(&request.call, sandbox_id, pid, signal ? signal : "SIGKILL", &request.op,
                          &request.err);
        }
    }
    return e2b_request_finish(&request);
}
