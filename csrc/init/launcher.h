/*
 * launcher.h: the one process per backend that stands outside of the sandboxes: makes the pid 1 of
 * each, reaps it, and clears everything away when the backend is gone, however it went.
 */
#ifndef E2B_INIT_LAUNCHER_H
#define E2B_INIT_LAUNCHER_H

#include "boot.h"

/*
 * The whole role, in a session of its own. fd 0: a pipe that the backend holds; its end of file is
 * the backend's death, after which every sandbox is ended and `directory`/run, the socket and the
 * cgroups are gone. fd 1: one line, "ready" or "failed TEXT". fd 2: the log. `directory`: the
 * backend's own, mode 0700. Listens at `directory`/launch.sock; a connection is a sandbox. Given:
 * the exit status, also in the children, each of which has been a sandbox's pid 1 by then.
 */
int launcher_run(boot_rung_t rung, const char *directory);

#endif
