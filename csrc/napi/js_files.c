/*
 * js_files.c: the operations on files for JavaScript. Loop thread. Only reads arguments and builds
 * the op.
 */
#include <limits.h>

#include "js_ops.h"
#include "request.h"

#define MAX_SIZE 9007199254740991LL /* what a number holds exactly */

/* Loop thread. */
static const char *read_path(e2b_request_t *request) {
    return e2b_read_required(&request->reader, request->argv[1], "path");
}

/* Loop thread. NULL: the daemon's default. */
static const char *read_user(e2b_request_t *request) {
    napi_value user = e2b_read_field(&request->reader, request->options, "user");
    return e2b_read_string(&request->reader, user, "user");
}

/* Loop thread. Of a form, the path is not given. */
static e2b_write_args_t read_write_args(e2b_request_t *request) {
    e2b_reader_t *reader = &request->reader;
    napi_value lines = e2b_read_field(reader, request->options, "lines");
    napi_value form = e2b_read_field(reader, request->options, "form");
    e2b_write_args_t args = {.form = e2b_read_bool(reader, form, "form", false)};
    if (!args.form) args.path = read_path(request);
    args.user = read_user(request);
    args.headers = e2b_read_strings(reader, lines, "lines");
    return args;
}

/* Loop thread. writeFile(sandboxId, path, data, call); call.lines: headers */
napi_value e2b_js_write_file(napi_env env, napi_callback_info info) {
    e2b_request_t request;
    if (e2b_request_begin(&request, env, info, 3, E2B_ANSWER_JSON)) {
        const char *sandbox_id = e2b_request_sandbox(&request);
        e2b_write_args_t args = read_write_args(&request);
        if (e2b_request_ok(&request) && !request.argv[2]) {
            e2b_err_set(&request.err, E2B_ERR_INVALID_ARGUMENT,
                        "data must be a string or a Buffer");
        }
        e2b_bytes_t data =
            e2b_read_bytes(&request.reader, request.argv[2], "data", &request.pending->held);
        if (e2b_request_ok(&request)) {
            e2b_op_write_file(&request.call, sandbox_id, &args, data, &request.op, &request.err);
        }
    }
    return e2b_request_finish(&request);
}

/* Loop thread. readFile(sandboxId, path, call) */
napi_value e2b_js_read_file(napi_env env, napi_callback_info info) {
    e2b_request_t request;
    if (e2b_request_begin(&request, env, info, 2, E2B_ANSWER_BYTES)) {
        e2b_reader_t *reader = &request.reader;
        const char *sandbox_id = e2b_request_sandbox(&request);
        const char *path = read_path(&request);
        const char *user = read_user(&request);
        napi_value max = e2b_read_field(reader, request.options, "maxBytes");
        size_t max_bytes = (size_t)e2b_read_whole(reader, max, "maxBytes", 1, E2B_MAX_FILE_BODY, 0);
        if (e2b_request_ok(&request)) {
            e2b_op_read_file(&request.call, sandbox_id, path, user, max_bytes, &request.op,
                             &request.err);
        }
    }
    return e2b_request_finish(&request);
}

/* Loop thread. downloadFile(sandboxId, path, call); call.offset */
napi_value e2b_js_download(napi_env env, napi_callback_info info) {
    e2b_request_t request;
    if (e2b_request_begin(&request, env, info, 2, E2B_ANSWER_JSON)) {
        const char *sandbox_id = e2b_request_sandbox(&request);
        const char *path = read_path(&request);
        const char *user = read_user(&request);
        napi_value from = e2b_read_field(&request.reader, request.options, "offset");
        int64_t offset = e2b_read_whole(&request.reader, from, "offset", 0, MAX_SIZE, 0);
        if (e2b_request_ok(&request)) {
            e2b_op_download(&request.call, sandbox_id, path, user, offset, &request.op,
                            &request.err);
        }
    }
    return e2b_request_finish(&request);
}

/* Loop thread. uploadFile(sandboxId, path, call); call.size, not given: not known; call.lines:
 * headers; call.form: the body is a form that names its files */
napi_value e2b_js_upload(napi_env env, napi_callback_info info) {
    e2b_request_t request;
    if (e2b_request_begin(&request, env, info, 2, E2B_ANSWER_JSON)) {
        const char *sandbox_id = e2b_request_sandbox(&request);
        e2b_write_args_t args = read_write_args(&request);
        napi_value length = e2b_read_field(&request.reader, request.options, "size");
        int64_t size = e2b_read_whole(&request.reader, length, "size", 0, MAX_SIZE, -1);
        if (e2b_request_ok(&request)) {
            e2b_op_upload(&request.call, sandbox_id, &args, size, &request.op, &request.err);
        }
    }
    return e2b_request_finish(&request);
}

/* Loop thread. listFiles(sandboxId, path, call) */
napi_value e2b_js_list_files(napi_env env, napi_callback_info info) {
    e2b_request_t request;
    if (e2b_request_begin(&request, env, info, 2, E2B_ANSWER_JSON)) {
        e2b_reader_t *reader = &request.reader;
        const char *sandbox_id = e2b_request_sandbox(&request);
        const char *path = read_path(&request);
        const char *user = read_user(&request);
        napi_value levels = e2b_read_field(reader, request.options, "depth");
        int depth = (int)e2b_read_whole(reader, levels, "depth", 1, INT_MAX, 1);
        if (e2b_request_ok(&request)) {
            e2b_op_list_files(&request.call, sandbox_id, path, user, depth, &request.op,
                              &request.err);
        }
    }
    return e2b_request_finish(&request);
}

/* Loop thread. removeFile(sandboxId, path, call) */
napi_value e2b_js_remove_file(napi_env env, napi_callback_info info) {
    e2b_request_t request;
    if (e2b_request_begin(&request, env, info, 2, E2B_ANSWER_JSON)) {
        const char *sandbox_id = e2b_request_sandbox(&request);
        const char *path = read_path(&request);
        const char *user = read_user(&request);
        if (e2b_request_ok(&request)) {
            e2b_op_remove_file(&request.call, sandbox_id, path, user, &request.op, &request.err);
        }
    }
    return e2b_request_finish(&request);
}

/* Loop thread. signFile(sandboxId, path, call); call.write, call.expiresAt */
napi_value e2b_js_sign_file(napi_env env, napi_callback_info info) {
    e2b_request_t request;
    if (e2b_request_begin(&request, env, info, 2, E2B_ANSWER_JSON)) {
        e2b_reader_t *reader = &request.reader;
        const char *sandbox_id = e2b_request_sandbox(&request);
        const char *path = read_path(&request);
        const char *user = read_user(&request);
        bool write =
            e2b_read_bool(reader, e2b_read_field(reader, request.options, "write"), "write", false);
        napi_value expiry = e2b_read_field(reader, request.options, "expiresAt");
        int64_t expires_at = e2b_read_whole(reader, expiry, "expiresAt", 1, MAX_SIZE, 0);
        if (e2b_request_ok(&request)) {
            e2b_op_sign_file(&request.call, sandbox_id, path, user, write, expires_at, &request.op,
                             &request.err);
        }
    }
    return e2b_request_finish(&request);
}
