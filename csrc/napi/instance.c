/*
 * instance.c: per-load data of the addon and its end. Loop thread only. Each load, also a second
 * one into the same environment (jest gives every test file its own), has an instance of its own;
 * no instance knows another. It must not touch libcurl or call into JavaScript during the end.
 */
#include "instance.h"

#include <string.h>

#include "alloc.h"
#include "loop.h"

#define MAX_HANDLES 65535u

/* ---- handles ---- */

/* Loop thread. Index in the low 16 bits, generation above: exact in a double. */
static struct e2b_handle *find_handle(const e2b_handles_t *handles, double handle) {
    if (!(handle >= 1 && handle <= 9007199254740991.0)) return NULL;
    uint64_t number = (uint64_t)handle;
    size_t index = (size_t)(number & 0xffff);
    if (index == 0 || index > handles->count) return NULL;
    struct e2b_handle *slot = &handles->slots[index - 1];
    return slot->item && slot->generation == number >> 16 ? slot : NULL;
}

/* Loop thread. */
double e2b_handles_add(e2b_handles_t *handles, void *item) {
    size_t index = 0;
    while (index < handles->count && handles->slots[index].item) index++;
    if (index == handles->count) {
        if (index >= MAX_HANDLES) return 0;
        struct e2b_handle *slots = e2b_realloc(handles->slots, (index + 1) * sizeof *slots);
        if (!slots) return 0;
        handles->slots = slots;
        slots[index] = (struct e2b_handle){.generation = 0};
        handles->count++;
    }
    struct e2b_handle *slot = &handles->slots[index];
    slot->item = item;
    return (double)((uint64_t)slot->generation << 16 | (index + 1));
}

/* Loop thread. */
void *e2b_handles_get(const e2b_handles_t *handles, double handle) {
    struct e2b_handle *slot = find_handle(handles, handle);
    return slot ? slot->item : NULL;
}

/* Loop thread. */
void *e2b_handles_remove(e2b_handles_t *handles, double handle) {
    struct e2b_handle *slot = find_handle(handles, handle);
    if (!slot) return NULL;
    void *item = slot->item;
    slot->item = NULL;
    slot->generation++;
    return item;
}

/* ---- the JavaScript side ---- */

/* Loop thread. */
void e2b_instance_hold(e2b_instance_t *instance, bool hold) {
    if (instance->held == hold || !instance->exports) return;
    uint32_t count;
    napi_status status = hold ? napi_reference_ref(instance->env, instance->exports, &count)
                              : napi_reference_unref(instance->env, instance->exports, &count);
    if (status == napi_ok) instance->held = hold;
}

/* Loop thread. The hooks hang on the exports object, so that the two live and die together. */
bool e2b_instance_set_hooks(e2b_instance_t *instance, napi_value hooks) {
    napi_value exports;
    napi_property_descriptor property = {
        .utf8name = "hooks", .value = hooks, .attributes = napi_default};
    instance->initialized =
        napi_get_reference_value(instance->env, instance->exports, &exports) == napi_ok &&
        exports && napi_define_properties(instance->env, exports, 1, &property) == napi_ok;
    return instance->initialized;
}

/* Loop thread. */
bool e2b_instance_hook(e2b_instance_t *instance, const char *name, napi_value *out) {
    napi_env env = instance->env;
    napi_value exports, hooks;
    napi_valuetype type;
    return instance->initialized && !instance->ending &&
           napi_get_reference_value(env, instance->exports, &exports) == napi_ok && exports &&
           napi_get_named_property(env, exports, "hooks", &hooks) == napi_ok &&
           napi_get_named_property(env, hooks, name, out) == napi_ok &&
           napi_typeof(env, *out, &type) == napi_ok && type == napi_function;
}

/* ---- life ---- */

/* Loop thread. No JavaScript may run any more: only what needs none is called. */
static void free_instance(e2b_instance_t *instance) {
    napi_async_cleanup_hook_handle cleanup = instance->cleanup;
    for (size_t i = 0; i < instance->configs.count; i++) {
        e2b_config_release(instance->configs.slots[i].item);
    }
    for (size_t i = 0; i < instance->trusts.count; i++) {
        e2b_trust_release(instance->trusts.slots[i].item);
    }
    e2b_free(instance->configs.slots);
    e2b_free(instance->trusts.slots);
    if (instance->exports) napi_delete_reference(instance->env, instance->exports);
    if (instance->context) napi_async_destroy(instance->env, instance->context);
    e2b_free(instance);
    if (cleanup) napi_remove_async_cleanup_hook(cleanup);
}

