/*
 * spawn.h: the programs of a sandbox: started on request, waited for, told of. Reaps every process
 * of the sandbox, also those that others have left. Thread of pid 1.
 */
#ifndef E2B_INIT_SPAWN_H
#define E2B_INIT_SPAWN_H

#include "stream.h"

/* Begins to wait for children; SIGCHLD must be blocked. 0 or -errno; spawns_close() either way. */
int spawns_open(sandbox_t *sandbox);
/* Forgets all; after the streams are closed. Kills nothing. */
void spawns_close(sandbox_t *sandbox);

#endif
