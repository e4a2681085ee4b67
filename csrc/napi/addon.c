/*
 * addon.c: the addon's door: its exports, and those of them that are not calls (configurations,
 * trust, cancel, ack, abandon). Loop thread. Everything hangs off the instance of this load; there
 * is no state in this file.
 */
#include <node_api.h>
#include <string.h>

#include "e2b.h"
#include "instance.h"
#include "js_ops.h"
#include "loop.h"
#include "request.h"

/* Loop thread. Up to two arguments, NULL for undefined and null; the instance, or NULL at the end.
 */
static e2b_instance_t *arguments(napi_env env, napi_callback_info info, e2b_reader_t *reader,
                                 napi_value argv[2]) {
    size_t argc = 2;
    void *data = NULL;
    if (napi_get_cb_info(env, info, &argc, argv, NULL, &data) != napi_ok) return NULL;
    argv[0] = e2b_read_present(reader, argv[0]);
    argv[1] = e2b_read_present(reader, argv[1]);
    return data;
}

/* Loop thread. Throws what was refused; the answer is for `return`. */
static napi_value throw_refusal(e2b_instance_t *instance, const e2b_err_t *err) {
    napi_value error = e2b_make_error(instance, err, NULL);
    if (error) napi_throw(instance->env, error);
    return NULL;
}

/* Loop thread. */
static napi_value number(napi_env env, double value) {
    napi_value result;
    return napi_create_double(env, value, &result) == napi_ok ? result : NULL;
}

/* Loop thread. init({ settle, makeError, head }) */
static napi_value js_init(napi_env env, napi_callback_info info) {
    e2b_err_t err;
    e2b_reader_t reader;
    napi_value argv[2];
    e2b_err_init(&err);
    e2b_reader_init(&reader, env, &err);
    e2b_instance_t *instance = arguments(env, info, &reader, argv);
    if (!instance) return NULL;
    napi_valuetype types[2] = {napi_undefined, napi_undefined};
    napi_value settle = e2b_read_field(&reader, argv[0], "settle");
    napi_value make_error = e2b_read_field(&reader, argv[0], "makeError");
    double *head = e2b_read_doubles(&reader, e2b_read_field(&reader, argv[0], "head"), 3);
    if (settle) napi_typeof(env, settle, &types[0]);
    if (make_error) napi_typeof(env, make_error, &types[1]);
    if (types[0] != napi_function || types[1] != napi_function || !head) {
        napi_throw_type_error(env, NULL, "init takes { settle, makeError, head }");
    } else if (instance->initialized) {
        napi_throw_error(env, NULL, "init was called before: calls know their settle by it");
    } else if (!e2b_instance_set_hooks(instance, argv[0])) {
        napi_throw_error(env, NULL, "init: the environment is ending");
    } else {
        instance->head = head;
    }
    return NULL;
}

/* Loop thread. trust(pem) -> handle */
static napi_value js_trust(napi_env env, napi_callback_info info) {
    e2b_err_t err;
    e2b_reader_t reader;
    napi_value argv[2];
    e2b_trust_t *trust = NULL;
    double handle = 0;
    e2b_err_init(&err);
    e2b_reader_init(&reader, env, &err);
    e2b_instance_t *instance = arguments(env, info, &reader, argv);
    if (!instance) return NULL;
    const char *pem = e2b_read_required(&reader, argv[0], "ca");
    if (pem) {
        int code = e2b_trust_create(pem, strlen(pem), &trust);
        if (code == E2B_OK) handle = e2b_handles_add(&instance->trusts, trust);
        if (handle == 0) {
            e2b_err_set(&err, code ? code : E2B_ERR_OUT_OF_MEMORY, "ca could not be kept");
            e2b_trust_release(trust);
        }
    }
    e2b_reader_destroy(&reader);
    return handle ? number(env, handle) : throw_refusal(instance, &err);
}

/* Loop thread. */
static const char *option(e2b_reader_t *reader, napi_value options, const char *name) {
    return e2b_read_string(reader, e2b_read_field(reader, options, name), name);
}

/* Loop thread. */
static void read_config(e2b_instance_t *instance, e2b_reader_t *reader, napi_value options,
                        e2b_config_options_t *out) {
    e2b_strings_t headers =
        e2b_read_strings(reader, e2b_read_field(reader, options, "headers"), "headers");
    napi_value trust = e2b_read_field(reader, options, "trust");
    double handle = e2b_read_number(reader, trust, "trust", 0);
    *out = (e2b_config_options_t){
        .api_key = option(reader, options, "apiKey"),
        .api_url = option(reader, options, "apiUrl"),
        .sandbox_url = option(reader, options, "sandboxUrl"),
        .domain = option(reader, options, "domain"),
        .proxy = option(reader, options, "proxy"),
        .no_proxy = option(reader, options, "noProxy"),
        .user_agent = option(reader, options, "userAgent"),
        .headers = headers.items,
        .header_count = headers.count,
        .trust = e2b_handles_get(&instance->trusts, handle),
    };
    if (trust && !out->trust && reader->err->code == E2B_OK) {
        e2b_err_set(reader->err, E2B_ERR_INVALID_ARGUMENT, "trust is no handle in use");
    }
}

