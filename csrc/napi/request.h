/*
 * request.h: the life of one call in the border: begin, read the arguments, build the op, finish.
 * Loop thread only. Every js_* function is these four steps, and nothing of a call is left over
 * when it returns, whatever went wrong.
 */
#ifndef E2B_NAPI_REQUEST_H
#define E2B_NAPI_REQUEST_H

#include "calls.h"
#include "instance.h"
#include "value.h"

#define E2B_MAX_ARGUMENTS 6 /* positional, the call object included */

typedef struct e2b_request {
    napi_env env;
    e2b_instance_t *instance;
    e2b_reader_t reader;
    e2b_err_t err;
    napi_value argv[E2B_MAX_ARGUMENTS]; /* NULL for undefined and null */
    napi_value options;                 /* the call object */
    e2b_call_t call;
    const char *sandbox_id; /* set it when read: a refusal names it */
    e2b_pending_t *pending;
    e2b_op_t *op; /* given to the request by the e2b_op_* function */
} e2b_request_t;

/* Reads `positional` arguments and the call object behind them. False: refused; finish all the
 * same. */
bool e2b_request_begin(e2b_request_t *request, napi_env env, napi_callback_info info,
                       size_t positional, e2b_answer_t answer);
/* The sandbox's id in the first argument. */
const char *e2b_request_sandbox(e2b_request_t *request);
/* Nothing has been refused so far: the op can be built. */
bool e2b_request_ok(const e2b_request_t *request);
/* Submits the op, frees the rest, answers what was refused as an error; NULL: nothing was, and the
 * hook `settle` will get its end. */
napi_value e2b_request_finish(e2b_request_t *request);

/* The JavaScript error for err, by the hook makeError. NULL: tearing down. */
napi_value e2b_make_error(e2b_instance_t *instance, const e2b_err_t *err, const char *sandbox_id);

#endif
