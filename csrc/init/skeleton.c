/*
 * skeleton.c: which names there are at the top of a sandbox, and with what modes. pid 1, before it
 * answers.
 */
#ifdef __linux__

#include "skeleton.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static const char *const shown[] = {"bin", "sbin", "lib", "lib32", "lib64", "libx32",
                                    "usr", "etc",  "opt", "var",   "nix",   "gnu"};

static const char *const kernels[] = {"proc", "sys", "dev", "run"};

/* There in any case; of the host nothing is in them. */
static const struct {
    const char *name;
    mode_t mode;
} own[] = {{"home", 0755},  {"root", 0700}, {"tmp", 01777}, {"mnt", 0755},
           {"media", 0755}, {"srv", 0755},  {"boot", 0755}, {"proc", 0555},
           {"sys", 0555},   {"dev", 0755},  {"run", 0755}};

bool skeleton_shows(const char *name) {
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        if (strcmp(shown[i], name) == 0) return true;
    return false;
}

bool skeleton_is_kernels(const char *name) {
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
        if (strcmp(kernels[i], name) == 0) return true;
    return false;
}

static int make_directory(int at, const char *name, mode_t mode) {
    if (mkdirat(at, name, 0700) < 0 || fchmodat(at, name, mode, 0) < 0) return -errno;
    return 0;
}

/* A link of the host's as it is, or a place for a directory of it. */
static int take_after(int skeleton, int host, const char *name) {
    struct stat st;
    char link[PATH_MAX];
    if (fstatat(host, name, &st, AT_SYMLINK_NOFOLLOW) < 0) return errno == ENOENT ? 0 : -errno;
    if (S_ISDIR(st.st_mode)) return make_directory(skeleton, name, 0755);
    if (!S_ISLNK(st.st_mode)) return 0;
    ssize_t len = readlinkat(host, name, link, sizeof link - 1);
    if (len < 0) return -errno;
    link[len] = '\0';
    return symlinkat(link, skeleton, name) < 0 ? -errno : 0;
}

int skeleton_make(int at, bool user_xattr) {
    (void)user_xattr;
    int host = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int code = host < 0 ? -errno : 0;
    for (size_t i = 0; code == 0 && i < sizeof own / sizeof *own; i++)
        code = make_directory(at, own[i].name, own[i].mode);
    for (size_t i = 0; code == 0 && i < sizeof shown / sizeof *shown; i++)
        code = take_after(at, host, shown[i]);
    if (host >= 0) close(host);
    return code;
}

/* ---- what covers ---- */

/* Overlayfs' own marks: a directory that hides what is under it, and a name that is not there. */
static int make_opaque(int at, const char *name, mode_t mode, bool user_xattr) {
    int code = make_directory(at, name, mode);
    if (code < 0) return code;
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return -errno;
    if (fsetxattr(fd, user_xattr ? "user.overlay.opaque" : "trusted.overlay.opaque", "y", 1, 0) < 0)
        code = -errno;
    close(fd);
    return code;
}

int skeleton_make_var(int at, bool user_xattr) {
    return make_opaque(at, "tmp", 01777, user_xattr);
}

static int make_var(int at, bool user_xattr) {
    int code = make_directory(at, "var", 0755);
    int fd = code < 0 ? -1 : openat(at, "var", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (code == 0) code = fd < 0 ? -errno : skeleton_make_var(fd, user_xattr);
    if (fd >= 0) close(fd);
    return code;
}

static int cover(int mask, const char *name) {
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || skeleton_shows(name)) return 0;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strcmp(own[i].name, name) == 0) return 0;
    return mknodat(mask, name, S_IFCHR, makedev(0, 0)) < 0 ? -errno : 0;
}

/* What is a mount of its own, an overlay over the root would show as empty. */
static int check_mount(int host, const char *name) {
    struct stat st;
    struct statx root = {0}, it = {0};
    if (fstatat(host, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode)) return 0;
    if (statx(host, "", AT_EMPTY_PATH, STATX_MNT_ID, &root) < 0 ||
        statx(host, name, AT_SYMLINK_NOFOLLOW, STATX_MNT_ID, &it) < 0)
        return -errno;
    return (it.stx_mask & STATX_MNT_ID) != 0 && it.stx_mnt_id == root.stx_mnt_id ? 0 : -EXDEV;
}

int skeleton_make_mask(int at, bool user_xattr) {
    DIR *host = opendir("/");
    int code = host == NULL ? -errno : make_var(at, user_xattr);
    for (size_t i = 0; code == 0 && i < sizeof own / sizeof *own; i++)
        code = make_opaque(at, own[i].name, own[i].mode, user_xattr);
    for (size_t i = 0; code == 0 && i < sizeof shown / sizeof *shown; i++)
        code = check_mount(dirfd(host), shown[i]);
    for (struct dirent *entry; code == 0 && (entry = readdir(host)) != NULL;)
        code = cover(at, entry->d_name);
    if (host != NULL) closedir(host);
    return code;
}

#endif
