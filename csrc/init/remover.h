/*
 * remover.h: what dead sandboxes have left, removed on request beside the launcher's other work.
 * The backend writes names, a line each; for each it is told when it is gone. Launcher.
 */
#ifndef E2B_INIT_REMOVER_H
#define E2B_INIT_REMOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define REMOVER_CHILDREN 4  /* it is the disk that they wait for */
#define REMOVER_BYTES 32768 /* of names; more wait in the pipe */

/* Zeroed memory is one with nothing to do. */
typedef struct remover {
    const char *place;            /* borrowed: the directory of the names, from our own */
    pid_t pids[REMOVER_CHILDREN]; /* of those that are at it; 0: none */
    size_t len;                   /* of what nobody was given yet */
    char names[REMOVER_BYTES];
} remover_t;

/* Takes what can be read now, and begins. False: the end of the file. */
bool remover_read(remover_t *remover, int fd);
/* Whether there is room for more. */
bool remover_has_room(const remover_t *remover);
/* Whether it is one of its children. */
bool remover_has(const remover_t *remover, pid_t pid);
/* A child of it was reaped: goes on. */
void remover_reaped(remover_t *remover, pid_t pid);
/* Ends its children; what was not removed stays. */
void remover_stop(remover_t *remover);

#endif