/* Loop thread. config({ apiKey, ... }) -> handle */
static napi_value js_config(napi_env env, napi_callback_info info) {
    e2b_err_t err;
    e2b_reader_t reader;
    napi_value argv[2];
    e2b_config_options_t options;
    e2b_config_t *config = NULL;
    double handle = 0;
    e2b_err_init(&err);
    e2b_reader_init(&reader, env, &err);
    e2b_instance_t *instance = arguments(env, info, &reader, argv);
    if (!instance) return NULL;
    read_config(instance, &reader, argv[0], &options);
    if (err.code == E2B_OK && e2b_config_create(&options, &config, &err) == E2B_OK) {
        handle = e2b_handles_add(&instance->configs, config);
        if (handle == 0) {
            e2b_err_set(&err, E2B_ERR_CAPACITY, "too many configurations are in use");
            e2b_config_release(config);
        }
    }
    e2b_reader_destroy(&reader);
    return handle ? number(env, handle) : throw_refusal(instance, &err);
}

/* Loop thread. The number in the first argument; 0 for anything else. */
static double handle_argument(napi_env env, napi_callback_info info, e2b_instance_t **instance) {
    e2b_err_t err;
    e2b_reader_t reader;
    napi_value argv[2];
    e2b_err_init(&err);
    e2b_reader_init(&reader, env, &err);
    *instance = arguments(env, info, &reader, argv);
    double value = *instance ? e2b_read_number(&reader, argv[0], "number", 0) : 0;
    return value >= 1 && value <= 9007199254740991.0 ? value : 0;
}

/* Loop thread. dropConfig(handle); calls in flight keep theirs. */
static napi_value js_drop_config(napi_env env, napi_callback_info info) {
    e2b_instance_t *instance;
    double handle = handle_argument(env, info, &instance);
    if (instance) e2b_config_release(e2b_handles_remove(&instance->configs, handle));
    return NULL;
}

/* Loop thread. dropTrust(handle); configurations keep theirs. */
static napi_value js_drop_trust(napi_env env, napi_callback_info info) {
    e2b_instance_t *instance;
    double handle = handle_argument(env, info, &instance);
    if (instance) e2b_trust_release(e2b_handles_remove(&instance->trusts, handle));
    return NULL;
}

/* Loop thread. cancel(id); an unknown one may just have finished. */
static napi_value js_cancel(napi_env env, napi_callback_info info) {
    e2b_instance_t *instance;
    uint64_t id = (uint64_t)handle_argument(env, info, &instance);
    if (instance && instance->loop) e2b_loop_cancel(instance->loop, id);
    return NULL;
}

/* Loop thread. detach(id): ends the call, not the process that it started or watches. */
static napi_value js_detach(napi_env env, napi_callback_info info) {
    e2b_instance_t *instance;
    uint64_t id = (uint64_t)handle_argument(env, info, &instance);
    if (instance && instance->loop) e2b_loop_detach(instance->loop, id);
    return NULL;
}

/* Loop thread. ack(id): the readers have dealt with all output so far. */
static napi_value js_ack(napi_env env, napi_callback_info info) {
    e2b_instance_t *instance;
    uint64_t id = (uint64_t)handle_argument(env, info, &instance);
    if (instance && instance->loop) e2b_loop_ack(instance->loop, id);
    return NULL;
}

/* Loop thread. feed(id, bytes, end): more of an upload's body, copied. Answers how many bytes wait
 * to be sent; -1: there was no room for these. */
static napi_value js_feed(napi_env env, napi_callback_info info) {
    size_t argc = 3, waiting = 0;
    napi_value argv[3], answer = NULL;
    e2b_instance_t *instance;
    void *data = NULL;
    double id = 0;
    bool end = false;
    e2b_bytes_t bytes = {NULL, 0};
    if (napi_get_cb_info(env, info, &argc, argv, NULL, &data) != napi_ok || argc < 3 ||
        napi_get_value_double(env, argv[0], &id) != napi_ok ||
        napi_get_buffer_info(env, argv[1], (void **)&bytes.data, &bytes.len) != napi_ok ||
        napi_get_value_bool(env, argv[2], &end) != napi_ok) {
        napi_throw_type_error(env, NULL, "feed takes a number, a Buffer and a boolean");
        return NULL;
    }
    instance = data;
    int code =
        instance->loop ? e2b_loop_feed(instance->loop, (uint64_t)id, bytes, end, &waiting) : E2B_OK;
    napi_create_double(env, code == E2B_OK ? (double)waiting : -1, &answer);
    return answer;
}

/* Loop thread. abandon(): for process.on('exit'). */
static napi_value js_abandon(napi_env env, napi_callback_info info) {
    e2b_instance_t *instance;
    handle_argument(env, info, &instance);
    if (instance) e2b_instance_abandon(instance);
    return NULL;
}

/* Loop thread. active() -> calls in flight */
static napi_value js_active(napi_env env, napi_callback_info info) {
    e2b_instance_t *instance;
    handle_argument(env, info, &instance);
    return number(env, instance && instance->loop ? (double)e2b_loop_active(instance->loop) : 0);
}

