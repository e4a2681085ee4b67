/*
 * files.h: what others need of files.c: the checks and the query of a path (transfer.c), and an
 * upload as one step of another operation (process.c). Any thread.
 */
#ifndef E2B_FILES_H
#define E2B_FILES_H

#include "operation.h"

int e2b_files_check(const char *path, const char *user, e2b_err_t *err);
int e2b_files_check_write(const e2b_write_args_t *args, e2b_err_t *err);
const char *e2b_files_type(const e2b_write_args_t *args); /* static; NULL: the headers say it */
int e2b_files_query(e2b_buf_t *out, const char *path, const char *user);

/* Completes op's prepared exchange into the upload of one file; the bytes are kept until done. */
int e2b_files_upload(e2b_op_t *op, const char *path, const char *user, e2b_bytes_t bytes);

#endif
