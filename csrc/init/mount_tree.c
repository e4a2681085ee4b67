/*
 * mount_tree.c: the directories of a sandbox: over each of the host's (or of the given root's) an
 * overlay, whose writes go to boot.directory/upper. Of the host only what programs are made of
 * shows through; homes, and whatever else lies at its top, does not. Must not name the host's paths
 * in an option: options can be read inside. pid 1, before it answers.
 */
#include "mounts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_NAMES 64   /* directories at the top */
#define MAX_LOWERS 100 /* each is 19 characters of the 4096 that a mount's options may have */

/* Of the host: programs, and what they need. Everything else there is somebody's data. */
static const char *const shown[] = {"bin", "sbin", "lib", "lib32", "lib64", "libx32",
                                    "usr", "etc",  "opt", "var",   "nix",   "gnu"};

/* There in any case, with what the layers and the sandbox have in them. */
static const struct {
    const char *name;
    mode_t mode;
} own[] = {{"home", 0755},  {"root", 0700}, {"tmp", 01777}, {"mnt", 0755},
           {"media", 0755}, {"srv", 0755},  {"boot", 0755}};

/* Not the lower's, but the kernel's: mount_kernel.c. */
static const char *const kernels[] = {"proc", "sys", "dev", "run"};

typedef struct names {
    char list[MAX_NAMES][NAME_MAX + 1];
    size_t count;
} names_t;

static bool is_one_of(const char *const *list, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], name) == 0) return true;
    return false;
}

#define IS_ONE_OF(list, name) is_one_of(list, sizeof(list) / sizeof *(list), name)

/* Whether what lies under everything has a say in this name. */
static bool shows(const new_root_t *root, const char *name) {
    if (IS_ONE_OF(kernels, name) || strcmp(name, "tmp") == 0) return false;
    return root->boot->root[0] != '\0' || IS_ONE_OF(shown, name);
}

static int add_name(names_t *names, const char *name) {
    if (name[0] == '.' || IS_ONE_OF(kernels, name)) return 0;
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->list[i], name) == 0) return 0;
    if (names->count == MAX_NAMES) return -E2BIG;
    snprintf(names->list[names->count++], NAME_MAX + 1, "%s", name);
    return 0;
}

/* The directories in one; links of the lower are made anew in the new root. */
static int add_names(names_t *names, const new_root_t *root, int at, bool is_below) {
    int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
    if (list == NULL) return -errno;
    int code = 0;
    for (struct dirent *entry; code == 0 && (entry = readdir(list)) != NULL;) {
        const char *name = entry->d_name;
        struct stat st;
        char link[PATH_MAX];
        if (name[0] == '.' || (is_below && !shows(root, name))) continue;
        if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) continue;
        if (S_ISDIR(st.st_mode)) code = add_name(names, name);
        if (!is_below || !S_ISLNK(st.st_mode)) continue;
        ssize_t len = readlinkat(fd, name, link, sizeof link - 1);
        if (len < 0) continue;
        link[len] = '\0';
        if (symlinkat(link, root->top, name) < 0 && errno != EEXIST) code = -errno;
    }
    closedir(list);
    return code;
}

/* ---- one directory ---- */

/* What lies under it, the top first; descriptors. */
typedef struct lowers {
    int fds[MAX_LOWERS];
    size_t count;
} lowers_t;

static void close_lowers(lowers_t *lowers) {
    while (lowers->count > 0) close(lowers->fds[--lowers->count]);
}

static int add_lower(lowers_t *lowers, int at, const char *name) {
    int fd = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : -errno;
    if (lowers->count == MAX_LOWERS) {
        close(fd);
        return -E2BIG;
    }
    lowers->fds[lowers->count++] = fd;
    return 0;
}

static int open_lowers(lowers_t *lowers, const new_root_t *root, const char *name, bool below) {
    int code = 0;
    lowers->count = 0;
    for (char *const *layer = root->boot->layers; code == 0 && *layer != NULL; layer++) {
        int at = open(*layer, O_PATH | O_DIRECTORY | O_CLOEXEC);
        code = at < 0 ? -errno : add_lower(lowers, at, name);
        if (at >= 0) close(at);
    }
    if (code == 0 && below) code = add_lower(lowers, root->below, name);
    if (code < 0) close_lowers(lowers);
    return code;
}

/* The directory that takes the writes; new, it looks like what it lies over. A descriptor or
 * -errno. */
