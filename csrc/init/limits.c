/*
 * limits.c: looks after a sandbox while programs run in it, and not at all while none do. Past its
 * disk the sandbox ends, since nothing of the kernel's would stop it; without groups that holds for
 * too many processes as well, and too much memory costs the largest process. Thread of pid 1.
 */
#include "limits.h"

#include "disk.h"
#include "isolate.h"
#include "usage.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#define LOOK_MS 1000
#define CLOSE_LOOK_MS 250 /* where no group holds anything back meanwhile */
#define SLICE_PAUSE_MS 1
#define COST 20       /* a walk waits that many times what the last one took, */
#define REST_MS 60000 /* but not longer than this */
#define MIB (1024 * 1024)
#define SLACK MIB /* directories and the like: one file may be as large as the limit */

struct limits {
    sandbox_t *sandbox;
    loop_alarm_t look, slice;
    disk_walk_t walk;
    bool walking;
    bool stale; /* something ran since the last walk began */
    int64_t began_ms, rest_until_ms;
    int64_t measured; /* -1: never */
    int64_t written;  /* by pid 1 since the measure began, or for the one before it */
    int64_t written_before;
    uint64_t free_before; /* of the whole file system, when the last walk began */
};

static limits_t *of(const sandbox_t *sandbox) {
    return sandbox->walls != NULL ? sandbox->walls->limits : NULL;
}

/* ---- the disk ---- */

int64_t limits_disk_used(const sandbox_t *sandbox) {
    const limits_t *limits = of(sandbox);
    if (limits == NULL) return 0;
    int64_t measured = limits->measured > 0 ? limits->measured : 0;
    return measured + limits->written + limits->written_before;
}

bool limits_disk_full(const sandbox_t *sandbox, int64_t more) {
    int64_t most = sandbox->boot->disk_bytes;
    if (most == 0) return false;
    return more > most || limits_disk_used(sandbox) > most - more;
}

static void past_the_disk(sandbox_t *sandbox) {
    int64_t most = sandbox->boot->disk_bytes, used = limits_disk_used(sandbox);
    if (most > 0 && used > most + SLACK)
        sandbox_end(sandbox, "disk limit: %lld MiB are used, %lld MiB are allowed",
                    (long long)(used / MIB), (long long)(most / MIB));
}

static void on_slice(loop_alarm_t *alarm) {
    limits_t *limits = (limits_t *)((char *)alarm - offsetof(limits_t, slice));
    if (disk_walk_step(&limits->walk) == 1) {
        alarm_set(alarm, &limits->sandbox->loop, SLICE_PAUSE_MS, on_slice);
        return;
    }
    int64_t now = loop_now_ms(), rest = (now - limits->began_ms) * COST;
    limits->measured = limits->walk.bytes + disk_of_removed_files();
    limits->written_before = 0;
    limits->rest_until_ms = now + (rest < REST_MS ? rest : REST_MS);
    limits->walking = false;
    disk_walk_end(&limits->walk);
    past_the_disk(limits->sandbox);
}

/* Of the file system that the sandbox writes to. */
static uint64_t free_bytes(const limits_t *limits) {
    struct statvfs fs;
    if (fstatvfs(limits->sandbox->walls->upper, &fs) < 0) return 0;
    return (uint64_t)fs.f_bfree * fs.f_frsize;
}

/* However long a walk takes: when the disk fills up by what this sandbox has left, it is time. */
static bool is_time_to_walk(const limits_t *limits, uint64_t now_free) {
    if (limits->measured < 0 || loop_now_ms() >= limits->rest_until_ms) return true;
    int64_t most = limits->sandbox->boot->disk_bytes;
    uint64_t left = most > limits->measured ? (uint64_t)(most - limits->measured) : 0;
    return most > 0 && now_free < limits->free_before && limits->free_before - now_free > left / 2;
}

/* Whether there is one under way that began only now. */
static bool measure(limits_t *limits) {
    uint64_t now_free = free_bytes(limits);
    if (limits->walking || !is_time_to_walk(limits, now_free)) return false;
    if (disk_walk_begin(&limits->walk, limits->sandbox->walls->upper) < 0) return false;
    limits->walking = true;
    limits->began_ms = loop_now_ms();
    limits->free_before = now_free;
    /* What pid 1 writes while the walk goes on may or may not be met by it. */
    limits->written_before = limits->written;
    limits->written = 0;
    on_slice(&limits->slice);
    return true;
}

/* ---- memory and processes ---- */

static void watch_processes(sandbox_t *sandbox, const usage_t *usage) {
    const cgroup_t *group = &sandbox->walls->cgroup;
    const boot_t *boot = sandbox->boot;
    if (!group->pids && boot->processes > 0 && usage->processes > boot->processes)
        sandbox_end(sandbox, "process limit: %u run, %u are allowed", usage->processes,
                    boot->processes);
    if (!group->memory && boot->memory_bytes > 0 && usage->memory > boot->memory_bytes) {
        sandbox_log(sandbox, "memory limit: process %d is killed, which has %lld MiB",
                    (int)usage->largest.pid, (long long)(usage->largest_memory / MIB));
        descent_signal(&usage->largest, SIGKILL);
    }
}

/* ---- the looks ---- */

static int64_t pause_of(const sandbox_t *sandbox) {
    const cgroup_t *group = &sandbox->walls->cgroup;
    return group->memory && group->pids ? LOOK_MS : CLOSE_LOOK_MS;
}

static void on_look(loop_alarm_t *alarm) {
    limits_t *limits = (limits_t *)((char *)alarm - offsetof(limits_t, look));
    sandbox_t *sandbox = limits->sandbox;
    usage_t usage;
    bool alone = usage_of_processes(&usage) == 0 && usage.processes == 0;
    if (!alone) watch_processes(sandbox, &usage);
    measure(limits);
    /* Nobody is there to use more: limits_wake() begins again. */
    if (!alone || limits->written > 0) alarm_set(alarm, &sandbox->loop, pause_of(sandbox), on_look);
}

void limits_wake(limits_t *limits) {
    if (limits == NULL) return;
    limits->stale = true;
    if (limits->look.loop != NULL) return;
    alarm_set(&limits->look, &limits->sandbox->loop, pause_of(limits->sandbox), on_look);
}

void limits_disk_wrote(sandbox_t *sandbox, int64_t bytes) {
    limits_t *limits = of(sandbox);
    if (limits == NULL) return;
    limits->written += bytes;
    limits_wake(limits);
}

void limits_start(sandbox_t *sandbox) {
    if (sandbox->walls == NULL) return;
    limits_t *limits = calloc(1, sizeof *limits);
    if (limits == NULL) {
        sandbox_end(sandbox, "no memory");
        return;
    }
    limits->sandbox = sandbox;
    limits->measured = -1;
    sandbox->walls->limits = limits;
    /* A snapshot may be in there. */
    measure(limits);
}

void limits_stop(sandbox_t *sandbox) {
    limits_t *limits = of(sandbox);
    if (limits == NULL) return;
    alarm_stop(&limits->look);
    alarm_stop(&limits->slice);
    disk_walk_end(&limits->walk);
    free(limits);
    sandbox->walls->limits = NULL;
}
