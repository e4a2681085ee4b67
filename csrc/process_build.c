/*
 * process_build.c: the constructors of process calls: arguments checked and copied, the request's
 * JSON made. Loop thread. Nothing is sent from here; process.c carries the calls out.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "json.h"
#include "process.h"

#define MAX_MESSAGE (16u * 1024 * 1024)

static process_op_t *new_process(const e2b_op_class_t *class, const e2b_call_t *call,
                                 const char *sandbox_id, bool keep, bool stream, size_t max_output,
                                 e2b_err_t *err) {
    if (e2b_op_check_id(sandbox_id, err) != E2B_OK) return NULL;
    process_op_t *self =
        (process_op_t *)e2b_op_new(sizeof(process_op_t), class, call, sandbox_id, err);
    if (!self) return NULL;
    self->keep = keep;
    self->stream = stream;
    e2b_rpc_decoder_init(&self->decoder, E2B_MAX_FRAME);
    e2b_buf_init(&self->scratch, E2B_MAX_FRAME);
    e2b_buf_init_secret(&self->input_body, 2 * E2B_INPUT_CHUNK);
    for (int i = 0; i < 2 && max_output > 0; i++) {
        e2b_tail_destroy(&self->op.tail[i]);
        e2b_tail_init(&self->op.tail[i], max_output);
    }
    return self;
}

/* The text of tree, which is freed. */
static int print_message(cJSON *tree, bool fine, char **out) {
    e2b_buf_t text;
    e2b_buf_init_secret(&text, MAX_MESSAGE);
    int code = fine ? e2b_json_print(&text, tree) : E2B_ERR_OUT_OF_MEMORY;
    if (code == E2B_OK && !(*out = e2b_buf_take(&text, NULL))) code = E2B_ERR_OUT_OF_MEMORY;
    e2b_buf_destroy(&text);
    e2b_json_wipe_delete(tree);
    return code;
}

static bool add_args(cJSON *process, const e2b_exec_args_t *args) {
    const char *line[] = {"-l", "-c", args->command};
    e2b_strings_t list = args->shell ? (e2b_strings_t){line, 3} : args->args;
    const char *command = args->shell ? "/bin/bash" : args->command;
    if (!cJSON_AddStringToObject(process, "cmd", command)) return false;
    cJSON *array = list.count > 0 ? cJSON_AddArrayToObject(process, "args") : NULL;
    if (list.count > 0 && !array) return false;
    for (size_t i = 0; i < list.count; i++) {
        cJSON *item = cJSON_CreateString(list.items[i]);
        if (!item || !cJSON_AddItemToArray(array, item)) {
            cJSON_Delete(item);
            return false;
        }
    }
    return true;
}

static bool add_terminal(cJSON *tree, const e2b_exec_args_t *args) {
    cJSON *size = cJSON_AddObjectToObject(cJSON_AddObjectToObject(tree, "pty"), "size");
    return size && cJSON_AddNumberToObject(size, "cols", args->pty_cols) &&
           cJSON_AddNumberToObject(size, "rows", args->pty_rows);
}

static int start_message(const e2b_exec_args_t *args, char **out) {
    cJSON *tree = cJSON_CreateObject();
    cJSON *process = cJSON_AddObjectToObject(tree, "process");
    bool fine = process && add_args(process, args);
    cJSON *envs = fine && args->env.count > 0 ? cJSON_AddObjectToObject(process, "envs") : NULL;
    for (size_t i = 0; fine && envs && i + 1 < args->env.count; i += 2) {
        fine = cJSON_AddStringToObject(envs, args->env.items[i], args->env.items[i + 1]) != NULL;
    }
    if (fine && args->cwd) fine = cJSON_AddStringToObject(process, "cwd", args->cwd) != NULL;
    fine =
        fine && (args->env.count == 0 || envs) &&
        (args->pty_cols > 0
             ? add_terminal(tree, args)
             : cJSON_AddBoolToObject(tree, "stdin", args->has_stdin || args->stdin_open) != NULL);
    return print_message(tree, fine, out);
}

static bool copy_uploads(process_op_t *self, const e2b_exec_args_t *args) {
    if (args->upload_count == 0) return true;
    self->uploads = e2b_calloc(args->upload_count, sizeof *self->uploads);
    if (!self->uploads) return false;
    for (size_t i = 0; i < args->upload_count; i++) {
        self->uploads[i].bytes = args->uploads[i].bytes;
        self->uploads[i].path = e2b_strdup(args->uploads[i].path);
        self->upload_count++;
        if (!self->uploads[i].path) return false;
    }
    return true;
}

int e2b_op_exec(const e2b_call_t *call, const char *sandbox_id, const e2b_exec_args_t *args,
                e2b_op_t **out, e2b_err_t *err) {
    *out = NULL;
    if (!args->command || !*args->command) {
        return e2b_err_set(err, E2B_ERR_INVALID_ARGUMENT,
                           "command must be a string that is not empty");
    }
    if (e2b_op_check_timeout("timeout", args->timeout_s, err) != E2B_OK) return err->code;
    if (e2b_op_check_user(args->user, err) != E2B_OK) return err->code;
    process_op_t *self = new_process(&e2b_exec_class, call, sandbox_id, args->keep, args->stream,
                                     args->max_output, err);
    if (!self) return err->code;
    self->limit_ms = (int64_t)ceil(args->timeout_s * 1000);
    self->has_stdin = args->has_stdin;
    self->stdin_data = args->stdin_data;
    self->user = e2b_strdup(args->user);
    int code = start_message(args, &self->message);
    if ((args->user && !self->user) || !copy_uploads(self, args)) code = E2B_ERR_OUT_OF_MEMORY;
    if (code != E2B_OK) {
        e2b_op_free(&self->op);
        return e2b_op_refuse(code, "command, args and env", err);
    }
    *out = &self->op;
    return E2B_OK;
}

int e2b_op_attach(const e2b_call_t *call, const char *sandbox_id, uint32_t pid, double timeout_s,
                  bool keep, bool stream, size_t max_output, e2b_op_t **out, e2b_err_t *err) {
    *out = NULL;
    if (pid == 0) return e2b_err_set(err, E2B_ERR_INVALID_ARGUMENT, "pid must be at least 1");
    if (timeout_s != 0 && e2b_op_check_timeout("timeout", timeout_s, err) != E2B_OK) {
        return err->code;
    }
    process_op_t *self =
        new_process(&e2b_attach_class, call, sandbox_id, keep, stream, max_output, err);
    if (!self) return err->code;
    char text[64];
    snprintf(text, sizeof text, "{\"process\":{\"pid\":%u}}", (unsigned)pid);
    self->attach = true;
    self->limit_ms = (int64_t)ceil(timeout_s * 1000);
    if (!(self->message = e2b_strdup(text))) {
        e2b_op_free(&self->op);
        return e2b_err_set(err, E2B_ERR_OUT_OF_MEMORY, "out of memory");
    }
    *out = &self->op;
    return E2B_OK;
}

void e2b_process_own(e2b_op_t *op, char *first, char *second) {
    ((process_op_t *)op)->owned[0] = first;
    ((process_op_t *)op)->owned[1] = second;
}
