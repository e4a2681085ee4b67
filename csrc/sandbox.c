/*
 * sandbox.c: the control plane's operations on sandboxes but create: get, list, set timeout,
 * connect, terminate. Constructors check and build on the loop thread; advance runs on the pool
 * thread. A request is sent once.
 */
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "operation.h"
#include "url.h"

#define MAX_QUERY 12000 /* with the longest base URL it stays below what http.c takes */

/* ---- get ---- */

typedef struct get_op {
    e2b_op_t op;
    bool metrics;
} get_op_t;

enum { GET_START, GET_DETAIL, GET_METRICS };

static void want_metrics(e2b_op_t *op) {
    e2b_op_exchange(op, "GET", false);
    int code = e2b_op_daemon(op, &op->http, "/metrics", NULL, NULL);
    op->http.what = "reading the sandbox's metrics";
    e2b_op_send_json(op, code);
}

/* Whether it runs and can be asked; and its credentials, since they are here. */
static bool learn(e2b_op_t *op) {
    cJSON *body = e2b_json_parse(op->body.data ? op->body.data : "", op->body.len);
    const char *state = NULL;
    e2b_json_string(body, "state", &state);
    bool running = state && strcmp(state, "running") == 0;
    e2b_json_wipe_delete(body);
    int code = e2b_access_learn(e2b_client_access(op->client), op->config, op->sandbox_id,
                                op->body.data ? op->body.data : "", op->body.len, &op->credentials);
    if (running) op->result.extra_code = code;
    return running && code == E2B_OK;
}

static void get_advance(e2b_op_t *op) {
    switch (op->phase) {
    case GET_START:
        op->phase = GET_DETAIL;
        e2b_op_exchange(op, "GET", true);
        e2b_op_send_json(op, e2b_op_control_url(op, "/sandboxes/%s", op->sandbox_id));
        break;
    case GET_DETAIL:
        if (!e2b_op_answered(op)) return;
        e2b_op_keep_answer(op);
        if (!((get_op_t *)op)->metrics || !learn(op)) {
            e2b_op_finish(op);
            return;
        }
        op->phase = GET_METRICS;
        want_metrics(op);
        break;
    default: /* without metrics the state is still an answer: the daemon may be what is broken */
        if (!op->http_done) return;
        op->result.extra_code = op->http.err.code;
        if (op->http.err.code == E2B_OK) {
            e2b_buf_destroy(&op->extra);
            op->extra = op->http.answer;
            e2b_buf_init(&op->http.answer, E2B_MAX_UNARY_BODY);
        }
        e2b_op_finish(op);
    }
}

static const e2b_op_class_t get_class = {"getting the sandbox's status", get_advance, NULL, NULL,
                                         NULL};

int e2b_op_get(const e2b_call_t *call, const char *sandbox_id, bool metrics, e2b_op_t **out,
               e2b_err_t *err) {
    *out = NULL;
    if (e2b_op_check_id(sandbox_id, err) != E2B_OK) return err->code;
    e2b_op_t *op = e2b_op_new(sizeof(get_op_t), &get_class, call, sandbox_id, err);
    if (!op) return err->code;
    ((get_op_t *)op)->metrics = metrics;
    *out = op;
    return E2B_OK;
}

/* ---- list, set timeout, connect: one exchange, prepared by the constructor ---- */

typedef struct simple_op {
    e2b_op_t op;
    const char *method;
    char path[96];
    e2b_buf_t query, payload;
} simple_op_t;

static void simple_advance(e2b_op_t *op) {
    simple_op_t *self = (simple_op_t *)op;
    if (op->phase == 0) {
        op->phase = 1;
        e2b_op_exchange(op, self->method, true);
        op->http.makes = strcmp(op->class->what, "connecting to the sandbox") == 0;
        int code = e2b_op_control_url(op, "%s", self->path);
        if (code == E2B_OK && self->query.len > 0) {
            code = e2b_buf_append(&op->http.url, self->query.data, self->query.len);
        }
        if (code == E2B_OK && self->payload.len > 0) {
            code = e2b_buf_append(&op->request, self->payload.data, self->payload.len);
        }
        e2b_op_send_json(op, code);
        return;
    }
    if (!e2b_op_answered(op)) return;
    if (op->http.next_token) op->result.next_token = op->http.next_token;
    e2b_op_keep_answer(op);
    if (op->http.makes) {
        e2b_access_learn(e2b_client_access(op->client), op->config, op->sandbox_id,
                         op->body.data ? op->body.data : "", op->body.len, NULL);
    }
    e2b_op_finish(op);
}

