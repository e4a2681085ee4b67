/*
 * program.h: programs in a sandbox, as its backend starts and hears them. Test thread.
 */
#ifndef E2B_INIT_TEST_PROGRAM_H
#define E2B_INIT_TEST_PROGRAM_H

#include <sys/types.h>

#include "far.h"

#define PROGRAM_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

typedef struct order {
    const char *const *args; /* NULL-ended */
    const char *const *env;  /* NULL: PROGRAM_PATH */
    const char *cwd;         /* NULL: /home/user */
    const char *user;        /* NULL: the default one */
    uint32_t flags, cols, rows;
} order_t;

void program_spawn(far_t *far, uint32_t stream, const order_t *order);
/* A line for /bin/sh. */
void program_shell(far_t *far, uint32_t stream, uint32_t flags, const char *line);
/* The pid out of STARTED. */
pid_t program_started(far_t *far, uint32_t stream);
void program_signal(far_t *far, uint32_t stream, int number);

/* All that a stream tells until it is done, credited as it comes. */
typedef struct told {
    char text[4][4096]; /* by channel; the first bytes */
    size_t len[4];      /* all of them */
    bool ended[4], exited;
    uint32_t status, signal;
    int error; /* of FAILED */
} told_t;
void program_listen(far_t *far, uint32_t stream, told_t *told);
/* Until this stands in the text of a channel, or the stream is done. */
void program_listen_for(far_t *far, uint32_t stream, told_t *told, uint8_t channel,
                        const char *text);
/* A line from its start to its end, as stream 9999. */
void program_run(far_t *far, const char *line, told_t *told);

#endif
