/*
 * pty.h: terminals for programs. Thread of pid 1.
 */
#ifndef E2B_INIT_PTY_H
#define E2B_INIT_PTY_H

#include "users.h"

/* A pair; the terminal is the user's. Both close on exec; the master does not block. 0 or -errno,
 * then neither is open. */
int pty_open(sandbox_t *sandbox, const user_t *user, uint32_t cols, uint32_t rows, int *master,
             int *terminal);
/* Tells the programs in front of it, too (SIGWINCH). */
void pty_resize(int master, uint32_t cols, uint32_t rows);

#endif
