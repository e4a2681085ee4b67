/*
 * file_args.c: checks and frees what a request about files has brought. Must not touch a file.
 * Thread of pid 1.
 */
#include "file_args.h"

#include <errno.h>
#include <stdlib.h>

bool file_args_check(sandbox_t *sandbox, const wire_frame_t *frame, const wire_reader_t *reader,
                     const char *what, file_args_t *args) {
    int code = wire_read_result(reader);
    if (code == -EBADMSG) {
        sandbox_end(sandbox, "the backend broke the rules: a %s that is none", what);
        return false;
    }
    if (code < 0) {
        answer_failed(sandbox, frame->stream, -code, "%s", what);
        return false;
    }
    code = users_find(sandbox, args->user_name, &args->user);
    if (code < 0) answer_failed(sandbox, frame->stream, -code, "user %s", args->user_name);
    return code == 0;
}

void file_args_free(file_args_t *args) {
    free(args->user_name);
    free(args->path);
    free(args->to);
    free(args->list);
}
