/*
 * js_direct.c: the request that JavaScript puts together itself, as a whole or as a stream. Loop
 * thread. Only reads arguments and builds the op.
 */
#include "js_ops.h"
#include "request.h"

/* Loop thread. direct(sandboxId or undefined, request, body or undefined, call); request: { what,
 * method, path, port, contentType, user, headers, idempotent, makes, stream } */
napi_value e2b_js_direct(napi_env env, napi_callback_info info) {
    e2b_request_t request;
    if (e2b_request_begin(&request, env, info, 3, E2B_ANSWER_JSON)) {
        e2b_reader_t *reader = &request.reader;
        napi_value spec = request.argv[1];
        request.sandbox_id = e2b_read_string(reader, request.argv[0], "sandboxId");
#define TEXT(name) e2b_read_string(reader, e2b_read_field(reader, spec, name), name)
#define FLAG(name) e2b_read_bool(reader, e2b_read_field(reader, spec, name), name, false)
        e2b_direct_args_t args = {
            .what = TEXT("what"),
            .method = TEXT("method"),
            .path = TEXT("path"),
            .port = (int)e2b_read_whole(reader, e2b_read_field(reader, spec, "port"), "port", 0,
                                        65535, 0),
            .content_type = TEXT("contentType"),
            .user = TEXT("user"),
            .headers = e2b_read_strings(reader, e2b_read_field(reader, spec, "headers"), "headers"),
            .idempotent = FLAG("idempotent"),
            .makes = FLAG("makes"),
            .stream = FLAG("stream"),
        };
#undef TEXT
#undef FLAG
        args.body = e2b_read_bytes(reader, request.argv[2], "body", &request.pending->held);
        if (e2b_request_ok(&request)) {
            e2b_op_direct(&request.call, request.sandbox_id, &args, &request.op, &request.err);
        }
    }
    return e2b_request_finish(&request);
}
