/*
 * clone_darwin.c: clone.h on macOS, by fork(): no groups, no namespaces, and the memory is copied.
 * What vfork() promises is kept by a pipe that the child's exec closes. Empty elsewhere. Any
 * process of one thread.
 */
#ifdef __APPLE__

#include "clone.h"

#include "system.h"

#include <errno.h>
#include <signal.h>

pid_t clone_into(int group, uint64_t flags, clone_run_t *run, void *stack, size_t stack_size,
                 void *argument) {
    int gone[2];
    char nothing;
    (void)group, (void)flags, (void)stack, (void)stack_size;
    if (pipe2(gone, O_CLOEXEC) < 0) return -errno;
    pid_t pid = fork();
    if (pid == 0) _exit(run(argument));
    int error = errno;
    close(gone[1]);
    while (pid > 0 && read(gone[0], &nothing, 1) < 0 && errno == EINTR) continue;
    close(gone[0]);
    return pid < 0 ? -error : pid;
}

/* Its other end is open in this process alone, until it ends. */
int clone_watch_self(void) {
    int ends[2];
    return pipe2(ends, O_CLOEXEC) < 0 ? -errno : ends[0];
}

/* Who waits for a child here has its number; there is no descriptor of it. */
pid_t clone_fork(uint64_t flags, int *pidfd) {
    (void)flags;
    *pidfd = -1;
    pid_t pid = fork();
    return pid < 0 ? -errno : pid;
}

#endif
