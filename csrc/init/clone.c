/*
 * clone.c: clone3, which libc does not offer, called by number. Writing to cgroup.procs waits for a
 * grace period of several milliseconds; to be born in a group costs nothing. Any thread.
 */
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

pid_t clone_into(int group, uint64_t flags, clone_run_t *run, void *stack, size_t stack_size,
                 void *argument) {
    struct clone_args args = {.flags = flags | (group >= 0 ? CLONE_INTO_CGROUP : 0),
                              .exit_signal = SIGCHLD,
                              .stack = (uintptr_t)stack,
                              .stack_size = stack_size,
                              .cgroup = group >= 0 ? (unsigned int)group : 0};
    return (pid_t)clone3_on_stack(&args, run, argument);
}

#else

pid_t clone_into(int group, uint64_t flags, clone_run_t *run, void *stack, size_t stack_size,
                 void *argument) {
    (void)group;
    pid_t pid = clone(run, (char *)stack + stack_size, (int)flags | SIGCHLD, argument);
    return pid < 0 ? -errno : pid;
}

#endif

pid_t clone_fork(uint64_t flags, int *pidfd) {
    struct clone_args args = {
        .flags = flags | CLONE_PIDFD, .exit_signal = SIGCHLD, .pidfd = (uintptr_t)pidfd};
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    return pid < 0 ? -errno : pid;
}
