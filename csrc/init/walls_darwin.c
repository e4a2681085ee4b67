/*
 * walls_darwin.c: isolate.h and identity.h on macOS, where there are no walls: directories of its
 * own, and limits of each process. Empty elsewhere. pid 1, before it answers, and each process that
 * it starts.
 */
#ifdef __APPLE__

#include "identity.h"
#include "isolate.h"
#include "quota.h"
#include "requests.h"
#include "system.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int failed(wall_failure_t *failure, int error, const char *what) {
    failure->error = error;
    snprintf(failure->what, sizeof failure->what, "%s", what);
    return -1;
}

uint64_t walls_namespaces(boot_rung_t rung) {
    (void)rung;
    return 0;
}

/* Parents before what lies in them. 0 or -errno. */
static int make_files(const boot_t *boot) {
    static const char *const paths[] = {"upper", "upper/home", "upper/home/user", "upper/root",
                                        "upper/tmp"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char path[PATH_MAX];
        int len = snprintf(path, sizeof path, "%s/%s", boot->directory, paths[i]);
        if (len >= (int)sizeof path) return -ENAMETOOLONG;
        if (mkdir(path, 0755) < 0 && errno != EEXIST) return -errno;
    }
    return 0;
}

int walls_build(walls_t *walls, const walls_plan_t *plan, const boot_t *boot,
                wall_failure_t *failure, char *note, size_t note_size) {
    const struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
    rlim_t disk = (rlim_t)boot->disk_bytes, memory = (rlim_t)boot->memory_bytes;
    char path[PATH_MAX];
    *walls = (walls_t){.rung = plan->rung, .upper = -1, .home_network = -1};
    if (note_size > 0) *note = '\0';
    if (plan->rung != RUNG_NONE) return failed(failure, ENOSYS, "isolate on macOS");
    cgroup_limits_t limits = {0};
    int code = cgroup_open(&walls->cgroup, plan->groups, boot->id, &limits);
    if (code < 0) return failed(failure, -code, "set limits");
    walls->file_size = walls->data = walls->processes = none;
    if (disk > 0) walls->file_size = (struct rlimit){disk, disk};
    if (memory > 0) walls->data = (struct rlimit){memory, memory};
    code = make_files(boot);
    if (code < 0) return failed(failure, -code, "make the sandbox's directories");
    snprintf(path, sizeof path, "%s/upper", boot->directory);
    walls->upper = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return walls->upper < 0 ? failed(failure, errno, "open the sandbox's directory") : 0;
}

/* ---- each process ---- */

pid_t walls_clone(const walls_t *walls, uint64_t flags, clone_run_t *run, void *stack,
                  size_t stack_size, void *argument) {
    if (walls != NULL) quota_wake(walls->quota);
    return clone_into(-1, flags, run, stack, stack_size, argument);
}

/* The hard limit can be lowered only, so one that is lower already stays. */
static int lower(int resource, const struct rlimit *limit) {
    if (limit->rlim_cur == RLIM_INFINITY) return 0;
    if (setrlimit(resource, limit) == 0 || errno == EPERM || errno == EINVAL) return 0;
    return errno;
}

int walls_enter(const walls_t *walls) {
    static const struct rlimit no_core = {0, 0};
    int error = lower(RLIMIT_CORE, &no_core);
    if (error == 0) error = lower(RLIMIT_FSIZE, &walls->file_size);
    return error != 0 ? error : lower(RLIMIT_DATA, &walls->data);
}

void isolate_request(sandbox_t *sandbox, const wire_frame_t *frame) {
    answer_failed(sandbox, frame->stream, ENOSYS, "leave the network");
}

/* ---- one identity, that of the backend ---- */

int identity_take(uid_t uid, gid_t gid, const gid_t *groups, size_t group_count) {
    (void)uid, (void)gid, (void)groups, (void)group_count;
    return ENOSYS;
}

int identity_rename(uid_t uid, gid_t gid, uid_t own_uid, gid_t own_gid) {
    (void)uid, (void)gid, (void)own_uid, (void)own_gid;
    return ENOSYS;
}

/* Only /proc is written to. */
int identity_write(const char *path, const char *text) {
    (void)path, (void)text;
    return ENOENT;
}

#endif
