/*
 * escapes.c: see escapes.h. Each way is a child of its own, so that none spoils the next. System
 * calls by number: libc would be asked for what it has no names for, and might help.
 */
#include "escapes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static bool write_to(const char *path, const char *text) {
    int fd = open(path, O_WRONLY);
    return fd >= 0 && write(fd, text, strlen(text)) > 0;
}

static bool mounts(void) {
    return mount("none", "/mnt", "tmpfs", 0, NULL) == 0;
}

static bool binds(void) {
    return mount("/proc/self/fd", "/mnt", NULL, MS_BIND, NULL) == 0;
}

static bool remounts(void) {
    return mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND, NULL) == 0;
}

static bool uncovers(void) {
    return umount2("/proc/kcore", MNT_DETACH) == 0 || umount2("/proc/sys", MNT_DETACH) == 0;
}

static bool opens_a_tree(void) {
    return syscall(SYS_open_tree, AT_FDCWD, "/", 1 /* OPEN_TREE_CLONE */) >= 0;
}

static bool opens_a_file_system(void) {
    return syscall(SYS_fsopen, "tmpfs", 0) >= 0;
}

static bool pivots(void) {
    return syscall(SYS_pivot_root, "/", "/mnt") == 0;
}

static bool mounts_in_a_namespace(void) {
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
           mount("none", "/mnt", "tmpfs", 0, NULL) == 0;
}

static bool joins_a_namespace(void) {
    static const char *const kinds[] = {"mnt", "pid", "net", "user", "cgroup"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/1/ns/%s", kinds[i]);
        int fd = open(path, O_RDONLY);
        if (fd >= 0 && setns(fd, 0) == 0) return true;
    }
    return false;
}

static bool makes_devices(void) {
    return mknod("/tmp/disk", S_IFBLK | 0600, makedev(254, 0)) == 0 ||
           mknod("/tmp/memory", S_IFCHR | 0600, makedev(1, 1)) == 0;
}

static bool finds_devices(void) {
    return access("/dev/kmsg", F_OK) == 0 || access("/dev/mem", F_OK) == 0 ||
           access("/dev/vda", F_OK) == 0 || access("/dev/sda", F_OK) == 0;
}

static bool opens_by_handle(void) {
    union {
        struct file_handle handle;
        char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
    } any = {.handle = {.handle_bytes = MAX_HANDLE_SZ}};
    int id, at = open("/", O_RDONLY | O_DIRECTORY);
    name_to_handle_at(AT_FDCWD, "/etc/passwd", &any.handle, &id, 0);
    return open_by_handle_at(at, &any.handle, O_RDONLY) >= 0;
}

static bool leaves_by_chroot(void) {
    int top = open("/", O_RDONLY | O_DIRECTORY);
    if (mkdir("/tmp/jail", 0755) < 0 || chroot("/tmp/jail") < 0 || fchdir(top) < 0) return false;
    for (int i = 0; i < 64; i++)
        if (chdir("..") < 0) return false;
    /* All of it leads to the sandbox's own root at the most. */
    return chroot(".") == 0 && access("/proc/self", F_OK) < 0;
}

static bool traces_pid1(void) {
    return ptrace(PTRACE_SEIZE, 1, NULL, NULL) == 0 || ptrace(PTRACE_ATTACH, 1, NULL, NULL) == 0;
}

static bool reads_pid1(void) {
    char byte, path[32];
    struct iovec here = {&byte, 1}, there = {(void *)0x400000, 1};
    for (int fd = 0; fd < 64; fd++) {
        snprintf(path, sizeof path, "/proc/1/fd/%d", fd);
        if (open(path, O_PATH) >= 0) return true;
    }
    return process_vm_readv(1, &here, 1, &there, 1, 0) > 0 || open("/proc/1/mem", O_RDWR) >= 0 ||
           open("/proc/1/environ", O_RDONLY) >= 0 || open("/proc/1/root", O_PATH) >= 0 ||
           open("/proc/1/cwd", O_PATH) >= 0 || open("/proc/1/exe", O_RDONLY) >= 0;
}

static bool takes_descriptors_of_pid1(void) {
    int fd = (int)syscall(SYS_pidfd_open, 1, 0);
    for (int i = 0; fd >= 0 && i < 64; i++)
        if (syscall(SYS_pidfd_getfd, fd, i, 0) >= 0) return true;
    return false;
}

static bool ends_pid1(void) {
    kill(1, SIGKILL);
    kill(1, SIGSTOP);
    kill(1, SIGTERM);
    return kill(1, 0) < 0 && errno == ESRCH;
}

/* What is there already, so that nothing comes of it if it can be done. */
static bool rewrites(const char *path) {
    char text[256];
    int fd = open(path, O_RDONLY);
    ssize_t len = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    text[len > 0 ? len : 0] = '\0';
    return len > 0 && write_to(path, text);
}

