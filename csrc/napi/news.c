/*
 * news.c: turns the client's news into one flat array, nine slots a record:
 *
 *   1 STARTED  id pid
 *   2 OUTPUT   id stdout stderr                  text, texts, a Buffer, or undefined
 *   3 JSON     id status body extra extraCode nextToken alreadyGone
 *   4 BYTES    id status Buffer
 *   5 PROCESS  id pid exitCode signal stdout stderr flags durationMs
 *   6 FAILED   id error pid stdout stderr
 *   7 DRAINED  id
 *
 * and hands it to the hook `settle`, which settles the promises of kinds 3 to 6. Loop thread. No
 * promise may be lost: whatever is refused on the way, each call gets a record of its end, unless
 * the environment ends.
 */
#include "news.h"

#include <string.h>

#include "alloc.h"
#include "buf.h"
#include "request.h"

#define SLOTS 9u
/* From here on memory is handed over instead of copied: whole files. What a stream brings is not;
 * handed over, it lay about until somebody collected it: 1.2 GB in a file of 2 GB, against 40 MB,
 * and no faster. */
#define EXTERNAL_BYTES 1048576u

enum { STARTED = 1, OUTPUT = 2, JSON = 3, BYTES = 4, PROCESS = 5, FAILED = 6, DRAINED = 7 };
enum { FLAG_TRUNCATED = 1, FLAG_TIMED_OUT = 2 };

typedef struct e2b_batch {
    e2b_instance_t *instance;
    napi_env env;
    napi_value records;
    uint32_t count;
} e2b_batch_t;

/* ---- values; NULL means undefined, and is left out ---- */

/* Loop thread. */
static bool put(e2b_batch_t *batch, uint32_t slot, napi_value value) {
    return !value ||
           (batch->records && napi_set_element(batch->env, batch->records,
                                               batch->count * SLOTS + slot, value) == napi_ok);
}

/* Loop thread. */
static bool put_number(e2b_batch_t *batch, uint32_t slot, double number) {
    napi_value value;
    return napi_create_double(batch->env, number, &value) == napi_ok && put(batch, slot, value);
}

/* Loop thread. */
static bool put_text(e2b_batch_t *batch, uint32_t slot, const char *text, size_t len) {
    napi_value value;
    return napi_create_string_utf8(batch->env, text, len, &value) == napi_ok &&
           put(batch, slot, value);
}

/* Loop thread. */
static bool put_null(e2b_batch_t *batch, uint32_t slot) {
    napi_value value;
    return napi_get_null(batch->env, &value) == napi_ok && put(batch, slot, value);
}

/* Loop thread. */
static bool put_copy(e2b_batch_t *batch, uint32_t slot, const char *data, size_t len) {
    napi_value value;
    return napi_create_buffer_copy(batch->env, len, data, NULL, &value) == napi_ok &&
           put(batch, slot, value);
}

/* Loop thread, from the collector, which has to know what it would give back: it sees little of a
 * Buffer, and would let hundreds of megabytes of them lie. */
static void free_external(napi_env env, void *data, void *hint) {
    int64_t total;
    napi_adjust_external_memory(env, -(int64_t)(uintptr_t)hint, &total);
    e2b_free(data);
}

/* Loop thread. Leaves a large buf empty. */
static bool put_buffer(e2b_batch_t *batch, uint32_t slot, e2b_buf_t *buf) {
    size_t len;
    napi_value value;
    if (buf->len < EXTERNAL_BYTES) {
        return put_copy(batch, slot, buf->len ? buf->data : "", buf->len);
    }
    char *data = e2b_buf_take(buf, &len);
    if (!data) return false;
    napi_status status =
        napi_create_external_buffer(batch->env, len, data, free_external, (void *)len, &value);
    if (status == napi_ok) {
        int64_t total;
        napi_adjust_external_memory(batch->env, (int64_t)len, &total);
        return put(batch, slot, value);
    }
    /* A runtime with a memory cage wants its own memory. */
    bool copied = status == napi_no_external_buffers_allowed && put_copy(batch, slot, data, len);
    e2b_free(data);
    return copied;
}

/* Loop thread. */
static bool is_ascii(const char *text, size_t len) {
    unsigned char all = 0;
    for (size_t i = 0; i < len; i++) all |= (unsigned char)text[i]; /* no early end: vectors */
    return all < 0x80;
}

/* Loop thread. Most JSON is ASCII, which V8 copies as Latin-1 and decodes as UTF-8. */
static bool put_json(e2b_batch_t *batch, uint32_t slot, const e2b_buf_t *buf) {
    napi_value value;
    if (!buf || buf->len == 0) return true;
    if (!is_ascii(buf->data, buf->len)) return put_text(batch, slot, buf->data, buf->len);
    return napi_create_string_latin1(batch->env, buf->data, buf->len, &value) == napi_ok &&
           put(batch, slot, value);
}

