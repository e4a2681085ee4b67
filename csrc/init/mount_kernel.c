/*
 * mount_kernel.c: what the kernel shows to a sandbox: its own /proc with what is the machine's
 * masked, a /dev of the harmless devices, /sys to read, and /run and /dev/shm in memory. Must leave
 * nothing that can be written to and is the machine's. pid 1, before it answers; the host's /dev,
 * /proc and /sys are still in their places.
 */
#ifdef __linux__

#include "mounts.h"

#include "text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_MEMORY (256ll * 1024 * 1024) /* of a file system in memory, without a limit */
#define STILL (MS_NOSUID | MS_NODEV | MS_NOEXEC)

/* Below /proc: what tells of the machine or its memory. The files of the second row are root's to
 * read, whom only RUNG_ROOT has. */
static const char *const masked[] = {"kcore", "keys", "timer_list", "latency_stats", "sched_debug"};
static const char *const masked_for_root[] = {"kpagecount", "kpageflags", "kpagecgroup", "slabinfo",
                                              "vmallocinfo"};
static const char *const emptied[] = {"acpi", "asound", "scsi"};
/* And what would change it: again root's. */
static const char *const fixed[] = {"sys", "bus", "fs", "irq", "sysrq-trigger"};

static const char *const devices[] = {"null", "zero", "full", "random", "urandom", "tty"};

static const struct {
    const char *name, *target;
} links[] = {{"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"},
             {"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"},
             {"core", "/proc/kcore"},       {"ptmx", "pts/ptmx"}};

/* A file system of the kernel's at a directory of the new root; a descriptor of its root, or
 * -errno. */