static void simple_destroy(e2b_op_t *op) {
    e2b_buf_destroy(&((simple_op_t *)op)->query);
    e2b_buf_destroy(&((simple_op_t *)op)->payload);
}

static const e2b_op_class_t list_class = {"listing sandboxes", simple_advance, NULL, simple_destroy,
                                          NULL};
static const e2b_op_class_t timeout_class = {"setting the sandbox's timeout", simple_advance, NULL,
                                             simple_destroy, NULL};
static const e2b_op_class_t connect_class = {"connecting to the sandbox", simple_advance, NULL,
                                             simple_destroy, NULL};

static simple_op_t *new_simple(const e2b_op_class_t *class, const e2b_call_t *call,
                               const char *sandbox_id, const char *method, e2b_err_t *err) {
    simple_op_t *self =
        (simple_op_t *)e2b_op_new(sizeof(simple_op_t), class, call, sandbox_id, err);
    if (!self) return NULL;
    self->method = method;
    e2b_buf_init(&self->query, MAX_QUERY);
    e2b_buf_init(&self->payload, 256);
    return self;
}

static int done_simple(simple_op_t *self, int code, e2b_op_t **out, e2b_err_t *err) {
    if (code == E2B_OK) {
        *out = &self->op;
        return E2B_OK;
    }
    e2b_op_free(&self->op);
    return e2b_op_refuse(code, "metadata", err);
}

/* Keys and values are encoded twice before the query's own encoding, as the official client does:
 * the server decodes three times. */
static int add_metadata(e2b_buf_t *query, e2b_strings_t pairs, bool *first) {
    e2b_buf_t once, joined;
    e2b_buf_init(&once, MAX_QUERY);
    e2b_buf_init(&joined, MAX_QUERY);
    int code = E2B_OK;
    for (size_t i = 0; code == E2B_OK && i < pairs.count; i++) {
        if (i > 0) code = e2b_buf_puts(&joined, i % 2 ? "=" : "&");
        e2b_buf_reset(&once);
        if (code == E2B_OK) code = e2b_url_escape(&once, pairs.items[i], strlen(pairs.items[i]));
        if (code == E2B_OK && once.len > 0) code = e2b_url_escape(&joined, once.data, once.len);
    }
    if (code == E2B_OK && joined.len > 0)
        code = e2b_url_query(query, "metadata", joined.data, first);
    e2b_buf_destroy(&once);
    e2b_buf_destroy(&joined);
    return code;
}

int e2b_op_list(const e2b_call_t *call, const e2b_list_args_t *args, e2b_op_t **out,
                e2b_err_t *err) {
    *out = NULL;
    if (args->limit < 1 || args->limit > 100) {
        return e2b_err_set(err, E2B_ERR_INVALID_ARGUMENT, "limit of a page must be from 1 to 100");
    }
    simple_op_t *self = new_simple(&list_class, call, NULL, "GET", err);
    if (!self) return err->code;
    bool first = true;
    char number[16];
    snprintf(self->path, sizeof self->path, "/v2/sandboxes");
    snprintf(number, sizeof number, "%d", args->limit);
    const char *token = args->next_token && *args->next_token ? args->next_token : NULL;
    const char *const fields[][2] = {{"state", args->state},
                                     {"startedAfter", args->started_after},
                                     {"template", args->template_id},
                                     {"order", args->order},
                                     {"limit", number},
                                     {"nextToken", token}};
    int code = add_metadata(&self->query, args->metadata, &first);
    for (size_t i = 0; code == E2B_OK && i < sizeof fields / sizeof *fields; i++) {
        code = e2b_url_query(&self->query, fields[i][0], fields[i][1], &first);
    }
    return done_simple(self, code, out, err);
}