/* Loop thread. */
static bool put_tail(e2b_batch_t *batch, uint32_t slot, e2b_tail_t *tail, bool text) {
    size_t len = 0;
    const char *data = tail ? e2b_tail_get(tail, text, &len) : "";
    return text ? put_text(batch, slot, data, len) : put_copy(batch, slot, data, len);
}

/* ---- records ---- */

/* Loop thread. */
static bool begin(e2b_batch_t *batch, int kind, uint64_t id) {
    return put_number(batch, 0, kind) && put_number(batch, 1, (double)id);
}

/* Loop thread. Leaves the streams empty. */
static bool add_output(e2b_batch_t *batch, e2b_pending_t *pending, e2b_op_t *op) {
    bool text = pending->text && pending->answer == E2B_ANSWER_PROCESS;
    bool ok = begin(batch, OUTPUT, pending->id);
    for (uint32_t i = 0; ok && i < 2; i++) {
        const e2b_buf_t *stream = e2b_op_result(op)->stream[i];
        if (stream->len == 0) continue;
        napi_value value;
        ok = text ? e2b_text_next(&pending->part[i], batch->env, stream->data, stream->len,
                                  &value) &&
                        put(batch, 2 + i, value)
                  : put_copy(batch, 2 + i, stream->data, stream->len);
        e2b_op_emptied(op, (int)i);
    }
    return ok;
}

/* Loop thread. What the streams end with when it is no whole character. */
static bool add_last_output(e2b_batch_t *batch, e2b_pending_t *pending) {
    bool ok = begin(batch, OUTPUT, pending->id);
    for (uint32_t i = 0; ok && i < 2; i++) {
        napi_value text;
        ok = e2b_text_end(&pending->part[i], batch->env, &text) && put(batch, 2 + i, text);
    }
    return ok;
}

/* Loop thread. */
static bool add_json(e2b_batch_t *batch, uint64_t id, e2b_result_t *result) {
    napi_value gone;
    const char *code = result->extra_code ? e2b_err_code_name(result->extra_code) : NULL;
    return begin(batch, JSON, id) && put_number(batch, 2, result->status) &&
           put_json(batch, 3, result->body) && put_json(batch, 4, result->extra) &&
           (!code || put_text(batch, 5, code, NAPI_AUTO_LENGTH)) &&
           (!result->next_token[0] || put_text(batch, 6, result->next_token, NAPI_AUTO_LENGTH)) &&
           napi_get_boolean(batch->env, result->already_gone, &gone) == napi_ok &&
           put(batch, 7, gone);
}

/* Loop thread. */
static bool add_bytes(e2b_batch_t *batch, uint64_t id, e2b_result_t *result) {
    return begin(batch, BYTES, id) && put_number(batch, 2, result->status) &&
           (result->body ? put_buffer(batch, 3, result->body) : put_copy(batch, 3, "", 0));
}

/* Loop thread. */
static unsigned flags_of(const e2b_result_t *result) {
    bool truncated = false;
    for (int i = 0; i < 2; i++) {
        if (result->tail[i] && e2b_tail_truncated(result->tail[i])) truncated = true;
    }
    return (truncated ? FLAG_TRUNCATED : 0u) | (result->timed_out ? FLAG_TIMED_OUT : 0u);
}

/* Loop thread. */
static bool add_process(e2b_batch_t *batch, uint64_t id, e2b_result_t *result, bool text) {
    return begin(batch, PROCESS, id) && put_number(batch, 2, result->pid) &&
           (result->exited ? put_number(batch, 3, result->exit_code) : put_null(batch, 3)) &&
           (result->signal[0] ? put_text(batch, 4, result->signal, NAPI_AUTO_LENGTH)
                              : put_null(batch, 4)) &&
           put_tail(batch, 5, result->tail[0], text) && put_tail(batch, 6, result->tail[1], text) &&
           put_number(batch, 7, flags_of(result)) &&
           put_number(batch, 8, (double)result->duration_ms);
}

/* Loop thread. With kept, what a process had said before it failed. */
static bool add_failure(e2b_batch_t *batch, uint64_t id, const e2b_err_t *err,
                        const char *sandbox_id, e2b_result_t *kept, bool text) {
    napi_value error = e2b_make_error(batch->instance, err, sandbox_id);
    bool ok = begin(batch, FAILED, id) && put(batch, 2, error) &&
              put_number(batch, 3, kept ? kept->pid : 0);
    for (uint32_t i = 0; ok && kept && i < 2; i++) {
        if (kept->tail[i] && kept->tail[i]->len > 0) {
            ok = put_tail(batch, 4 + i, kept->tail[i], text);
        }
    }
    return ok;
}

