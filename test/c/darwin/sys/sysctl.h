/*
 * The part of macOS's sys/sysctl.h that csrc/init uses: one process by its number. Only the fields
 * that it reads, so their places are not macOS's. Declares, defines nothing.
 */
#ifndef E2B_TEST_DARWIN_SYSCTL_H
#define E2B_TEST_DARWIN_SYSCTL_H

#include <stddef.h>
#include <sys/time.h>
#include <sys/types.h>

#define CTL_KERN 1
#define KERN_PROC 14
#define KERN_PROC_PID 1

struct kinfo_proc {
    struct {
        struct timeval p_starttime;
        char p_stat;
        pid_t p_pid;
    } kp_proc;
    struct {
        pid_t e_ppid;
    } kp_eproc;
};

int sysctl(int *name, unsigned name_len, void *old, size_t *old_len, void *new, size_t new_len);

#endif