int e2b_op_set_timeout(const e2b_call_t *call, const char *sandbox_id, double seconds,
                       e2b_op_t **out, e2b_err_t *err) {
    *out = NULL;
    if (e2b_op_check_id(sandbox_id, err) != E2B_OK) return err->code;
    if (e2b_op_check_timeout("seconds", seconds, err) != E2B_OK) return err->code;
    simple_op_t *self = new_simple(&timeout_class, call, sandbox_id, "POST", err);
    if (!self) return err->code;
    snprintf(self->path, sizeof self->path, "/sandboxes/%s/timeout", sandbox_id);
    int code = e2b_buf_printf(&self->payload, "{\"timeout\":%lld}", e2b_op_seconds(seconds));
    return done_simple(self, code, out, err);
}

int e2b_op_connect(const e2b_call_t *call, const char *sandbox_id, double timeout_s, int memory,
                   e2b_op_t **out, e2b_err_t *err) {
    *out = NULL;
    if (e2b_op_check_id(sandbox_id, err) != E2B_OK) return err->code;
    if (timeout_s != 0 && e2b_op_check_timeout("timeout", timeout_s, err) != E2B_OK) {
        return err->code;
    }
    simple_op_t *self = new_simple(&connect_class, call, sandbox_id, "POST", err);
    if (!self) return err->code;
    snprintf(self->path, sizeof self->path, "/v2/sandboxes/%s/connect", sandbox_id);
    const char *comma = "";
    int code = e2b_buf_puts(&self->payload, "{");
    if (code == E2B_OK && timeout_s != 0) {
        code = e2b_buf_printf(&self->payload, "\"timeout\":%lld", e2b_op_seconds(timeout_s));
        comma = ",";
    }
    if (code == E2B_OK && memory >= 0) {
        code = e2b_buf_printf(&self->payload, "%s\"memory\":%s", comma, memory ? "true" : "false");
    }
    if (code == E2B_OK) code = e2b_buf_puts(&self->payload, "}");
    return done_simple(self, code, out, err);
}

/* ---- terminate ---- */

typedef struct terminate_op {
    e2b_op_t op;
    int64_t grace_ms;
} terminate_op_t;

enum { TERMINATE_START, TERMINATE_WAIT, TERMINATE_SENT };

static void terminate_advance(e2b_op_t *op) {
    if (op->phase == TERMINATE_START) {
        op->phase = TERMINATE_WAIT;
        if (op->waits_for_idle) e2b_op_timer(op, ((terminate_op_t *)op)->grace_ms);
    }
    if (op->phase == TERMINATE_WAIT) {
        bool wait = op->waits_for_idle && !op->timer_fired && e2b_client_busy(op->client, op) > 0;
        if (wait || op->finished) return;
        op->phase = TERMINATE_SENT;
        e2b_op_exchange(op, "DELETE", true);
        e2b_op_send_json(op, e2b_op_control_url(op, "/sandboxes/%s", op->sandbox_id));
        return;
    }
    if (!op->http_done) return;
    if (op->http.status == 404) {
        op->result.already_gone = true;
        op->result.status = 404;
        e2b_op_finish(op);
        return;
    }
    if (!e2b_op_answered(op)) return;
    e2b_access_drop(e2b_client_access(op->client), op->config, op->sandbox_id, NULL);
    e2b_op_finish(op);
}

static const e2b_op_class_t terminate_class = {"terminating the sandbox", terminate_advance, NULL,
                                               NULL, NULL};

int e2b_op_terminate(const e2b_call_t *call, const char *sandbox_id, int64_t grace_ms,
                     e2b_op_t **out, e2b_err_t *err) {
    *out = NULL;
    if (e2b_op_check_id(sandbox_id, err) != E2B_OK) return err->code;
    if (grace_ms < 0 || grace_ms > 3600000) {
        return e2b_err_set(err, E2B_ERR_INVALID_ARGUMENT, "graceMs must be from 0 to 3600000");
    }
    e2b_op_t *op = e2b_op_new(sizeof(terminate_op_t), &terminate_class, call, sandbox_id, err);
    if (!op) return err->code;
    ((terminate_op_t *)op)->grace_ms = grace_ms;
    op->waits_for_idle = grace_ms > 0;
    *out = op;
    return E2B_OK;
}
