/*
 * clone.h: a process that is born in its cgroup. Knows nothing else of sandboxes.
 */
#ifndef E2B_INIT_CLONE_H
#define E2B_INIT_CLONE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Whether clone_into() can put a process into a group; else the process has to go there itself. */
#ifdef __x86_64__
#define CLONE_CAN_JOIN 1
#else
#define CLONE_CAN_JOIN 0
#endif

typedef int clone_run_t(void *argument);

/* As libc's clone(): the child calls run(argument) on that stack and ends with what it returns;
 * `flags` are clone3's and have no signal in them: it is SIGCHLD. `group`: the descriptor of a
 * cgroup of version 2, or -1. The pid or -errno. */
pid_t clone_into(int group, uint64_t flags, clone_run_t *run, void *stack, size_t stack_size,
                 void *argument);

/* A descriptor of this process, for its children: it can be read once the process has ended. Or
 * -errno. */
int clone_watch_self(void);

/* As fork(), with clone3's flags; `pidfd` gets a descriptor of the child. The pid, 0 or -errno. */
pid_t clone_fork(uint64_t flags, int *pidfd);

#endif
