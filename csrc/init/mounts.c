/*
 * mounts.c: the order in which a sandbox's root is built, and what the parts of it have in common.
 * Every target is reached by a descriptor, and nothing follows a link of the sandbox's making: a
 * snapshot may have been written by somebody who wishes us ill. pid 1, before it answers.
 */
#ifdef __linux__

#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

const char *fd_path(char *text, int fd) {
    snprintf(text, FD_PATH, "/proc/self/fd/%d", fd);
    return text;
}

int mounts_failed(const new_root_t *root, int error, const char *verb, const char *object) {
    root->failure->error = error;
    snprintf(root->failure->what, sizeof root->failure->what, "%s %s", verb, object);
    return -1;
}

int mounts_make_directory(int parent, const char *path, mode_t mode) {
    int at = parent == AT_FDCWD ? open(".", O_PATH | O_CLOEXEC) : fcntl(parent, F_DUPFD_CLOEXEC, 0);
    char name[NAME_MAX + 1];
    for (path += strspn(path, "/"); at >= 0 && *path != '\0'; path += strspn(path, "/")) {
        size_t len = strcspn(path, "/");
        int error = len > NAME_MAX ? ENAMETOOLONG : 0;
        int next = -1;
        if (error == 0) {
            memcpy(name, path, len);
            name[len] = '\0';
            /* A umask is no business of the sandbox's. */
            if (mkdirat(at, name, mode) == 0) fchmodat(at, name, mode, 0);
            next = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            error = next < 0 ? errno : 0;
        }
        close(at);
        if (error != 0) return -error;
        at = next;
        path += len;
    }
    return at < 0 ? -errno : at;
}

/* For kernels without mount_setattr: what a mount must keep has to be said again. */
static int remount(const char *target, unsigned long flags) {
    struct statvfs now;
    if (statvfs(target, &now) < 0) return -errno;
    unsigned long keep = now.f_flag & (ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC);
    if (now.f_flag & ST_NOATIME) keep |= MS_NOATIME;
    if (now.f_flag & ST_NODIRATIME) keep |= MS_NODIRATIME;
    if (now.f_flag & ST_RELATIME) keep |= MS_RELATIME;
    return mount(NULL, target, NULL, MS_REMOUNT | MS_BIND | keep | flags, NULL) < 0 ? -errno : 0;
}

int mounts_restrict(const char *target, unsigned long flags, bool recursive) {
    struct mount_attr attr = {0};
    if (flags & MS_RDONLY) attr.attr_set |= MOUNT_ATTR_RDONLY;
    if (flags & MS_NOSUID) attr.attr_set |= MOUNT_ATTR_NOSUID;
    if (flags & MS_NODEV) attr.attr_set |= MOUNT_ATTR_NODEV;
    if (flags & MS_NOEXEC) attr.attr_set |= MOUNT_ATTR_NOEXEC;
    unsigned int at = recursive ? AT_RECURSIVE : 0;
    if (syscall(SYS_mount_setattr, AT_FDCWD, target, at, &attr, sizeof attr) == 0) return 0;
    return errno == ENOSYS && !recursive ? remount(target, flags) : -errno;
}

int mounts_show(int source, int target, unsigned long flags) {
    char from[FD_PATH], to[FD_PATH];
    /* Submounts come along only together: in a user namespace they cannot be taken apart. */
    if (mount(fd_path(from, source), fd_path(to, target), NULL, MS_BIND | MS_REC, NULL) < 0)
        return -errno;
    struct stat seen;
    /* The descriptor is of what lies under the mount; its name is looked up anew. */
    if (fstat(source, &seen) < 0) return -errno;
    bool recursive = S_ISDIR(seen.st_mode);
    char path[PATH_MAX];
    ssize_t len = readlink(to, path, sizeof path - 1);
    if (len < 0) return -errno;
    path[len] = '\0';
    int code = mounts_restrict(path, flags | MS_RDONLY, recursive);
    return code == -ENOSYS ? mounts_restrict(path, flags | MS_RDONLY, false) : code;
}

