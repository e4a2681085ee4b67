/*
 * isolate.c: the walls in the order in which they can be built: identity, groups, files, network,
 * capabilities. What needs the host's view comes first, what takes rights away last. pid 1, before
 * it answers; walls_clone() and walls_enter() for each process that it starts.
 */
#ifdef __linux__

#include "isolate.h"

#include "mounts.h"
#include "network.h"
#include "quota.h"
#include "requests.h"
#include "text_file.h"
#include "usage.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static int failed(wall_failure_t *failure, int error, const char *what) {
    failure->error = error;
    snprintf(failure->what, sizeof failure->what, "%s", what);
    return -1;
}

uint64_t walls_namespaces(boot_rung_t rung) {
    if (rung == RUNG_NONE) return 0;
    uint64_t flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS;
    return rung == RUNG_USER ? flags | CLONE_NEWUSER : flags;
}

/* Who has no rights to give may map himself, once he has given up to change his groups. */
static int map_identity(const walls_plan_t *plan, wall_failure_t *failure) {
    char uid_map[64], gid_map[64];
    snprintf(uid_map, sizeof uid_map, "%d %u 1", WALLS_USER, plan->uid);
    snprintf(gid_map, sizeof gid_map, "%d %u 1", WALLS_USER, plan->gid);
    int code = text_write(AT_FDCWD, "/proc/self/setgroups", "deny");
    if (code == 0) code = text_write(AT_FDCWD, "/proc/self/uid_map", uid_map);
    if (code == 0) code = text_write(AT_FDCWD, "/proc/self/gid_map", gid_map);
    return code < 0 ? failed(failure, -code, "map the user of a user namespace") : 0;
}

/* Overlayfs marks its files in trusted.*, which is for the root of the machine alone. */
static bool in_user_namespace(void) {
    char map[64];
    unsigned long long inside = 1, outside = 1, count = 0;
    text_read(AT_FDCWD, "/proc/self/uid_map", map, sizeof map);
    int fields = sscanf(map, "%llu %llu %llu", &inside, &outside, &count);
    return fields != 3 || inside != 0 || outside != 0 || count != UINT32_MAX;
}

static int build_files(const walls_plan_t *plan, const boot_t *boot, wall_failure_t *failure,
                       char *note, size_t note_size) {
    new_root_t root = {.boot = boot,
                       .rung = plan->rung,
                       .private = plan->private,
                       .user_xattr = in_user_namespace(),
                       .memory_bytes = boot->memory_bytes,
                       .failure = failure,
                       .note = note,
                       .note_size = note_size};
    return mounts_build(&root);
}

