/*
 * quota.c: looks after a sandbox while programs run in it, and not at all while none do. Past its
 * disk the sandbox ends, since nothing of the kernel's would stop it; without groups that holds for
 * too many processes as well, and too much memory costs the largest process. Thread of pid 1.
 */
#include "quota.h"

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

struct quota {
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

static quota_t *of(const sandbox_t *sandbox) {
    return sandbox->walls != NULL ? sandbox->walls->quota : NULL;
}

/* ---- the disk ---- */

int64_t quota_disk_used(const sandbox_t *sandbox) {
    const quota_t *quota = of(sandbox);
    if (quota == NULL) return 0;
    int64_t measured = quota->measured > 0 ? quota->measured : 0;
    return measured + quota->written + quota->written_before;
}

bool quota_disk_full(const sandbox_t *sandbox, int64_t more) {
    int64_t most = sandbox->boot->disk_bytes;
    if (most == 0) return false;
    return more > most || quota_disk_used(sandbox) > most - more;
}

static void past_the_disk(sandbox_t *sandbox) {
    int64_t most = sandbox->boot->disk_bytes, used = quota_disk_used(sandbox);
    if (most > 0 && used > most + SLACK)
        sandbox_end(sandbox, "disk limit: %lld MiB are used, %lld MiB are allowed",
                    (long long)(used / MIB), (long long)(most / MIB));
}

static void on_slice(loop_alarm_t *alarm) {
    quota_t *quota = (quota_t *)((char *)alarm - offsetof(quota_t, slice));
    if (disk_walk_step(&quota->walk) == 1) {
        alarm_set(alarm, &quota->sandbox->loop, SLICE_PAUSE_MS, on_slice);
        return;
    }
    int64_t now = loop_now_ms(), rest = (now - quota->began_ms) * COST;
    quota->measured = quota->walk.bytes + disk_of_removed_files();
    quota->written_before = 0;
    quota->rest_until_ms = now + (rest < REST_MS ? rest : REST_MS);
    quota->walking = false;
    disk_walk_end(&quota->walk);
    past_the_disk(quota->sandbox);
}

/* Of the file system that the sandbox writes to. */
static uint64_t free_bytes(const quota_t *quota) {
    struct statvfs fs;
    if (fstatvfs(quota->sandbox->walls->upper, &fs) < 0) return 0;
    return (uint64_t)fs.f_bfree * fs.f_frsize;
}

/* However long a walk takes: when the disk fills up by what this sandbox has left, it is time. */
static bool is_time_to_walk(const quota_t *quota, uint64_t now_free) {
    if (quota->measured < 0 || loop_now_ms() >= quota->rest_until_ms) return true;
    int64_t most = quota->sandbox->boot->disk_bytes;
    uint64_t left = most > quota->measured ? (uint64_t)(most - quota->measured) : 0;
    return most > 0 && now_free < quota->free_before && quota->free_before - now_free > left / 2;
}

/* Whether there is one under way that began only now. */
static bool measure(quota_t *quota) {
    uint64_t now_free = free_bytes(quota);
    if (quota->walking || !is_time_to_walk(quota, now_free)) return false;
    if (disk_walk_begin(&quota->walk, quota->sandbox->walls->upper) < 0) return false;
    quota->walking = true;
    quota->began_ms = loop_now_ms();
    quota->free_before = now_free;
    /* What pid 1 writes while the walk goes on may or may not be met by it. */
    quota->written_before = quota->written;
    quota->written = 0;
    on_slice(&quota->slice);
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
        process_signal(&usage->largest, SIGKILL);
    }
}

/* ---- the looks ---- */

static int64_t pause_of(const sandbox_t *sandbox) {
    const cgroup_t *group = &sandbox->walls->cgroup;
    return group->memory && group->pids ? LOOK_MS : CLOSE_LOOK_MS;
}

static void on_look(loop_alarm_t *alarm) {
    quota_t *quota = (quota_t *)((char *)alarm - offsetof(quota_t, look));
    sandbox_t *sandbox = quota->sandbox;
    usage_t usage;
    bool alone = usage_of_processes(&usage) == 0 && usage.processes == 0;
    if (!alone) watch_processes(sandbox, &usage);
    measure(quota);
    /* Nobody is there to use more: quota_wake() begins again. */
    if (!alone || quota->written > 0) alarm_set(alarm, &sandbox->loop, pause_of(sandbox), on_look);
}

void quota_wake(quota_t *quota) {
    if (quota == NULL) return;
    quota->stale = true;
    if (quota->look.loop != NULL) return;
    alarm_set(&quota->look, &quota->sandbox->loop, pause_of(quota->sandbox), on_look);
}

void quota_disk_wrote(sandbox_t *sandbox, int64_t bytes) {
    quota_t *quota = of(sandbox);
    if (quota == NULL) return;
    quota->written += bytes;
    quota_wake(quota);
}

void quota_start(sandbox_t *sandbox) {
    if (sandbox->walls == NULL) return;
    quota_t *quota = calloc(1, sizeof *quota);
    if (quota == NULL) {
        sandbox_end(sandbox, "no memory");
        return;
    }
    quota->sandbox = sandbox;
    quota->measured = -1;
    sandbox->walls->quota = quota;
    /* A snapshot may be in there. */
    measure(quota);
}

void quota_stop(sandbox_t *sandbox) {
    quota_t *quota = of(sandbox);
    if (quota == NULL) return;
    alarm_stop(&quota->look);
    alarm_stop(&quota->slice);
    disk_walk_end(&quota->walk);
    free(quota);
    sandbox->walls->quota = NULL;
}