/* ---- the order ---- */

static int open_at(int at, const char *name) {
    return openat(at, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static int open_own(new_root_t *root) {
    const boot_t *boot = root->boot;
    root->directory = open_at(AT_FDCWD, boot->directory);
    if (root->directory < 0) return mounts_failed(root, errno, "open", boot->directory);
    root->upper = mounts_make_directory(root->directory, "upper", 0755);
    root->work = mounts_make_directory(root->directory, "work", 0700);
    if (root->upper < 0 || root->work < 0)
        return mounts_failed(root, EIO, "make a directory in", boot->directory);
    struct statfs fs;
    if (fstatfs(root->upper, &fs) == 0 && fs.f_type == OVERLAYFS_SUPER_MAGIC)
        return mounts_failed(root, EOPNOTSUPP,
                             "lay files over an overlay; give a stateDir on a volume or in memory, "
                             "in place of",
                             boot->directory);
    const char *below = boot->root[0] != '\0' ? boot->root : "/";
    root->below = open_at(AT_FDCWD, below);
    if (root->below < 0) return mounts_failed(root, errno, "open", below);
    const char *place = MOUNTS_PLACE;
    if (mount("none", place, "tmpfs", MS_NOSUID | MS_NODEV, "size=256k,mode=700") < 0)
        return mounts_failed(root, errno, "mount", "memory");
    root->memory = open_at(AT_FDCWD, place);
    return root->memory < 0 ? mounts_failed(root, errno, "open", place) : 0;
}

/* The host's directory of this backend, where a directory that shows through holds it. */
static int hide_private(const new_root_t *root) {
    char target[FD_PATH];
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
    if (root->boot->root[0] != '\0') return 0;
    int at = (int)syscall(SYS_openat2, root->top, root->private, &how, sizeof how);
    if (at < 0) return errno == ENOSYS ? mounts_failed(root, errno, "hide", root->private) : 0;
    unsigned long flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
    int code = mount("none", fd_path(target, at), "tmpfs", flags, "size=4k,mode=000");
    int error = errno;
    close(at);
    return code < 0 ? mounts_failed(root, error, "hide", root->private) : 0;
}

static int show_visible(const new_root_t *root) {
    for (char *const *path = root->boot->visible; *path != NULL; path++) {
        int source = open_at(AT_FDCWD, *path), target = -ENOENT, code = source < 0 ? -errno : 0;
        if (code == 0) code = target = mounts_make_directory(root->top, *path, 0755);
        if (code >= 0) code = mounts_show(source, target, MS_NOSUID | MS_NODEV);
        if (source >= 0) close(source);
        if (target >= 0) close(target);
        if (code < 0) return mounts_failed(root, -code, "show", *path);
    }
    return 0;
}

/* The new root becomes the root, and the old one is let go of, with all that is mounted in it. */
static int change_root(const new_root_t *root) {
    if (fchdir(root->top) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
        return mounts_failed(root, errno, "change", "root");
    if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        return mounts_failed(root, errno, "leave", "the host's root");
    return 0;
}

static void close_all(const new_root_t *root) {
    const int fds[] = {root->directory, root->upper,  root->work,
                       root->below,     root->memory, root->top};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0) close(fds[i]);
}

int mounts_build(new_root_t *root) {
    root->directory = root->upper = root->work = root->below = root->memory = root->top = -1;
    int code = -1;
    /* What we mount stays ours, and what the host mounts from now on stays the host's. */
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        mounts_failed(root, errno, "part from", "the host's mounts");
    else if (open_own(root) == 0 && mount_tree(root) == 0 && hide_private(root) == 0 &&
             show_visible(root) == 0 && mount_kernel(root) == 0)
        code = change_root(root);
    close_all(root);
    return code;
}

#endif
