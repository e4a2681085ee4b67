/*
 * cgroup_base.c: which hierarchies of cgroups there are to write to, and the launcher's own
 * directory in each. Everything that it makes is named after the launcher, so that the next one can
 * tell what a dead one left. Must not touch the group of anybody else, nor move a process that is
 * not the sandboxes'. Launcher.
 */
#include "cgroup.h"

#include "text_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "e2b-swarm-"
#define MAX_PROC_LINES (256u * 1024) /* of mountinfo */

static const char *const controllers[CGROUP_KINDS] = {
    [CGROUP_MEMORY] = "memory",   [CGROUP_PIDS] = "pids",       [CGROUP_CPU] = "cpu",
    [CGROUP_CPUACCT] = "cpuacct", [CGROUP_FREEZER] = "freezer",
};

/* ---- names ---- */

/* When that process began, in the kernel's ticks; 0 if there is none. With it a pid is of one
 * process for ever. */
static unsigned long long start_of(long pid) {
    char path[48], text[1024];
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    if (text_read(AT_FDCWD, path, text, sizeof text) <= 0) return 0;
    const char *at = strrchr(text, ')');
    for (int field = 2; at != NULL && field < 22; field++) at = strchr(at + 1, ' ');
    return at != NULL ? strtoull(at, NULL, 10) : 0;
}

static void own_name(char *name) {
    snprintf(name, CGROUP_NAME, PREFIX "%ld-%llu", (long)getpid(), start_of(getpid()));
}

static bool is_dead(const char *name) {
    char *end;
    if (strncmp(name, PREFIX, strlen(PREFIX)) != 0) return false;
    long pid = strtol(name + strlen(PREFIX), &end, 10);
    if (pid <= 0 || *end != '-') return false;
    return start_of(pid) != strtoull(end + 1, NULL, 10);
}

/* ---- removing ---- */

/* A group and those in it, one level deep: no sandbox makes more, it sees none. */
static int remove_group(const char *path) {
    if (rmdir(path) == 0 || errno == ENOENT) return 0;
    int code = -errno;
    DIR *directory = opendir(path);
    if (directory == NULL) return code;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
            unlinkat(dirfd(directory), entry->d_name, AT_REMOVEDIR);
    closedir(directory);
    return rmdir(path) == 0 ? 0 : -errno;
}

static void remove_dead(const char *parent) {
    DIR *directory = opendir(parent);
    char path[PATH_MAX];
    if (directory == NULL) return;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        if (is_dead(entry->d_name) &&
            snprintf(path, sizeof path, "%s/%s", parent, entry->d_name) < PATH_MAX)
            remove_group(path);
    closedir(directory);
}

/* ---- finding ---- */

/* The line of /proc/self/cgroup for one hierarchy: our own group in it. */
static bool own_group(const char *lines, const char *controller, char *group) {
    for (const char *line = lines; line != NULL && *line != '\0';) {
        const char *names = strchr(line, ':'),
                   *path = names != NULL ? strchr(names + 1, ':') : NULL;
        if (path == NULL) return false;
        char list[256];
        snprintf(list, sizeof list, "%.*s", (int)(path - names - 1), names + 1);
        bool found = controller == NULL ? list[0] == '\0' : text_has_word(list, controller, ",");
        size_t len = strcspn(path + 1, "\n");
        if (found && len < PATH_MAX) {
            memcpy(group, path + 1, len);
            group[len] = '\0';
            return true;
        }
        line = path[1 + len] == '\n' ? path + 2 + len : NULL;
    }
    return false;
}

/* The directory of our own group, out of one line of mountinfo, if it is that hierarchy's. */
static bool directory_of(char *line, const char *controller, const char *group, char *directory) {
    char *rest = strstr(line, " - "), *fields[5], *save = NULL;
    if (rest == NULL) return false;
    *rest = '\0';
    char *type = strtok_r(rest + 3, " ", &save), *source = strtok_r(NULL, " ", &save);
    char *options = strtok_r(NULL, " ", &save);
    if (type == NULL || source == NULL || options == NULL) return false;
    if (strcmp(type, controller == NULL ? "cgroup2" : "cgroup") != 0) return false;
    if (controller != NULL && !text_has_word(options, controller, ",")) return false;
    save = NULL;
    for (int i = 0; i < 5; i++)
        if ((fields[i] = strtok_r(i == 0 ? line : NULL, " ", &save)) == NULL) return false;
    /* Of a mount that shows a part of the hierarchy only, as in containers. */
    const char *root = fields[3], *mount_point = fields[4];
    size_t shown = strcmp(root, "/") == 0 ? 0 : strlen(root);
    if (strncmp(group, root, shown) != 0) group = "", shown = 0;
    const char *below = strcmp(group + shown, "/") == 0 ? "" : group + shown;
    return snprintf(directory, PATH_MAX, "%s%s", mount_point, below) < PATH_MAX &&
           access(directory, X_OK) == 0;
}

static bool find_own(const char *mounts, const char *groups, const char *controller,
                     char *directory) {
    char group[PATH_MAX], line[2 * PATH_MAX];
    if (!own_group(groups, controller, group)) return false;
    for (const char *at = mounts; *at != '\0';) {
        size_t len = strcspn(at, "\n");
        if (len < sizeof line) {
            memcpy(line, at, len);
            line[len] = '\0';
            if (directory_of(line, controller, group, directory)) return true;
        }
        at += len + (at[len] == '\n');
    }
    return false;
}

/* ---- making ---- */

/* One directory of ours below `parent`. */
static bool make_below(const char *parent, char *path) {
    char name[CGROUP_NAME];
    own_name(name);
    remove_dead(parent);
    if (snprintf(path, PATH_MAX, "%s/%s", parent, name) < PATH_MAX &&
        (mkdir(path, 0755) == 0 || errno == EEXIST))
        return true;
    path[0] = '\0';
    return false;
}

