/*
 * files.c: the daemon's files: write, read, list, remove, and the upload that agents need.
 * Constructors on the loop thread; unary.c carries them out on the pool thread.
 */
#include "files.h"

#include <string.h>

#include "json.h"
#include "unary.h"
#include "url.h"

#define MAX_DEPTH 1000

static int check_path(const char *path, e2b_err_t *err) {
    if (path && *path) return E2B_OK;
    return e2b_err_set(err, E2B_ERR_INVALID_ARGUMENT, "path must be a string that is not empty");
}

int e2b_files_check(const char *path, const char *user, e2b_err_t *err) {
    return check_path(path, err) == E2B_OK ? e2b_op_check_user(user, err) : err->code;
}

int e2b_files_check_write(const e2b_write_args_t *args, e2b_err_t *err) {
    if (args->form && !args->path) return e2b_op_check_user(args->user, err);
    return e2b_files_check(args->path, args->user, err);
}

const char *e2b_files_type(const e2b_write_args_t *args) {
    return args->form ? NULL : "application/octet-stream";
}

int e2b_files_query(e2b_buf_t *out, const char *path, const char *user) {
    bool first = true;
    int code = e2b_url_query(out, "path", path, &first);
    return code == E2B_OK ? e2b_url_query(out, "username", user, &first) : code;
}

int e2b_files_upload(e2b_op_t *op, const char *path, const char *user, e2b_bytes_t bytes) {
    int code = e2b_op_daemon(op, &op->http, "/files", "application/octet-stream", NULL);
    if (code == E2B_OK) code = e2b_files_query(&op->http.url, path, user);
    op->http.body = bytes.len > 0 ? bytes.data : NULL;
    op->http.body_len = bytes.len;
    return code;
}

int e2b_op_write_file(const e2b_call_t *call, const char *sandbox_id, const e2b_write_args_t *args,
                      e2b_bytes_t data, e2b_op_t **out, e2b_err_t *err) {
    *out = NULL;
    if (e2b_files_check_write(args, err) != E2B_OK) return err->code;
    unary_op_t *self = e2b_unary_new(&e2b_write_file_class, call, sandbox_id, "/files", NULL, err);
    if (!self) return err->code;
    self->rpc = false;
    self->content_type = e2b_files_type(args);
    self->bytes = data;
    if (e2b_header_lines_init(&self->lines, args->headers, err) != E2B_OK) {
        e2b_op_free(&self->op);
        return err->code;
    }
    return e2b_unary_done(self, e2b_files_query(&self->path, args->path, args->user), out, err);
}

int e2b_op_read_file(const e2b_call_t *call, const char *sandbox_id, const char *path,
                     const char *user, size_t max_bytes, e2b_op_t **out, e2b_err_t *err) {
    *out = NULL;
    if (e2b_files_check(path, user, err) != E2B_OK) return err->code;
    unary_op_t *self = e2b_unary_new(&e2b_read_file_class, call, sandbox_id, "/files", NULL, err);
    if (!self) return err->code;
    self->rpc = false;
    self->method = "GET";
    self->content_type = NULL;
    self->max_answer = max_bytes ? max_bytes : E2B_MAX_FILE_BODY;
    return e2b_unary_done(self, e2b_files_query(&self->path, path, user), out, err);
}

static int path_message(e2b_buf_t *out, const char *path, int depth) {
    cJSON *tree = cJSON_CreateObject();
    bool fine = cJSON_AddStringToObject(tree, "path", path) &&
                (depth == 0 || cJSON_AddNumberToObject(tree, "depth", depth));
    int code = fine ? e2b_json_print(out, tree) : E2B_ERR_OUT_OF_MEMORY;
    cJSON_Delete(tree);
    return code;
}

int e2b_op_list_files(const e2b_call_t *call, const char *sandbox_id, const char *path,
                      const char *user, int depth, e2b_op_t **out, e2b_err_t *err) {
    *out = NULL;
    if (check_path(path, err) != E2B_OK) return err->code;
    if (depth < 1 || depth > MAX_DEPTH) {
        return e2b_err_set(err, E2B_ERR_INVALID_ARGUMENT, "depth must be from 1 to %d", MAX_DEPTH);
    }
    unary_op_t *self = e2b_unary_new(&e2b_list_files_class, call, sandbox_id,
                                     "/filesystem.Filesystem/ListDir", user, err);
    if (!self) return err->code;
    return e2b_unary_done(self, path_message(&self->payload, path, depth), out, err);
}

int e2b_op_remove_file(const e2b_call_t *call, const char *sandbox_id, const char *path,
                       const char *user, e2b_op_t **out, e2b_err_t *err) {
    *out = NULL;
    if (check_path(path, err) != E2B_OK) return err->code;
    unary_op_t *self = e2b_unary_new(&e2b_remove_file_class, call, sandbox_id,
                                     "/filesystem.Filesystem/Remove", user, err);
    if (!self) return err->code;
    return e2b_unary_done(self, path_message(&self->payload, path, 0), out, err);
}