/* Loop thread. */
static bool add_success(e2b_batch_t *batch, const e2b_pending_t *pending, e2b_result_t *result) {
    switch (pending->answer) {
    case E2B_ANSWER_BYTES:
        return add_bytes(batch, pending->id, result);
    case E2B_ANSWER_PROCESS:
        return add_process(batch, pending->id, result, pending->text);
    default:
        return add_json(batch, pending->id, result);
    }
}

/* Loop thread. The answer could not be made into JavaScript's values, for want of memory. */
static void add_lost_answer(e2b_batch_t *batch, uint64_t id, const e2b_err_t *was,
                            const char *sandbox_id) {
    e2b_err_t err;
    napi_value undefined = e2b_take_exception(batch->env);
    if (napi_get_undefined(batch->env, &undefined) != napi_ok) return;
    for (uint32_t slot = 2; slot < SLOTS; slot++) put(batch, slot, undefined);
    e2b_err_init(&err);
    err.outcome = was->code == E2B_OK ? E2B_OUTCOME_UNKNOWN : was->outcome;
    e2b_err_set(&err, E2B_ERR_OUT_OF_MEMORY, "no memory for the answer");
    add_failure(batch, id, &err, sandbox_id, NULL, false);
}

/* ---- delivery ---- */

/* Loop thread. The memory that the call referred to is let go with it. */
static void take_done(e2b_batch_t *batch, e2b_calls_t *calls, e2b_op_t *op) {
    e2b_pending_t *pending = e2b_calls_take(calls, e2b_op_id(op));
    e2b_result_t *result = e2b_op_result(op);
    const char *sandbox_id = e2b_op_sandbox_id(op);
    bool process = pending->answer == E2B_ANSWER_PROCESS;
    bool added = result->err->code == E2B_OK
                     ? add_success(batch, pending, result)
                     : add_failure(batch, pending->id, result->err, sandbox_id,
                                   process ? result : NULL, pending->text);
    if (!added) add_lost_answer(batch, pending->id, result->err, sandbox_id);
    batch->count++;
    e2b_op_free(op);
    e2b_pending_free(pending, batch->env);
}

/* Loop thread. */
static void take_news(e2b_batch_t *batch, e2b_calls_t *calls, e2b_op_t *op) {
    uint64_t id = e2b_op_id(op);
    e2b_result_t *result = e2b_op_result(op);
    unsigned news = e2b_op_news(op);
    napi_handle_scope scope;
    bool scoped = napi_open_handle_scope(batch->env, &scope) == napi_ok;
    if (news & E2B_NEWS_STARTED && begin(batch, STARTED, id) && put_number(batch, 2, result->pid)) {
        batch->count++;
    }
    if (news & E2B_NEWS_DRAINED && begin(batch, DRAINED, id)) batch->count++;
    e2b_pending_t *pending = e2b_calls_find(calls, id);
    if (news & E2B_NEWS_OUTPUT && add_output(batch, pending, op)) batch->count++;
    if (news & E2B_NEWS_DONE) {
        bool cut = pending->part[0].len > 0 || pending->part[1].len > 0;
        if (cut && add_last_output(batch, pending)) batch->count++;
        take_done(batch, calls, op);
    }
    if (scoped) napi_close_handle_scope(batch->env, scope);
}

/* Loop thread. A refusal means that the environment ends. */
static void call_settle(e2b_batch_t *batch) {
    napi_env env = batch->env;
    napi_value hook, receiver, length, answer;
    bool called = batch->records && e2b_instance_hook(batch->instance, "settle", &hook) &&
                  napi_create_uint32(env, batch->count * SLOTS, &length) == napi_ok &&
                  napi_set_named_property(env, batch->records, "length", length) == napi_ok &&
                  napi_get_global(env, &receiver) == napi_ok &&
                  napi_make_callback(env, batch->instance->context, receiver, hook, 1,
                                     &batch->records, &answer) == napi_ok;
    if (!called) e2b_take_exception(env);
}

/* Loop thread. */
void e2b_news_deliver(e2b_instance_t *instance, e2b_client_t *client, e2b_calls_t *calls) {
    e2b_batch_t batch = {.instance = instance, .env = instance->env};
    napi_handle_scope scope;
    e2b_op_t *op = e2b_client_take(client);
    if (!op || napi_open_handle_scope(batch.env, &scope) != napi_ok) return;
    if (napi_create_array(batch.env, &batch.records) != napi_ok) batch.records = NULL;
    for (; op; op = e2b_client_take(client)) take_news(&batch, calls, op);
    instance->batches++;
    if (batch.count > 0) call_settle(&batch);
    napi_close_handle_scope(batch.env, scope);
}