/* Where nothing can be laid over the host's files, the sandbox's own have a place beside them. */
static int make_plain_files(const boot_t *boot, wall_failure_t *failure) {
    static const char *const paths[] = {"upper/home/user", "upper/root", "upper/tmp"};
    int at = open(boot->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int code = at < 0 ? -errno : 0;
    for (size_t i = 0; code == 0 && i < sizeof paths / sizeof *paths; i++) {
        int made = mounts_make_directory(at, paths[i], 0755);
        if (made < 0)
            code = made;
        else
            close(made);
    }
    if (at >= 0) close(at);
    return code < 0 ? failed(failure, -code, "make the sandbox's directories") : 0;
}

/* Of each process, where no group counts for all of them. */
static void set_limits(walls_t *walls, const boot_t *boot) {
    struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
    rlim_t disk = (rlim_t)boot->disk_bytes, memory = (rlim_t)boot->memory_bytes;
    walls->file_size = walls->data = walls->processes = none;
    if (disk > 0) walls->file_size = (struct rlimit){disk, disk};
    if (memory > 0 && !walls->cgroup.memory) walls->data = (struct rlimit){memory, memory};
    /* Counted by user: in a user namespace of its own that is the sandbox, else everybody. */
    if (boot->processes > 0 && !walls->cgroup.pids && walls->rung == RUNG_USER)
        walls->processes = (struct rlimit){boot->processes, boot->processes};
}

static uint32_t features_of(const walls_t *walls, const boot_t *boot) {
    uint32_t features = 0;
    const cgroup_t *group = &walls->cgroup;
    if (walls->rung != RUNG_NONE) features |= WIRE_HAS_FILES;
    if (walls->rung != RUNG_NONE && boot->flags & BOOT_NO_NETWORK) features |= WIRE_HAS_NETWORK;
    if (group->memory && group->pids && group->cpu) features |= WIRE_HAS_LIMITS;
    if (group->freezer) features |= WIRE_HAS_FREEZER;
    if (walls->rung == RUNG_ROOT) features |= WIRE_HAS_USERS;
    return features;
}

/* What namespaces give. */
static int build_spaces(walls_t *walls, const walls_plan_t *plan, const boot_t *boot,
                        wall_failure_t *failure, char *note, size_t note_size) {
    /* Before there is a /sys: it shows the network that it was mounted in. */
    int code = boot->flags & BOOT_NO_NETWORK ? network_leave(&walls->home_network) : 0;
    if (code < 0) return failed(failure, -code, "make a network");
    if (build_files(plan, boot, failure, note, note_size) < 0) return -1;
    if (sethostname(boot->hostname, strlen(boot->hostname)) < 0)
        return failed(failure, errno, "set the host's name");
    code = confine_capabilities();
    return code < 0 ? failed(failure, -code, "give up capabilities") : 0;
}

int walls_build(walls_t *walls, const walls_plan_t *plan, const boot_t *boot,
                wall_failure_t *failure, char *note, size_t note_size) {
    cgroup_limits_t limits = {boot->memory_bytes, boot->processes, boot->cpu_percent};
    *walls = (walls_t){.rung = plan->rung, .home_network = -1};
    if (plan->rung == RUNG_USER && map_identity(plan, failure) < 0) return -1;
    int code = cgroup_open(&walls->cgroup, plan->groups, boot->id, &limits);
    if (code < 0) return failed(failure, -code, "set the limits of a cgroup");
    set_limits(walls, boot);
    confine_prepare(&walls->confine, plan->rung);
    /* Before the host's names are gone; what is not there yet is made on the way. */
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/upper", boot->directory) >= PATH_MAX)
        return failed(failure, ENAMETOOLONG, "open the sandbox's directory");
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return failed(failure, errno, "make upper in the sandbox's directory");
    walls->upper = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (walls->upper < 0) return failed(failure, errno, "open upper in the sandbox's directory");
    code = plan->rung == RUNG_NONE ? make_plain_files(boot, failure)
                                   : build_spaces(walls, plan, boot, failure, note, note_size);
    walls->features = features_of(walls, boot);
    return code;
}

/* ---- each process ---- */

pid_t walls_clone(const walls_t *walls, uint64_t flags, clone_run_t *run, void *stack,
                  size_t stack_size, void *argument) {
    if (walls != NULL) quota_wake(walls->quota);
    int group = walls != NULL ? walls->cgroup.directory[CGROUP_UNIFIED] : -1;
    return clone_into(group, flags, run, stack, stack_size, argument);
}

/* The hard limit can be lowered only, so one that is lower already stays. */
static int lower(int resource, const struct rlimit *limit) {
    if (limit->rlim_cur == RLIM_INFINITY) return 0;
    if (setrlimit((__rlimit_resource_t)resource, limit) == 0 || errno == EPERM) return 0;
    return -errno;
}

int walls_enter(const walls_t *walls) {
    static const struct rlimit no_core = {0, 0};
    int code = cgroup_join(&walls->cgroup);
    if (code == 0) code = lower(RLIMIT_CORE, &no_core);
    if (code == 0) code = lower(RLIMIT_FSIZE, &walls->file_size);
    if (code == 0) code = lower(RLIMIT_DATA, &walls->data);
    if (code == 0) code = lower(RLIMIT_NPROC, &walls->processes);
    /* Its group is the root of those that it sees. */
    if (walls->rung != RUNG_NONE) unshare(CLONE_NEWCGROUP);
    /* Nobody on the host becomes root by way of a sandbox; within one that has users, sudo works.
     */
    if (code == 0 && walls->rung != RUNG_ROOT && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        code = -errno;
    return code == 0 ? -confine_apply(&walls->confine) : -code;
}

/* ---- WIRE_ISOLATE ---- */

void isolate_request(sandbox_t *sandbox, const wire_frame_t *frame) {
    wire_reader_t reader = wire_read(frame);
    uint32_t back = wire_read_u32(&reader);
    bool has_own = sandbox->features & WIRE_HAS_NETWORK;
    usage_t usage;
    int error = 0;
    if (!wire_read_all(&reader) || back > 1)
        error = EBADMSG;
    else if (sandbox->rung == RUNG_NONE)
        error = ENOSYS;
    else if (has_own != (back == 1))
        error = 0;
    else if (usage_of_processes(&usage) < 0 || usage.processes > 0)
        error = EBUSY;
    else
        error = back ? -network_return(sandbox->walls->home_network)
                     : -network_leave(&sandbox->walls->home_network);
    if (error != 0) {
        const char *what = back ? "return to the host's network" : "leave the network";
        answer_failed(sandbox, frame->stream, error, what);
        return;
    }
    sandbox->features &= ~WIRE_HAS_NETWORK;
    if (!back) sandbox->features |= WIRE_HAS_NETWORK;
    answer_done(sandbox, frame->stream);
}

#endif
