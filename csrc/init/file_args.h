/*
 * file_args.h: what every request about files begins with, a user and a path, and what happens when
 * a frame is not what it should be. Thread of pid 1.
 */
#ifndef E2B_INIT_FILE_ARGS_H
#define E2B_INIT_FILE_ARGS_H

#include "users.h"

/* Zeroed before its first use; file_args_free() in every case. */
typedef struct file_args {
    char *user_name, *path;
    char *to;    /* MOVE, COMPOSE */
    char **list; /* WRITE, COMPOSE */
    size_t count;
    user_t user; /* valid until the next users_find() */
} file_args_t;

/* After all was read: false when the frame is broken (which ends the sandbox), memory is short, or
 * there is no such user (ESRCH); that was answered. `what`: "STAT". */
bool file_args_check(sandbox_t *sandbox, const wire_frame_t *frame, const wire_reader_t *reader,
                     const char *what, file_args_t *args);
void file_args_free(file_args_t *args);

#endif
