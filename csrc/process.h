/*
 * process.h: the struct behind e2b_op_exec and e2b_op_attach, shared by process_build.c (its
 * constructors, loop thread), process.c (the state machine), process_kill.c (both on the pool
 * thread) and process_stream.c (what comes out of the stream, inside curl).
 */
#ifndef E2B_PROCESS_H
#define E2B_PROCESS_H

#include "operation.h"
#include "rpc.h"

#define E2B_INPUT_CHUNK (512u * 1024) /* of stdin in one request */

typedef struct process_op {
    e2b_op_t op;
    bool attach;       /* Connect instead of Start: its end is the view's, not the process's */
    bool killer;       /* is itself the end of another process: never starts one */
    bool keep, stream; /* where output goes; neither: it is only counted */
    bool has_stdin, stdin_open;
    e2b_bytes_t stdin_data;
    size_t stdin_sent;
    bool stdin_closed;
    int64_t limit_ms; /* 0: none */
    char *user;       /* NULL: the daemon's default */
    char *message;    /* the request's JSON, without its envelope */
    e2b_upload_t *uploads;
    size_t upload_count, upload_next;
    char *owned[2]; /* texts that uploads refer to */

    e2b_rpc_decoder_t decoder;
    e2b_buf_t scratch; /* one event's decoded bytes */
    e2b_http_t
        *input; /* SendInput and CloseStdin beside the stream, the probe after it; else NULL */
    e2b_buf_t input_body;
    bool input_busy;
    bool over;        /* the stream has ended: nothing is written any more */
    bool ended;       /* the end event was seen */
    bool closed_well; /* and the end envelope without an error */
    bool killing;     /* the deadline has passed */
    int64_t began_at_ms, heard_at_ms;
    e2b_err_t *stream_err; /* of the end envelope, or of a stream that broke; else NULL */
} process_op_t;

extern const e2b_op_class_t e2b_exec_class, e2b_attach_class, e2b_killer_class;

/* Ends the process that self has started, with all its descendants; silent when there is none. */
void e2b_process_kill(process_op_t *self);

/* Copies err to stream_err. False: out of memory. */
bool e2b_process_keep_error(process_op_t *self, const e2b_err_t *err);

/* The stream's data callback. */
int e2b_process_data(e2b_http_t *http, const char *data, size_t len);

/* Taken: two texts that live as long as the op. Loop thread, before submission. */
void e2b_process_own(e2b_op_t *op, char *first, char *second);

#endif