static int mount_new(const new_root_t *root, const char *name, mode_t mode, const char *type,
                     unsigned long flags, const char *options) {
    char target[FD_PATH], path[PATH_MAX];
    int at = mounts_make_directory(root->top, name, mode);
    if (at < 0) return at;
    int code = mount(type, fd_path(target, at), type, flags, options) < 0 ? -errno : 0;
    ssize_t len = code == 0 ? readlink(target, path, sizeof path - 1) : 0;
    close(at);
    if (code < 0) return code;
    if (len < 0) return -errno;
    path[len] = '\0';
    /* By its name, which now leads to what was mounted there. */
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* ---- /proc ---- */

static int mask(int proc, const char *name, bool directory) {
    char target[FD_PATH];
    int at = openat(proc, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (at < 0) return 0;
    fd_path(target, at);
    int code = directory ? mount("none", target, "tmpfs", STILL | MS_RDONLY, "size=4k,mode=555")
                         : mount("/dev/null", target, NULL, MS_BIND, NULL);
    if (code < 0) code = -errno;
    close(at);
    return code;
}

/* Over itself, so that it can be made read-only. */
static int fix(int proc, const char *name) {
    int at = openat(proc, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (at < 0) return 0;
    int code = mounts_show(at, at, STILL);
    close(at);
    return code;
}

#define EACH(list, call)                                                                           \
    for (size_t i = 0; code == 0 && i < sizeof(list) / sizeof *(list); i++) code = call

static int mount_proc(const new_root_t *root) {
    int proc = mount_new(root, "proc", 0555, "proc", STILL, NULL), code = 0;
    if (proc < 0) return mounts_failed(root, -proc, "mount", "/proc");
    EACH(masked, mask(proc, masked[i], false));
    if (root->rung == RUNG_ROOT) {
        EACH(masked_for_root, mask(proc, masked_for_root[i], false));
        EACH(emptied, mask(proc, emptied[i], true));
        EACH(fixed, fix(proc, fixed[i]));
    }
    close(proc);
    return code < 0 ? mounts_failed(root, -code, "mask parts of", "/proc") : 0;
}

/* ---- /dev ---- */

static int add_device(int dev, const char *name) {
    char from[64], target[FD_PATH];
    int at = openat(dev, name, O_RDONLY | O_CREAT | O_CLOEXEC, 0666);
    if (at < 0) return -errno;
    snprintf(from, sizeof from, "/dev/%s", name);
    int code = mount(from, fd_path(target, at), NULL, MS_BIND, NULL) < 0 ? -errno : 0;
    close(at);
    return code;
}

static void memory_options(const new_root_t *root, char *options, size_t size, int mode) {
    int64_t bytes = root->memory_bytes > 0 ? root->memory_bytes / 2 : DEFAULT_MEMORY;
    snprintf(options, size, "size=%lld,mode=%o", (long long)bytes, (unsigned int)mode);
}

/* Terminals of their own; whose group 5 is, where there are other groups than one. */
static int mount_terminals(const new_root_t *root) {
    const char *options = root->rung == RUNG_ROOT ? "newinstance,ptmxmode=0666,mode=0620,gid=5"
                                                  : "newinstance,ptmxmode=0666,mode=0620";
    return mount_new(root, "dev/pts", 0755, "devpts", MS_NOSUID | MS_NOEXEC, options);
}

static int mount_dev(const new_root_t *root) {
    char options[64];
    int dev = mount_new(root, "dev", 0755, "tmpfs", MS_NOSUID | MS_NOEXEC, "size=64k,mode=755");
    int code = dev < 0 ? dev : 0, pts = -1, shm = -1;
    EACH(devices, add_device(dev, devices[i]));
    for (size_t i = 0; code == 0 && i < sizeof links / sizeof *links; i++)
        if (symlinkat(links[i].target, dev, links[i].name) < 0) code = -errno;
    memory_options(root, options, sizeof options, 01777);
    if (code == 0 && (pts = mount_terminals(root)) < 0) code = pts;
    if (code == 0 &&
        (shm = mount_new(root, "dev/shm", 01777, "tmpfs", MS_NOSUID | MS_NODEV, options)) < 0)
        code = shm;
    const int fds[] = {dev, pts, shm};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0) close(fds[i]);
    return code < 0 ? mounts_failed(root, -code, "make", "/dev") : 0;
}

/* Every boot of a sandbox is one of its own, whatever the machine's. The file has no name once it
 * is mounted. */
static int mount_boot_id(const new_root_t *root) {
    char text[80], from[FD_PATH];
    int dev = mounts_make_directory(root->top, "dev", 0755);
    int id = mounts_make_directory(root->top, "proc/sys/kernel/random", 0555), code = 0;
    if (dev < 0 || id < 0) return mounts_failed(root, ENOENT, "open", "/proc/sys/kernel/random");
    snprintf(text, sizeof text, "%.40s\n", root->boot->boot_id);
    int file = openat(dev, ".boot_id", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    int target = openat(id, "boot_id", O_PATH | O_CLOEXEC);
    if (file < 0 || target < 0 || write(file, text, strlen(text)) < 0) code = -errno;
    char to[FD_PATH];
    if (code == 0 && mount(fd_path(from, file), fd_path(to, target), NULL, MS_BIND, NULL) < 0)
        code = -errno;
    unlinkat(dev, ".boot_id", 0);
    const int fds[] = {dev, id, file, target};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0) close(fds[i]);
    return code < 0 ? mounts_failed(root, -code, "set", "the boot id") : 0;
}

/* ---- /sys, /run ---- */

/* Of a network namespace that is not ours the kernel gives no /sys: then the processors only, which
 * programs count there. */
static int mount_sys(const new_root_t *root) {
    static const char *const parts[] = {"devices/system/cpu", "devices/system/node"};
    int sys = mount_new(root, "sys", 0555, "sysfs", STILL | MS_RDONLY, NULL);
    if (sys >= 0) {
        int code = mask(sys, "firmware", true);
        close(sys);
        return code < 0 ? mounts_failed(root, -code, "mask", "/sys/firmware") : 0;
    }
    sys = mount_new(root, "sys", 0555, "tmpfs", STILL, "size=64k,mode=755");
    int code = sys < 0 ? sys : 0;
    for (size_t i = 0; code == 0 && i < sizeof parts / sizeof *parts; i++) {
        char from[64];
        snprintf(from, sizeof from, "/sys/%s", parts[i]);
        int source = open(from, O_PATH | O_DIRECTORY | O_CLOEXEC);
        int target = source < 0 ? -1 : mounts_make_directory(sys, parts[i], 0755);
        if (target >= 0) code = mounts_show(source, target, STILL);
        if (source >= 0) close(source);
        if (target >= 0) close(target);
    }
    if (sys >= 0) close(sys);
    return code < 0 ? mounts_failed(root, -code, "make", "/sys") : 0;
}

static int mount_run(const new_root_t *root) {
    char options[64];
    memory_options(root, options, sizeof options, 0755);
    int run = mount_new(root, "run", 0755, "tmpfs", MS_NOSUID | MS_NODEV, options);
    if (run < 0) return mounts_failed(root, -run, "mount", "/run");
    int lock = mounts_make_directory(run, "lock", 01777);
    if (lock >= 0) close(lock);
    close(run);
    return 0;
}

int mount_kernel(new_root_t *root) {
    if (mount_proc(root) < 0 || mount_dev(root) < 0 || mount_boot_id(root) < 0) return -1;
    return mount_sys(root) < 0 || mount_run(root) < 0 ? -1 : 0;
}

#endif
