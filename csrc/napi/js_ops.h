/*
 * js_ops.h: the operations that JavaScript can call: one function each, all of the same shape. They
 * take their positional arguments, then one call object of what else they need, and return
 * undefined, or the error with which the call was refused. The call's id, config and timeout lie in
 * the head that init() was given. Loop thread only.
 */
#ifndef E2B_NAPI_JS_OPS_H
#define E2B_NAPI_JS_OPS_H

#include <node_api.h>

/* js_sandbox.c */
napi_value e2b_js_create(napi_env env, napi_callback_info info);
napi_value e2b_js_get(napi_env env, napi_callback_info info);
napi_value e2b_js_list(napi_env env, napi_callback_info info);
napi_value e2b_js_set_timeout(napi_env env, napi_callback_info info);
napi_value e2b_js_connect(napi_env env, napi_callback_info info);
napi_value e2b_js_terminate(napi_env env, napi_callback_info info);

/* js_process.c */
napi_value e2b_js_exec(napi_env env, napi_callback_info info);
napi_value e2b_js_agent(napi_env env, napi_callback_info info);
napi_value e2b_js_attach(napi_env env, napi_callback_info info);
napi_value e2b_js_processes(napi_env env, napi_callback_info info);
napi_value e2b_js_input(napi_env env, napi_callback_info info);
napi_value e2b_js_kill(napi_env env, napi_callback_info info);

/* js_files.c */
napi_value e2b_js_write_file(napi_env env, napi_callback_info info);
napi_value e2b_js_read_file(napi_env env, napi_callback_info info);
napi_value e2b_js_download(napi_env env, napi_callback_info info);
napi_value e2b_js_upload(napi_env env, napi_callback_info info);
napi_value e2b_js_list_files(napi_env env, napi_callback_info info);
napi_value e2b_js_remove_file(napi_env env, napi_callback_info info);
napi_value e2b_js_sign_file(napi_env env, napi_callback_info info);

/* js_direct.c */
napi_value e2b_js_direct(napi_env env, napi_callback_info info);

#endif
