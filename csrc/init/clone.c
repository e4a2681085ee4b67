/*
 * clone.c: processes by clone(), and by clone3(), called by number, where they are to be born in a
 * group: writing to cgroup.procs waits for a grace period of several milliseconds, to be born there
 * costs nothing. Nothing else uses clone3(): containers often refuse it. Empty where there is no
 * Linux. Any thread.
 */
#ifdef __linux__

#include "clone.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#if CLONE_CAN_JOIN

/* The child begins on a new stack, so there is no frame to return to: it has to leave from here. */
static long clone3_on_stack(const struct clone_args *args, clone_run_t *run, void *argument) {
    long result = SYS_clone3;
    __asm__ volatile(
        "syscall\n\t"
        "test %%rax, %%rax\n\t"
        "jnz 1f\n\t"
        "mov %[argument], %%rdi\n\t"
        "call *%[run]\n\t"
        "mov %%eax, %%edi\n\t"
        "mov %[leave], %%eax\n\t"
        "syscall\n\t"
        "1:"
        : "+a"(result)
        : "D"(args),
          "S"(sizeof *args), [run] "r"(run), [argument] "r"(argument), [leave] "i"(SYS_exit)
        : "rcx", "r11", "memory");
    return result;
}

static pid_t clone_in_group(int group, uint64_t flags, clone_run_t *run, void *stack,
                            size_t stack_size, void *argument) {
    struct clone_args args = {.flags = flags | CLONE_INTO_CGROUP,
                              .exit_signal = SIGCHLD,
                              .stack = (uintptr_t)stack,
                              .stack_size = stack_size,
                              .cgroup = (unsigned int)group};
    return (pid_t)clone3_on_stack(&args, run, argument);
}

#endif

pid_t clone_into(int group, uint64_t flags, clone_run_t *run, void *stack, size_t stack_size,
                 void *argument) {
#if CLONE_CAN_JOIN
    if (group >= 0) return clone_in_group(group, flags, run, stack, stack_size, argument);
#else
    (void)group;
#endif
    pid_t pid = clone(run, (char *)stack + stack_size, (int)flags | SIGCHLD, argument);
    return pid < 0 ? -errno : pid;
}

pid_t clone_fork(uint64_t flags, int *pidfd) {
    /* No stack: a copy of this one. The descriptor comes where else the parent would get a tid. */
    long pid = syscall(SYS_clone, flags | CLONE_PIDFD | SIGCHLD, NULL, pidfd, NULL, NULL);
    return pid < 0 ? -errno : (pid_t)pid;
}

int clone_watch_self(void) {
    int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    return fd < 0 ? -errno : fd;
}

#endif