/* Loop thread. The engine goes, at once or as soon as its work item has returned. */
static void close_loop(e2b_instance_t *instance) {
    e2b_loop_t *loop = instance->loop;
    instance->loop = NULL;
    if (loop) e2b_loop_close(loop);
}

/* Loop thread. */
void e2b_instance_loop_closed(e2b_instance_t *instance) {
    if (--instance->loops == 0 && instance->ending) free_instance(instance);
}

/* Loop thread, when the environment ends (not on process.exit of the main thread). Registered once
 * per instance: node aborts when the same pair of function and data is registered twice. */
static void on_environment_end(napi_async_cleanup_hook_handle handle, void *data) {
    e2b_instance_t *instance = data;
    instance->cleanup = handle;
    instance->closed = true;
    instance->ending = true;
    close_loop(instance);
    if (instance->loops == 0) free_instance(instance);
}

/* Loop thread, after the exports object was collected: its module is gone and nothing was in
 * flight, so the descriptors are given back. The rest follows with the environment. */
static void on_exports_gone(napi_env env, void *data, void *hint) {
    e2b_instance_t *instance = data;
    (void)env;
    (void)hint;
    if (instance->ending) return;
    instance->closed = true;
    close_loop(instance);
}

/* Loop thread. */
e2b_instance_t *e2b_instance_create(napi_env env, napi_value exports) {
    e2b_instance_t *instance = e2b_calloc(1, sizeof *instance);
    if (!instance) return NULL;
    instance->env = env;
    napi_value name;
    /* The reference is ours, so that the finalizer cannot outlive the instance. */
    if (napi_get_uv_event_loop(env, &instance->uv) != napi_ok ||
        napi_create_string_utf8(env, "e2b-swarm", NAPI_AUTO_LENGTH, &name) != napi_ok ||
        napi_async_init(env, NULL, name, &instance->context) != napi_ok ||
        napi_add_finalizer(env, exports, instance, on_exports_gone, NULL, &instance->exports) !=
            napi_ok ||
        napi_set_instance_data(env, instance, NULL, NULL) != napi_ok ||
        napi_add_async_cleanup_hook(env, on_environment_end, instance, &instance->cleanup) !=
            napi_ok) {
        napi_set_instance_data(env, NULL, NULL, NULL);
        free_instance(instance);
        return NULL;
    }
    return instance;
}

/* Loop thread. */
e2b_instance_t *e2b_instance_get(napi_env env) {
    void *data = NULL;
    return napi_get_instance_data(env, &data) == napi_ok ? data : NULL;
}

/* Loop thread. */
e2b_loop_t *e2b_instance_loop(e2b_instance_t *instance, e2b_err_t *err) {
    if (instance->closed) {
        e2b_err_set(err, E2B_ERR_CLOSED, "the process is ending: no calls are made any more");
        return NULL;
    }
    if (!instance->loop) {
        instance->loop = e2b_loop_create(instance);
        if (instance->loop) {
            instance->loops++;
        } else {
            e2b_err_set(err, E2B_ERR_OUT_OF_MEMORY,
                        "the engine could not be started: no memory or no descriptors are left");
        }
    }
    return instance->loop;
}

/* Loop thread. The cheapest call that Node-API refuses once JavaScript cannot run. */
bool e2b_instance_is_ending(const e2b_instance_t *instance) {
    napi_handle_scope scope;
    napi_value undefined;
    bool equal;
    if (instance->ending || napi_open_handle_scope(instance->env, &scope) != napi_ok) return true;
    bool runs = napi_get_undefined(instance->env, &undefined) == napi_ok &&
                napi_strict_equals(instance->env, undefined, undefined, &equal) == napi_ok;
    napi_close_handle_scope(instance->env, scope);
    return !runs;
}

/* Loop thread. */
void e2b_instance_abandon(e2b_instance_t *instance) {
    instance->closed = true;
    close_loop(instance);
    e2b_instance_hold(instance, false);
}
