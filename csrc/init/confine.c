/*
 * confine.c: the rest of the walls. Namespaces hide what is not the sandbox's; this refuses what
 * would reach past them: mounts, modules, keys, handles of files, and the corners of the kernel
 * that every container runtime closes. Must not keep pid 1 itself from its work: it drops nothing
 * of its own. Thread of pid 1, and its children before they execute.
 */
#ifdef __linux__

#include "confine.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* ---- capabilities ---- */

int confine_capabilities(void) {
    static const int kept[] = {CAP_CHOWN,  CAP_DAC_OVERRIDE,     CAP_FSETID,     CAP_FOWNER,
                               CAP_SETGID, CAP_SETUID,           CAP_SETFCAP,    CAP_SETPCAP,
                               CAP_KILL,   CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT, CAP_AUDIT_WRITE};
    uint64_t keep = 0;
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) keep |= 1ull << kept[i];
    for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; capability++)
        if ((keep >> capability & 1) == 0 && prctl(PR_CAPBSET_DROP, capability) < 0) return -errno;
    return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ? -errno : 0;
}

/* ---- system calls ---- */

#if defined(__x86_64__)
#define OWN_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OWN_ARCH AUDIT_ARCH_AARCH64
#else
#define OWN_ARCH 0
#endif

#define X32_CALLS 0x40000000u /* of x86-64 with short pointers: the same calls, other numbers */

static const unsigned int refused[] = {
    /* What is seen of the file system, or past it. */
    SYS_mount, SYS_umount2, SYS_pivot_root, SYS_open_tree, SYS_move_mount, SYS_fsopen, SYS_fsconfig,
    SYS_fsmount, SYS_fspick, SYS_mount_setattr, SYS_setns, SYS_open_by_handle_at, SYS_quotactl,
    SYS_fanotify_init, SYS_acct, SYS_swapon, SYS_swapoff,
    /* The machine. */
    SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load, SYS_kexec_file_load,
    SYS_reboot, SYS_syslog, SYS_vhangup,
    /* What is not in any namespace, and what many a hole of the kernel's was in. */
    SYS_add_key, SYS_request_key, SYS_keyctl, SYS_bpf, SYS_perf_event_open, SYS_userfaultfd,
    SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register, SYS_move_pages};

static void add(confine_t *confine, unsigned int code, unsigned int k, int yes, int no) {
    confine->code[confine->length++] =
        (struct sock_filter){(unsigned short)code, (unsigned char)yes, (unsigned char)no, k};
}

static void load(confine_t *confine, size_t member) {
    add(confine, BPF_LD | BPF_W | BPF_ABS, (unsigned int)member, 0, 0);
}

/* How many instructions follow for that call, left out for any other. */
static void if_call(confine_t *confine, unsigned int call, int others_skip) {
    add(confine, BPF_JMP | BPF_JEQ | BPF_K, call, 0, others_skip);
}

static void answer(confine_t *confine, unsigned int error) {
    add(confine, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error, 0, 0);
}

/* Who is root in a user namespace of his own has the run of much that is else for root alone. The
 * flags of clone3 lie in memory, out of sight: libc does without it. Ends with the flags loaded. */
static void refuse_user_namespaces(confine_t *confine) {
    if_call(confine, SYS_clone3, 1);
    answer(confine, ENOSYS);
    add(confine, BPF_JMP | BPF_JEQ | BPF_K, SYS_unshare, 1, 0);
    if_call(confine, SYS_clone, 3);
    load(confine, offsetof(struct seccomp_data, args[0]));
    add(confine, BPF_JMP | BPF_JSET | BPF_K, CLONE_NEWUSER, 0, 1);
    answer(confine, EPERM);
}

void confine_prepare(confine_t *confine, boot_rung_t rung) {
    confine->length = 0;
    bool known = OWN_ARCH != 0 && rung != RUNG_NONE;
    if (!known || (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) < 0 && errno != EFAULT)) return;
    /* 32-bit programs have other numbers, and so would have a way round: they get none of theirs.
     */
    load(confine, offsetof(struct seccomp_data, arch));
    add(confine, BPF_JMP | BPF_JEQ | BPF_K, OWN_ARCH, 1, 0);
    answer(confine, ENOSYS);
    load(confine, offsetof(struct seccomp_data, nr));
    add(confine, BPF_JMP | BPF_JGE | BPF_K, X32_CALLS, 0, 1);
    answer(confine, ENOSYS);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if_call(confine, refused[i], 1);
        answer(confine, EPERM);
    }
    /* On RUNG_USER that is how somebody is root there. */
    if (rung == RUNG_ROOT) refuse_user_namespaces(confine);
    add(confine, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
}

int confine_apply(const confine_t *confine) {
    if (confine->length == 0) return 0;
    /* The kernel only reads it. */
    struct sock_fprog program = {confine->length, (struct sock_filter *)(uintptr_t)confine->code};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? -errno : 0;
}

#endif
