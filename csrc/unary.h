/*
 * unary.h: operations on the daemon that are one exchange (or two in a row): credentials, request,
 * answer kept. Constructors on the loop thread, the rest on the pool thread.
 */
#ifndef E2B_UNARY_H
#define E2B_UNARY_H

#include "operation.h"

typedef struct unary_op {
    e2b_op_t op;
    const char *method, *content_type; /* static text */
    bool rpc;                          /* sends Connect-Protocol-Version */
    bool once;                         /* not safe to repeat */
    e2b_buf_t path;
    e2b_buf_t payload; /* the body, unless bytes are given */
    e2b_bytes_t bytes;
    e2b_header_lines_t lines;
    char *user;
    size_t max_answer;     /* 0: the usual */
    const char *then_path; /* a second request after the first; static text, NULL: none */
    e2b_buf_t then_payload;
} unary_op_t;

extern const e2b_op_class_t e2b_list_processes_class, e2b_input_class, e2b_signal_class;
extern const e2b_op_class_t e2b_write_file_class, e2b_read_file_class, e2b_list_files_class,
    e2b_remove_file_class;

/* Made with path; NULL with err filled. */
unary_op_t *e2b_unary_new(const e2b_op_class_t *class, const e2b_call_t *call,
                          const char *sandbox_id, const char *path, const char *user,
                          e2b_err_t *err);
/* The constructor's last line: *out, or everything freed and err filled for code. */
int e2b_unary_done(unary_op_t *self, int code, e2b_op_t **out, e2b_err_t *err);

#endif