/* Whether groups in this one can have limits: it has the controllers, and hands them down. */
static bool hand_down(cgroup_base_t *base, const char *path) {
    char list[256];
    int at = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at < 0) return false;
    bool known = text_read(at, "cgroup.controllers", list, sizeof list) > 0;
    base->memory = known && text_has_word(list, "memory", " \n") &&
                   text_write(at, "cgroup.subtree_control", "+memory") == 0;
    base->pids = known && text_has_word(list, "pids", " \n") &&
                 text_write(at, "cgroup.subtree_control", "+pids") == 0;
    base->cpu = known && text_has_word(list, "cpu", " \n") &&
                text_write(at, "cgroup.subtree_control", "+cpu") == 0;
    close(at);
    return base->memory && base->pids;
}

/* A group with processes in it cannot hand controllers down, and ours has some: so the nearest one
 * above that does so already. The nearest of all, if none does: it still freezes and kills. */
static void make_unified(cgroup_base_t *base, const char *own) {
    char parent[PATH_MAX], nearest[PATH_MAX] = "", *path = base->path[CGROUP_UNIFIED];
    snprintf(parent, sizeof parent, "%s", own);
    /* Above the mount there is no such file. */
    while (access(parent, X_OK) == 0) {
        char mark[PATH_MAX + 16];
        snprintf(mark, sizeof mark, "%s/cgroup.procs", parent);
        if (access(mark, F_OK) < 0) break;
        if (make_below(parent, path)) {
            if (hand_down(base, path)) {
                if (nearest[0] != '\0') rmdir(nearest);
                return;
            }
            if (nearest[0] == '\0')
                snprintf(nearest, sizeof nearest, "%s", path);
            else
                rmdir(path);
        }
        char *slash = strrchr(parent, '/');
        if (slash == NULL || slash == parent) break;
        *slash = '\0';
    }
    base->memory = base->pids = base->cpu = false;
    snprintf(path, PATH_MAX, "%s", nearest);
}

static char *read_all(const char *path) {
    char *text = malloc(MAX_PROC_LINES);
    if (text == NULL) return NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    for (ssize_t got = 1; fd >= 0 && got > 0 && len < MAX_PROC_LINES - 1; len += (size_t)got) {
        got = read(fd, text + len, MAX_PROC_LINES - 1 - len);
        if (got < 0) got = 0;
    }
    if (fd >= 0) close(fd);
    text[len] = '\0';
    return text;
}

void cgroup_base_find(cgroup_base_t *base, const char *mounts, const char *groups) {
    char own[PATH_MAX];
    memset(base, 0, sizeof *base);
    if (find_own(mounts, groups, NULL, own)) make_unified(base, own);
    for (int kind = CGROUP_MEMORY; kind < CGROUP_KINDS; kind++)
        if (find_own(mounts, groups, controllers[kind], own)) make_below(own, base->path[kind]);
}

void cgroup_base_open(cgroup_base_t *base) {
    char *mounts = read_all("/proc/self/mountinfo"), *groups = read_all("/proc/self/cgroup");
    memset(base, 0, sizeof *base);
    if (mounts != NULL && groups != NULL) cgroup_base_find(base, mounts, groups);
    free(mounts);
    free(groups);
}

void cgroup_base_close(const cgroup_base_t *base) {
    for (int kind = 0; kind < CGROUP_KINDS; kind++)
        if (base->path[kind][0] != '\0') remove_group(base->path[kind]);
}

/* ---- one sandbox's, from outside ---- */

static bool path_of(const cgroup_base_t *base, int kind, const char *id, char *path) {
    return base->path[kind][0] != '\0' &&
           snprintf(path, PATH_MAX, "%s/%s", base->path[kind], id) < PATH_MAX;
}

int cgroup_make(const cgroup_base_t *base, const char *id) {
    char path[PATH_MAX];
    for (int kind = 0; kind < CGROUP_KINDS; kind++)
        if (path_of(base, kind, id, path) && mkdir(path, 0755) < 0 && errno != EEXIST) {
            int code = -errno;
            cgroup_remove(base, id);
            return code;
        }
    return 0;
}

int cgroup_remove(const cgroup_base_t *base, const char *id) {
    char path[PATH_MAX];
    int code = 0;
    for (int kind = 0; kind < CGROUP_KINDS; kind++)
        if (path_of(base, kind, id, path) && rmdir(path) < 0 && errno != ENOENT) code = -errno;
    return code;
}

/* Version 1 has no such file: whatever is listed gets the signal, which lands when it thaws. */
static void kill_listed(const char *path) {
    char *list, name[PATH_MAX + 16];
    snprintf(name, sizeof name, "%s/cgroup.procs", path);
    if ((list = read_all(name)) == NULL) return;
    char *end = list;
    for (long pid; (pid = strtol(end, &end, 10)) > 0;) kill((pid_t)pid, SIGKILL);
    free(list);
}

void cgroup_kill(const cgroup_base_t *base, const char *id) {
    char path[PATH_MAX], file[PATH_MAX + 16];
    if (path_of(base, CGROUP_UNIFIED, id, path)) {
        snprintf(file, sizeof file, "%s/cgroup.kill", path);
        if (text_write(AT_FDCWD, file, "1") == 0) return;
    }
    if (!path_of(base, CGROUP_FREEZER, id, path)) return;
    snprintf(file, sizeof file, "%s/freezer.state", path);
    /* Who stands still cannot fork, so the list is all of them. */
    text_write(AT_FDCWD, file, "FROZEN");
    kill_listed(path);
    text_write(AT_FDCWD, file, "THAWED");
}
