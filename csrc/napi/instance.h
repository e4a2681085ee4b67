/*
 * instance.h: what one load of the addon into one environment owns: the exports object with the
 * two JavaScript hooks, configurations and trust stores by handle, and the engine while there is
 * one. Loop thread only. Nothing here is shared between environments or loads.
 */
#ifndef E2B_NAPI_INSTANCE_H
#define E2B_NAPI_INSTANCE_H

#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "e2b.h"

typedef struct e2b_loop e2b_loop_t;

/* Numbers for JavaScript to hold instead of pointers. A dropped number is never valid again. */
typedef struct e2b_handles {
    struct e2b_handle {
        void *item; /* NULL: free */
        uint32_t generation;
    } * slots;
    size_t count;
} e2b_handles_t;

typedef struct e2b_instance {
    napi_env env;
    uv_loop_t *uv;
    napi_ref exports; /* weak while no call is in flight, so that a dropped module can go */
    bool held;        /* exports is strong now */
    bool initialized; /* init() has given the hooks */
    double *head;     /* id, config and timeout of the call that is begun next: memory of an array
                       * that hangs on the hooks; NULL before init() */
    bool closed;      /* abandon() was called or the environment ends: calls are refused */
    bool ending;      /* the environment ends: freed when the last loop has closed */
    napi_async_context context;
    napi_async_cleanup_hook_handle cleanup;
    e2b_loop_t *loop; /* the engine in use; NULL: none yet, or given back after a long idle time */
    unsigned loops;   /* not yet closed, the one in use included */
    e2b_handles_t configs;
    e2b_handles_t trusts;
    uint64_t steps, rescues;
    uint64_t batches;
} e2b_instance_t;

/* Makes the instance of this load and puts it in charge of its own end. NULL: refused. */
e2b_instance_t *e2b_instance_create(napi_env env, napi_value exports);
e2b_instance_t *e2b_instance_get(napi_env env);

/* The engine, made when there is none. NULL with err when closed or out of memory. Borrowed. */
e2b_loop_t *e2b_instance_loop(e2b_instance_t *instance, e2b_err_t *err);
/* Ends every call without settling it; later ones are refused. */
void e2b_instance_abandon(e2b_instance_t *instance);
/* JavaScript does not run any more, and will not again. */
bool e2b_instance_is_ending(const e2b_instance_t *instance);
/* A loop that was closed is gone now. */
void e2b_instance_loop_closed(e2b_instance_t *instance);

/* Keeps the JavaScript side alive while calls are in flight. */
void e2b_instance_hold(e2b_instance_t *instance, bool hold);
/* The function that init() was given under this name; false: not there, or tearing down. */
bool e2b_instance_hook(e2b_instance_t *instance, const char *name, napi_value *out);
bool e2b_instance_set_hooks(e2b_instance_t *instance, napi_value hooks);

/* 0: out of memory, or 65,535 of them are in use. */
double e2b_handles_add(e2b_handles_t *handles, void *item);
void *e2b_handles_get(const e2b_handles_t *handles, double handle);
void *e2b_handles_remove(e2b_handles_t *handles, double handle);

#endif
