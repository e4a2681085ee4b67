/*
 * mount_tree.c: the directories of a sandbox: one overlay over all that lies under it, or, where
 * the kernel refuses that, one for what lies at the top and one for each directory of the host that
 * shows. What is written goes to boot.directory/upper: then to its own top, or to upper/.root and
 * upper/NAME. pid 1, before it answers.
 */
#ifdef __linux__

#include "mounts.h"

#include "host_copy.h"
#include "overlay.h"
#include "skeleton.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOP ".root"  /* in upper and in layers: what lies beside the directories of their own */
#define MAX_NAMES 64 /* directories at the top */

static bool is_of_parts(int at) {
    return faccessat(at, TOP, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool has_own_root(const new_root_t *root) {
    return root->boot->root[0] != '\0';
}

/* ---- what lies under the top ---- */

/* A directory in memory, filled by `make`. */
typedef int make_t(int at, bool user_xattr);

static int add_made(lowers_t *lowers, const new_root_t *root, const char *name, make_t *make) {
    int at = mounts_make_directory(root->memory, name, 0755);
    int code = at < 0 ? at : overlay_add(lowers, at, ".");
    if (code == 0) code = make(lowers->fds[lowers->count - 1], root->user_xattr);
    if (at >= 0) close(at);
    return code;
}

/* The top of a sandbox that was made of parts is one level down in its layer. */
static int add_tops(lowers_t *lowers, const new_root_t *root) {
    int code = 0;
    for (char *const *layer = root->boot->layers; code == 0 && *layer != NULL; layer++) {
        int at = open(*layer, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (at < 0) return -errno;
        code = overlay_add(lowers, at, is_of_parts(at) ? TOP : ".");
        close(at);
    }
    return code;
}

/* ---- all in one ---- */

/* The sandbox's own directory becomes its root: nobody needs it by name any more. */
static int mount_at_top(new_root_t *root, const char *name, const lowers_t *lowers) {
    const char *target = root->boot->directory;
    int code = overlay_mount(root, name, lowers, target);
    if (code == 0) root->top = open(target, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return code == 0 && root->top < 0 ? -errno : code;
}

/* The host's root without what must not show. By itself, because no layer may lie in what it is
 * laid over, and the layers are somewhere on the host. */
static int add_masked_host(lowers_t *lowers, const new_root_t *root) {
    lowers_t both = {.count = 0};
    int code = add_made(&both, root, "mask", skeleton_make_mask);
    if (code == 0) code = overlay_add(&both, root->below, ".");
    if (code == 0 && mkdir(MOUNTS_PLACE "/host", 0700) < 0) code = -errno;
    if (code == 0) code = overlay_mount_read_only(&both, MOUNTS_PLACE "/host");
    if (code == 0) code = overlay_add(lowers, AT_FDCWD, MOUNTS_PLACE "/host");
    overlay_close(&both);
    return code;
}

/* What was written in parts stays in parts. */
static bool has_parts(const new_root_t *root) {
    bool any = is_of_parts(root->upper);
    for (char *const *layer = root->boot->layers; !any && *layer != NULL; layer++) {
        int at = open(*layer, O_PATH | O_DIRECTORY | O_CLOEXEC);
        any = at >= 0 && is_of_parts(at);
        if (at >= 0) close(at);
    }
    return any;
}

/* 0, or -errno when it has to be made of parts. */
static int mount_whole(new_root_t *root) {
    lowers_t lowers = {.count = 0};
    if (has_parts(root)) return -EXDEV;
    int code = add_tops(&lowers, root);
    if (code == 0)
        code = has_own_root(root) ? overlay_add(&lowers, root->below, ".")
                                  : add_masked_host(&lowers, root);
    if (code == 0) code = mount_at_top(root, ".", &lowers);
    overlay_close(&lowers);
    return code;
}

/* ---- of parts: what is beside them ---- */

static int mount_top(new_root_t *root) {
    lowers_t lowers = {.count = 0};
    int code = add_tops(&lowers, root);
    if (code == 0)
        code = has_own_root(root) ? overlay_add(&lowers, root->below, ".")
                                  : add_made(&lowers, root, "skeleton", skeleton_make);
    if (code == 0) code = mount_at_top(root, TOP, &lowers);
    overlay_close(&lowers);
    return code < 0 ? mounts_failed(root, -code, "mount", "/") : 0;
}

/* ---- and the parts ---- */

typedef struct names {
    char list[MAX_NAMES][NAME_MAX + 1];
    size_t count;
} names_t;

static int add_name(names_t *names, const char *name) {
    if (name[0] == '.' || skeleton_is_kernels(name)) return 0;
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->list[i], name) == 0) return 0;
    if (names->count == MAX_NAMES) return -E2BIG;
    snprintf(names->list[names->count++], NAME_MAX + 1, "%s", name);
    return 0;
}

/* All directories there, or those only that the host shows. */
static int add_names(names_t *names, int at, bool all) {
    int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
    if (list == NULL) return -errno;
    int code = 0;
    for (struct dirent *entry; code == 0 && (entry = readdir(list)) != NULL;) {
        struct stat st;
        if (!all && !skeleton_shows(entry->d_name)) continue;
        if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
            code = add_name(names, entry->d_name);
    }
    closedir(list);
    return code;
}

static int collect_names(names_t *names, const new_root_t *root) {
    /* A given root is under the whole already. */
    int code = has_own_root(root) ? 0 : add_names(names, root->below, false);
    /* What a sandbox in one piece has left there. */
    if (code == 0) code = add_names(names, root->upper, true);
    for (char *const *layer = root->boot->layers; code == 0 && *layer != NULL; layer++) {
        int at = open(*layer, O_PATH | O_DIRECTORY | O_CLOEXEC);
        code = at < 0 ? -errno : add_names(names, at, is_of_parts(at));
        if (at >= 0) close(at);
    }
    return code;
}

/* Where a directory of the host has mounts below it that a user namespace must not uncover, the
 * kernel refuses to lay anything over it: over a copy then, or it is seen as it is. */
static int mount_refused(const new_root_t *root, const char *name, lowers_t *lowers, int target) {
    int *host = &lowers->fds[lowers->count - 1];
    int copy = host_copy(root->below, name), code = copy < 0 ? copy : 0;
    char path[FD_PATH];
    if (code == 0) {
        close(*host);
        *host = copy;
        code = overlay_mount(root, name, lowers, fd_path(path, target));
    }
    if (code == 0 || mounts_show(*host, target, MS_NODEV) < 0) return code;
    size_t len = strlen(root->note);
    snprintf(root->note + len, root->note_size - len, "%s/%s", len == 0 ? "read-only: " : " ",
             name);
    return 0;
}

/* What the one identity of RUNG_USER could not write to in any case needs no place for writes: the
 * directories of the host with nothing of ours in them. */
static bool only_shows(const new_root_t *root, const char *name, const lowers_t *lowers) {
    return root->rung == RUNG_USER && !has_own_root(root) && skeleton_shows(name) &&
           lowers->count == 1 && faccessat(root->upper, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0;
}

static int make_nothing(int at, bool user_xattr) {
    (void)at;
    (void)user_xattr;
    return 0;
}

/* A layer that lies in the very directory that it is laid over is refused, unless that one is a
 * mount of another kind by then. */
static int mount_apart(const new_root_t *root, const char *name, lowers_t *lowers, int target) {
    int *host = &lowers->fds[lowers->count - 1];
    lowers_t both = {.count = 0};
    char path[FD_PATH], place[NAME_MAX + 32], made[NAME_MAX + 8];
    snprintf(place, sizeof place, MOUNTS_PLACE "/%s.host", name);
    snprintf(made, sizeof made, "%s.empty", name);
    int code = mkdir(place, 0700) < 0 ? -errno : add_made(&both, root, made, make_nothing);
    if (code == 0) code = overlay_add(&both, *host, ".");
    if (code == 0) code = overlay_mount_read_only(&both, place);
    overlay_close(&both);
    if (code < 0) return code;
    close(*host);
    *host = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*host < 0) {
        code = -errno;
        lowers->count--;
        return code;
    }
    return overlay_mount(root, name, lowers, fd_path(path, target));
}

static int mount_part(const new_root_t *root, const char *name, lowers_t *lowers, int target) {
    char path[FD_PATH];
    if (only_shows(root, name, lowers)) return mounts_show(lowers->fds[0], target, MS_NODEV);
    int code = overlay_mount(root, name, lowers, fd_path(path, target));
    if (has_own_root(root) || !skeleton_shows(name)) return code;
    if (code == -ELOOP) return mount_apart(root, name, lowers, target);
    return code == -EINVAL ? mount_refused(root, name, lowers, target) : code;
}

static int place(const new_root_t *root, const char *name) {
    lowers_t lowers = {.count = 0};
    struct stat st;
    /* Something else of that name, which the sandbox itself has put there, stays. */
    if (fstatat(root->top, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode)) return 0;
    int target = mounts_make_directory(root->top, name, 0755);
    int code = target < 0 ? target : overlay_add_layers(&lowers, root, name);
    if (code == 0 && !has_own_root(root) && strcmp(name, "var") == 0)
        code = add_made(&lowers, root, name, skeleton_make_var);
    if (code == 0 && (has_own_root(root) || skeleton_shows(name)))
        code = overlay_add(&lowers, root->below, name);
    if (code == 0 && lowers.count == 0) code = add_made(&lowers, root, name, make_nothing);
    if (code == 0) code = mount_part(root, name, &lowers, target);
    if (target >= 0) close(target);
    overlay_close(&lowers);
    return code;
}

static int mount_parts(new_root_t *root) {
    names_t names = {.count = 0};
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

/* In a user namespace the host's root has mounts that must not be uncovered, so it goes by parts.
 */
int mount_tree(new_root_t *root) {
    if ((has_own_root(root) || root->rung == RUNG_ROOT) && mount_whole(root) == 0) return 0;
    return mount_parts(root);
}

#endif