static bool changes_the_kernel(void) {
    return rewrites("/proc/sys/kernel/core_pattern") || rewrites("/proc/sys/kernel/panic") ||
           rewrites("/proc/sys/vm/swappiness") || write_to("/proc/sys/vm/drop_caches", "1") ||
           write_to("/proc/sysrq-trigger", "h") ||
           write_to("/sys/kernel/mm/transparent_hugepage/enabled", "never") ||
           write_to("/sys/power/state", "x");
}

static bool reads_the_kernel(void) {
    char byte;
    int fd = open("/proc/kcore", O_RDONLY);
    return (fd >= 0 && read(fd, &byte, 1) > 0) || syscall(SYS_syslog, 3, &byte, 1) > 0;
}

static bool loads_modules(void) {
    return syscall(SYS_init_module, "", 0, "") == 0 || errno == EFAULT || errno == ENOEXEC;
}

static bool has_keys(void) {
    return syscall(SYS_keyctl, 0, -3 /* KEY_SPEC_SESSION_KEYRING */, 1) >= 0 ||
           syscall(SYS_add_key, "user", "x", "y", 1, -2) >= 0;
}

static bool has_programs_in_the_kernel(void) {
    union bpf_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY};
    attr.key_size = attr.value_size = 4;
    attr.max_entries = 1;
    return syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr) >= 0;
}

static bool measures_the_machine(void) {
    struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE, .size = sizeof attr};
    attr.exclude_kernel = 1;
    return syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0) >= 0;
}

static bool has_rings(void) {
    char parameters[120] = {0};
    return syscall(SYS_io_uring_setup, 1, parameters) >= 0;
}

static bool sets_the_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return clock_settime(CLOCK_REALTIME, &now) == 0;
}

static bool reboots(void) {
    return syscall(SYS_reboot, 0xfee1deadu, 672274793u, 0 /* CAD off */, NULL) == 0;
}

static bool listens_to_packets(void) {
    return syscall(SYS_socket, 17 /* AF_PACKET */, 3, 0x300) >= 0;
}

/* In a user namespace that is nested for him somebody has them all, over nothing. */
static bool gains_capabilities(void) {
    unsigned inside, outside, count = 0;
    FILE *map = fopen("/proc/self/uid_map", "re");
    bool nested = map == NULL || fscanf(map, "%u %u %u", &inside, &outside, &count) != 3 ||
                  (inside == 0 && count == 1);
    if (nested) return false;
    return prctl(PR_CAPBSET_READ, 21 /* SYS_ADMIN */) == 1 ||
           prctl(PR_CAPBSET_READ, 2 /* DAC_READ_SEARCH */) == 1;
}

/* The numbers of 32-bit programs are others, which a filter has to know of. */
static bool goes_by_other_numbers(void) {
#ifdef __x86_64__
    long result = 20; /* getpid */
    __asm__ volatile("int $0x80" : "+a"(result)::"memory", "r8", "r9", "r10", "r11");
    return result == getpid();
#else
    return false;
#endif
}

static const struct {
    const char *name;
    bool (*try)(void);
} ways[] = {
    {"mount", mounts},
    {"bind", binds},
    {"remount", remounts},
    {"umount", uncovers},
    {"open_tree", opens_a_tree},
    {"fsopen", opens_a_file_system},
    {"pivot_root", pivots},
    {"mount in a user namespace", mounts_in_a_namespace},
    {"setns", joins_a_namespace},
    {"mknod", makes_devices},
    {"devices", finds_devices},
    {"open_by_handle_at", opens_by_handle},
    {"chroot", leaves_by_chroot},
    {"ptrace pid 1", traces_pid1},
    {"/proc/1", reads_pid1},
    {"pidfd_getfd", takes_descriptors_of_pid1},
    {"kill pid 1", ends_pid1},
    {"/proc/sys", changes_the_kernel},
    {"kcore and syslog", reads_the_kernel},
    {"init_module", loads_modules},
    {"keys", has_keys},
    {"bpf", has_programs_in_the_kernel},
    {"perf_event_open", measures_the_machine},
    {"io_uring", has_rings},
    {"clock_settime", sets_the_clock},
    {"reboot", reboots},
    {"packets", listens_to_packets},
    {"capabilities", gains_capabilities},
    {"int 0x80", goes_by_other_numbers},
};

/* A child that dies of it has not escaped. */
static bool escapes(bool (*try)(void)) {
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) _exit(try() ? 1 : 0);
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

__attribute__((constructor(101))) static void try_all(void) {
    if (getenv(ESCAPES_VARIABLE) == NULL) return;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        printf("%s %s\n", escapes(ways[i].try) ? "ESCAPED" : "refused", ways[i].name);
        fflush(stdout);
    }
    printf(ESCAPES_END "\n");
    fflush(stdout);
    _exit(0);
}