/* Loop thread. stats() -> { steps, rescues, batches, engines } */
static napi_value js_stats(napi_env env, napi_callback_info info) {
    e2b_instance_t *instance;
    napi_value stats;
    handle_argument(env, info, &instance);
    if (!instance || napi_create_object(env, &stats) != napi_ok) return NULL;
    napi_set_named_property(env, stats, "steps", number(env, (double)instance->steps));
    napi_set_named_property(env, stats, "rescues", number(env, (double)instance->rescues));
    napi_set_named_property(env, stats, "batches", number(env, (double)instance->batches));
    napi_set_named_property(env, stats, "engines", number(env, instance->loops));
    return stats;
}

/* Loop thread. curlVersion; asked for rarely, and asking makes libcurl set itself up. */
static napi_value get_curl_version(napi_env env, napi_callback_info info) {
    napi_value text;
    (void)info;
    return napi_create_string_utf8(env, e2b_curl_version(), NAPI_AUTO_LENGTH, &text) == napi_ok
               ? text
               : NULL;
}

/* ---- exports ---- */

/* Loop thread. [[code, className], ...] */
static napi_value error_table(napi_env env) {
    static const char *const table[][2] = {
#define X(name, number, class_name, code) {code, class_name},
        E2B_ERR_MAP(X)
#undef X
    };
    napi_value list, pair, text;
    if (napi_create_array(env, &list) != napi_ok) return NULL;
    for (uint32_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (napi_create_array_with_length(env, 2, &pair) != napi_ok) return NULL;
        for (uint32_t j = 0; j < 2; j++) {
            if (napi_create_string_utf8(env, table[i][j], NAPI_AUTO_LENGTH, &text) != napi_ok ||
                napi_set_element(env, pair, j, text) != napi_ok) {
                return NULL;
            }
        }
        if (napi_set_element(env, list, i, pair) != napi_ok) return NULL;
    }
    return list;
}

#define FUNCTION(js_name, function)                                                                \
    { .utf8name = (js_name), .method = (function), .attributes = napi_enumerable, .data = instance }
#define VALUE(js_name, js_value)                                                                   \
    { .utf8name = (js_name), .value = (js_value), .attributes = napi_enumerable }

/* Loop thread. */
static bool define_exports(napi_env env, napi_value exports, e2b_instance_t *instance) {
    napi_value version, errors = error_table(env);
    if (!errors ||
        napi_create_string_utf8(env, E2B_SWARM_VERSION, NAPI_AUTO_LENGTH, &version) != napi_ok) {
        return false;
    }
    const napi_property_descriptor properties[] = {
        VALUE("version", version),
        {.utf8name = "curlVersion", .getter = get_curl_version, .attributes = napi_enumerable},
        VALUE("errors", errors),
        FUNCTION("init", js_init),
        FUNCTION("trust", js_trust),
        FUNCTION("dropTrust", js_drop_trust),
        FUNCTION("config", js_config),
        FUNCTION("dropConfig", js_drop_config),
        FUNCTION("cancel", js_cancel),
        FUNCTION("detach", js_detach),
        FUNCTION("ack", js_ack),
        FUNCTION("feed", js_feed),
        FUNCTION("abandon", js_abandon),
        FUNCTION("active", js_active),
        FUNCTION("stats", js_stats),
        FUNCTION("createE2bSandbox", e2b_js_create),
        FUNCTION("getE2bSandboxStatus", e2b_js_get),
        FUNCTION("terminateE2bSandbox", e2b_js_terminate),
        FUNCTION("listSandboxes", e2b_js_list),
        FUNCTION("setTimeout", e2b_js_set_timeout),
        FUNCTION("connectSandbox", e2b_js_connect),
        FUNCTION("executeE2bProcess", e2b_js_exec),
        FUNCTION("runE2bAgent", e2b_js_agent),
        FUNCTION("attachProcess", e2b_js_attach),
        FUNCTION("listProcesses", e2b_js_processes),
        FUNCTION("sendInput", e2b_js_input),
        FUNCTION("killProcess", e2b_js_kill),
        FUNCTION("writeFile", e2b_js_write_file),
        FUNCTION("readFile", e2b_js_read_file),
        FUNCTION("direct", e2b_js_direct),
        FUNCTION("signFile", e2b_js_sign_file),
        FUNCTION("downloadFile", e2b_js_download),
        FUNCTION("uploadFile", e2b_js_upload),
        FUNCTION("listFiles", e2b_js_list_files),
        FUNCTION("removeFile", e2b_js_remove_file),
    };
    return napi_define_properties(env, exports, sizeof properties / sizeof properties[0],
                                  properties) == napi_ok;
}

/* Loop thread, once per load. */
NAPI_MODULE_INIT() {
    e2b_instance_t *instance = e2b_instance_create(env, exports);
    if (!instance || !define_exports(env, exports, instance)) {
        napi_throw_error(env, NULL, "the addon could not be set up: no memory");
        return NULL;
    }
    return exports;
}