static int open_upper(const new_root_t *root, const char *name, const lowers_t *lowers,
                      mode_t mode) {
    struct stat st = {.st_mode = mode};
    bool alike = lowers->count > 0 && fstat(lowers->fds[0], &st) == 0;
    if (mkdirat(root->upper, name, 0700) == 0) {
        /* The owner first: to change it takes bits away. Where there is one identity it stays. */
        if (alike && root->rung == RUNG_ROOT)
            fchownat(root->upper, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW);
        if (fchmodat(root->upper, name, st.st_mode & 07777, 0) < 0) return -errno;
    } else if (errno != EEXIST) {
        return -errno;
    }
    int fd = openat(root->upper, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int mount_overlay(const new_root_t *root, const lowers_t *lowers, int upper, int work,
                         const char *target) {
    char options[4096], name[FD_PATH];
    size_t len = (size_t)snprintf(options, sizeof options, "upperdir=%s", fd_path(name, upper));
    len +=
        (size_t)snprintf(options + len, sizeof options - len, ",workdir=%s", fd_path(name, work));
    for (size_t i = 0; i < lowers->count; i++)
        len += (size_t)snprintf(options + len, sizeof options - len, "%s%s",
                                i == 0 ? ",lowerdir=" : ":", fd_path(name, lowers->fds[i]));
    /* Directories of the lower can be renamed where the mark of it is ours alone to write. */
    len += (size_t)snprintf(options + len, sizeof options - len, ",%s",
                            root->user_xattr ? "userxattr" : "redirect_dir=on");
    /* What a sandbox writes need not survive the machine: no waiting for the disk. Linux 5.10. */
    snprintf(options + len, sizeof options - len, ",volatile");
    if (mount("sandbox", target, "overlay", MS_NODEV, options) == 0) return 0;
    options[len] = '\0';
    return mount("sandbox", target, "overlay", MS_NODEV, options) < 0 ? -errno : 0;
}

static int mount_bind(int upper, const char *target) {
    char from[FD_PATH];
    if (mount(fd_path(from, upper), target, NULL, MS_BIND, NULL) < 0) return -errno;
    return 0;
}

static int mount_directory(const new_root_t *root, const char *name, const lowers_t *lowers,
                           mode_t mode, const char *target) {
    int upper = open_upper(root, name, lowers, mode);
    if (upper < 0) return upper;
    int code = 0;
    if (lowers->count == 0) {
        code = mount_bind(upper, target);
    } else {
        int work = mounts_make_directory(root->work, name, 0700);
        code = work < 0 ? work : mount_overlay(root, lowers, upper, work, target);
        if (work >= 0) close(work);
    }
    close(upper);
    return code;
}

/* Where a directory of the host has mounts below it that a user namespace must not uncover, the
 * kernel refuses to lay anything over it. */
static int show_as_it_is(const new_root_t *root, const char *name, const lowers_t *lowers,
                         int target, int error) {
    if (error != -EINVAL || lowers->count == 0 || !shows(root, name)) return error;
    int code = mounts_show(lowers->fds[lowers->count - 1], target, MS_NODEV);
    if (code < 0) return error;
    size_t len = strlen(root->note);
    snprintf(root->note + len, root->note_size - len, "%s/%s", len == 0 ? "read-only: " : " ",
             name);
    return 0;
}

static mode_t mode_of(const char *name) {
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strcmp(own[i].name, name) == 0) return own[i].mode;
    return 0755;
}

static int place(const new_root_t *root, const char *name) {
    lowers_t lowers;
    char path[FD_PATH];
    struct stat st;
    /* Something else of that name, which the sandbox itself has put there, stays. */
    if (fstatat(root->top, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode)) return 0;
    int code = open_lowers(&lowers, root, name, shows(root, name));
    if (code < 0) return code;
    int target = mounts_make_directory(root->top, name, 0755);
    if (target < 0) code = target;
    if (code == 0)
        code = mount_directory(root, name, &lowers, mode_of(name), fd_path(path, target));
    if (code < 0 && target >= 0) code = show_as_it_is(root, name, &lowers, target, code);
    if (target >= 0) close(target);
    close_lowers(&lowers);
    return code;
}

/* ---- all of them ---- */

/* What lies beside the directories at the top is a part of the sandbox too: upper/.root. */
static int mount_top(new_root_t *root) {
    lowers_t lowers, itself = {.count = 0};
    int code = open_lowers(&lowers, root, ".root", false);
    if (code == 0 && root->boot->root[0] != '\0') code = add_lower(&lowers, root->below, ".");
    if (code < 0) return mounts_failed(root, -code, "open", "what lies under /");
    int target = mounts_make_directory(root->directory, "root", 0755);
    char path[PATH_MAX];
    if (target < 0 || snprintf(path, sizeof path, "%s/root", root->boot->directory) >= PATH_MAX)
        code = target < 0 ? target : -ENAMETOOLONG;
    if (code == 0) code = mount_directory(root, ".root", &lowers, 0755, path);
    /* A root of links and mounts alone needs nothing under it. */
    if (code == -EINVAL) code = mount_directory(root, ".root", &itself, 0755, path);
    if (code == 0) root->top = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (code == 0 && root->top < 0) code = -errno;
    if (target >= 0) close(target);
    close_lowers(&lowers);
    return code < 0 ? mounts_failed(root, -code, "mount", "/") : 0;
}

static int collect_names(names_t *names, const new_root_t *root) {
    int code = 0;
    names->count = 0;
    for (size_t i = 0; code == 0 && i < sizeof own / sizeof *own; i++)
        code = add_name(names, own[i].name);
    if (code == 0) code = add_names(names, root, root->below, true);
    if (code == 0) code = add_names(names, root, root->upper, false);
    for (char *const *layer = root->boot->layers; code == 0 && *layer != NULL; layer++) {
        int at = open(*layer, O_PATH | O_DIRECTORY | O_CLOEXEC);
        code = at < 0 ? -errno : add_names(names, root, at, false);
        if (at >= 0) close(at);
    }
    return code;
}

int mount_tree(new_root_t *root) {
    names_t names;
    if (mount_top(root) < 0) return -1;
    int code = collect_names(&names, root);
    if (code < 0) return mounts_failed(root, -code, "list", "the directories under /");
    for (size_t i = 0; i < names.count; i++) {
        code = place(root, names.list[i]);
        if (code == 0) continue;
        char path[NAME_MAX + 2];
        snprintf(path, sizeof path, "/%s", names.list[i]);
        return mounts_failed(root, -code, "mount", path);
    }
    return 0;
}
