/*
 * create.c: making a sandbox. The constructor checks and builds on the loop thread; advance runs on
 * the pool thread. The request is sent once; the one exception is the older path, which is taken
 * only where the far end has said that it does not know the newer one.
 */
#include <math.h>
#include <string.h>

#include "http_error.h"
#include "json.h"
#include "operation.h"

#define MIN_MEMORY_MB 128

typedef struct create_op {
    e2b_op_t op;
    e2b_buf_t payload; /* the body; the older path's has "secure" in front */
} create_op_t;

enum { CREATE_START, CREATE_V2, CREATE_V1 };

static void send_create(e2b_op_t *op, const char *path, bool secure) {
    create_op_t *self = (create_op_t *)op;
    e2b_op_exchange(op, "POST", true);
    op->http.idempotent = false;
    op->http.makes = true;
    int code = e2b_op_control_url(op, "%s", path);
    if (code == E2B_OK && secure) code = e2b_buf_puts(&op->request, "{\"secure\":true,");
    if (code == E2B_OK) {
        size_t skip = secure ? 1 : 0; /* the opening brace */
        code = e2b_buf_append(&op->request, self->payload.data + skip, self->payload.len - skip);
    }
    e2b_op_send_json(op, code);
}

/* A route that does not exist: 405, or a 404 without E2B's own error body. */
static bool route_unknown(const e2b_http_t *http) {
    return http->status == 405 || (http->status == 404 && !http->answered);
}

static void create_answered(e2b_op_t *op) {
    cJSON *body =
        e2b_json_parse(op->http.answer.data ? op->http.answer.data : "", op->http.answer.len);
    const char *id = NULL;
    bool fine = e2b_json_string(body, "sandboxID", &id) == E2B_JSON_FOUND &&
                e2b_op_check_id(id, NULL) == E2B_OK;
    if (fine) {
        e2b_access_learn(e2b_client_access(op->client), op->config, id, op->http.answer.data,
                         op->http.answer.len, NULL);
    }
    e2b_json_wipe_delete(body);
    if (!fine) {
        e2b_http_bad_answer(&op->http, "the answer holds no sandboxID");
        e2b_op_fail(op, &op->http.err);
        return;
    }
    e2b_op_keep_answer(op);
    e2b_op_finish(op);
}

static void create_advance(e2b_op_t *op) {
    if (op->phase == CREATE_START) {
        op->phase = CREATE_V2;
        send_create(op, "/v2/sandboxes", false);
    } else if (op->phase == CREATE_V2 && op->http_done && route_unknown(&op->http)) {
        op->phase = CREATE_V1;
        send_create(op, "/sandboxes", true);
    } else if (e2b_op_answered(op)) {
        create_answered(op);
    }
}

static void create_destroy(e2b_op_t *op) {
    e2b_buf_destroy(&((create_op_t *)op)->payload);
}

static const e2b_op_class_t create_class = {"creating the sandbox", create_advance, NULL,
                                            create_destroy, NULL};

static bool add_pairs(cJSON *object, const char *key, e2b_strings_t pairs) {
    if (pairs.count == 0) return true;
    cJSON *map = cJSON_AddObjectToObject(object, key);
    for (size_t i = 0; map && i + 1 < pairs.count; i += 2) {
        if (!cJSON_AddStringToObject(map, pairs.items[i], pairs.items[i + 1])) return false;
    }
    return map != NULL;
}

/* Nothing when it was not given. */
static bool add_choice(cJSON *object, const char *key, int choice) {
    return choice < 0 || cJSON_AddBoolToObject(object, key, choice > 0) != NULL;
}

/* Takes the network, which may be NULL. */
static bool add_network(cJSON *body, cJSON *network) {
    if (!network || cJSON_AddItemToObject(body, "network", network)) return true;
    e2b_json_wipe_delete(network);
    return false;
}

