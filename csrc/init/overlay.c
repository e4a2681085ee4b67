/*
 * overlay.c: one mount of overlayfs. Names everything by descriptors: options can be read in the
 * sandbox, paths in them would have to be escaped, and would have to fit. pid 1, before it answers.
 */
#ifdef __linux__

#include "overlay.h"

#include "remove_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

void overlay_close(lowers_t *lowers) {
    while (lowers->count > 0) close(lowers->fds[--lowers->count]);
}

int overlay_add(lowers_t *lowers, int at, const char *name) {
    int fd = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : -errno;
    if (lowers->count == MAX_LOWERS) {
        close(fd);
        return -E2BIG;
    }
    lowers->fds[lowers->count++] = fd;
    return 0;
}

int overlay_add_layers(lowers_t *lowers, const new_root_t *root, const char *name) {
    int code = 0;
    for (char *const *layer = root->boot->layers; code == 0 && *layer != NULL; layer++) {
        int at = open(*layer, O_PATH | O_DIRECTORY | O_CLOEXEC);
        code = at < 0 ? -errno : overlay_add(lowers, at, name);
        if (at >= 0) close(at);
    }
    return code;
}

/* The directory that takes the writes; new, it looks like what it lies over. A descriptor or
 * -errno. */
static int open_upper(const new_root_t *root, const char *name, const lowers_t *lowers) {
    struct stat st = {.st_mode = 0755};
    if (mkdirat(root->upper, name, 0700) == 0) {
        /* The owner first: to change it takes bits away. Where there is one identity it stays. */
        if (fstat(lowers->fds[0], &st) == 0 && root->rung == RUNG_ROOT &&
            fchownat(root->upper, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
            return -errno;
        if (fchmodat(root->upper, name, st.st_mode & 07777, 0) < 0) return -errno;
    } else if (errno != EEXIST) {
        return -errno;
    }
    int fd = openat(root->upper, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static size_t put_lowers(char *options, size_t size, const lowers_t *lowers) {
    char name[FD_PATH];
    size_t len = 0;
    for (size_t i = 0; i < lowers->count; i++)
        len += (size_t)snprintf(options + len, size - len, "%s%s", i == 0 ? "lowerdir=" : ":",
                                fd_path(name, lowers->fds[i]));
    return len;
}

/* An empty one: what a mount has left there, also one that was refused, would keep the next away.
 */
static int open_work(const new_root_t *root, const char *name) {
    if (strcmp(name, ".") == 0) name = "all";
    int code = remove_tree(root->work, name);
    return code < 0 ? code : mounts_make_directory(root->work, name, 0700);
}

static int try_mount(const new_root_t *root, const char *name, const lowers_t *lowers, int upper,
                     bool is_volatile, const char *target) {
    char options[4096], path[FD_PATH];
    int work = open_work(root, name);
    if (work < 0) return work;
    size_t len = put_lowers(options, sizeof options, lowers);
    len +=
        (size_t)snprintf(options + len, sizeof options - len, ",upperdir=%s", fd_path(path, upper));
    /* Directories of the lower can be renamed where the mark of it is ours alone to write. */
    snprintf(options + len, sizeof options - len, ",workdir=%s,%s%s", fd_path(path, work),
             root->user_xattr ? "userxattr" : "redirect_dir=on", is_volatile ? ",volatile" : "");
    int code = mount("sandbox", target, "overlay", MS_NODEV, options) < 0 ? -errno : 0;
    close(work);
    return code;
}

int overlay_mount(const new_root_t *root, const char *name, const lowers_t *lowers,
                  const char *target) {
    int upper = open_upper(root, name, lowers);
    if (upper < 0) return upper;
    /* What a sandbox writes need not survive the machine: no waiting for the disk, neither there
     * nor when it ends, where all of the disk would be waited for. Linux 5.10. */
    int code = try_mount(root, name, lowers, upper, true, target);
    if (code == -EINVAL) code = try_mount(root, name, lowers, upper, false, target);
    close(upper);
    return code;
}

int overlay_mount_read_only(const lowers_t *lowers, const char *target) {
    char options[4096];
    put_lowers(options, sizeof options, lowers);
    return mount("sandbox", target, "overlay", MS_NODEV | MS_RDONLY, options) < 0 ? -errno : 0;
}

#endif