static int parse_network(const char *text, cJSON **out, e2b_err_t *err) {
    *out = text ? e2b_json_parse(text, strlen(text)) : NULL;
    if (!text || cJSON_IsObject(*out)) return E2B_OK;
    e2b_json_wipe_delete(*out);
    return e2b_err_set(err, E2B_ERR_INVALID_ARGUMENT, "network must be a JSON object");
}

static int check_create(const e2b_create_args_t *args, e2b_err_t *err) {
    if (!args->name || strspn(args->name, " \t\r\n") == strlen(args->name)) {
        return e2b_err_set(err, E2B_ERR_INVALID_ARGUMENT,
                           "name must be a string that is not empty");
    }
    if (args->template_id && !*args->template_id) {
        return e2b_err_set(err, E2B_ERR_INVALID_ARGUMENT,
                           "template must be a string that is not empty, such as 'base'");
    }
    if (args->memory_mb != 0 && !(args->memory_mb >= MIN_MEMORY_MB)) {
        return e2b_err_set(err, E2B_ERR_INVALID_ARGUMENT,
                           "memoryMb must be a number of at least %d", MIN_MEMORY_MB);
    }
    if (args->cpu_count != 0 &&
        !(args->cpu_count >= 1 && args->cpu_count == floor(args->cpu_count))) {
        return e2b_err_set(err, E2B_ERR_INVALID_ARGUMENT,
                           "cpuCount must be a whole number of at least 1");
    }
    return e2b_op_check_timeout("timeout", args->timeout_s, err);
}

/* Takes the network. */
static int build_create(e2b_buf_t *out, const e2b_create_args_t *args, cJSON *network) {
    cJSON *body = cJSON_CreateObject();
    bool fine = cJSON_AddStringToObject(body, "templateID",
                                        args->template_id ? args->template_id : "base") &&
                cJSON_AddNumberToObject(body, "timeout", (double)e2b_op_seconds(args->timeout_s));
    cJSON *metadata = fine ? cJSON_AddObjectToObject(body, "metadata") : NULL;
    fine = metadata && cJSON_AddStringToObject(metadata, "e2b-swarm.name", args->name);
    for (size_t i = 0; fine && i + 1 < args->metadata.count; i += 2) {
        fine = cJSON_AddStringToObject(metadata, args->metadata.items[i],
                                       args->metadata.items[i + 1]) != NULL;
    }
    fine = fine && add_pairs(body, "envVars", args->env) &&
           add_choice(body, "autoPause", args->auto_pause) &&
           add_choice(body, "autoPauseMemory", args->auto_pause_memory) &&
           add_choice(body, "allow_internet_access", args->allow_internet);
    fine = add_network(body, network) && fine;
    if (fine && args->auto_resume >= 0) {
        fine =
            add_choice(cJSON_AddObjectToObject(body, "autoResume"), "enabled", args->auto_resume);
    }
    int code = fine ? e2b_json_print(out, body) : E2B_ERR_OUT_OF_MEMORY;
    e2b_json_wipe_delete(body);
    return code;
}

int e2b_op_create(const e2b_call_t *call, const e2b_create_args_t *args, e2b_op_t **out,
                  e2b_err_t *err) {
    *out = NULL;
    int code = check_create(args, err);
    if (code != E2B_OK) return code;
    cJSON *network;
    if (parse_network(args->network, &network, err) != E2B_OK) return err->code;
    e2b_op_t *op = e2b_op_new(sizeof(create_op_t), &create_class, call, NULL, err);
    if (!op) {
        e2b_json_wipe_delete(network);
        return err->code;
    }
    create_op_t *self = (create_op_t *)op;
    e2b_buf_init_secret(&self->payload, E2B_MAX_UNARY_BODY);
    code = build_create(&self->payload, args, network);
    if (code != E2B_OK) {
        e2b_op_free(op);
        return e2b_op_refuse(code, "metadata, env and network", err);
    }
    *out = op;
    return E2B_OK;
}
