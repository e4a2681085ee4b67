/*
 * cgroup.c: the group of one sandbox, from pid 1. All by descriptors of its directories, so that it
 * works behind the walls too. Must not be reachable for what runs in the sandbox: the descriptors
 * are closed on exec, and pid 1 may not be looked into. Thread of pid 1.
 */
#include "cgroup.h"

#include "clone.h"
#include "text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PERIOD_US 100000 /* the kernel's own for CPU quotas */

static void open_directory(cgroup_t *group, int kind, const cgroup_base_t *base, const char *id) {
    char path[PATH_MAX];
    if (base->path[kind][0] == '\0') return;
    int len = snprintf(path, sizeof path, "%s/%s", base->path[kind], id);
    if (len >= PATH_MAX) return;
    group->directory[kind] = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (group->directory[kind] < 0) return;
    /* One thread may write itself to `tasks` without a wait; to cgroup.procs not. */
    const char *file = kind == CGROUP_UNIFIED ? "cgroup.procs" : "tasks";
    if (kind == CGROUP_UNIFIED && CLONE_CAN_JOIN) return;
    group->join[kind] = openat(group->directory[kind], file, O_WRONLY | O_CLOEXEC);
}

/* 0 when there is nothing to do. */
static int limit_memory(const cgroup_t *group, bool unified, int64_t bytes) {
    if (bytes == 0) return 0;
    int code;
    if (unified) {
        int at = group->directory[CGROUP_UNIFIED];
        code = text_write_number(at, "memory.max", bytes);
        text_write(at, "memory.swap.max", "0"); /* not there without swap */
    } else {
        int at = group->directory[CGROUP_MEMORY];
        code = text_write_number(at, "memory.limit_in_bytes", bytes);
        text_write_number(at, "memory.memsw.limit_in_bytes", bytes);
    }
    return code;
}

static int limit_cpu(const cgroup_t *group, bool unified, uint32_t percent) {
    if (percent == 0) return 0;
    int64_t quota = (int64_t)percent * PERIOD_US / 100;
    if (!unified) return text_write_number(group->directory[CGROUP_CPU], "cpu.cfs_quota_us", quota);
    char text[48];
    snprintf(text, sizeof text, "%lld %d", (long long)quota, PERIOD_US);
    return text_write(group->directory[CGROUP_UNIFIED], "cpu.max", text);
}

/* In the kernel's eyes each thread is one. */
static int limit_pids(const cgroup_t *group, bool unified, uint32_t processes) {
    if (processes == 0) return 0;
    int kind = unified ? CGROUP_UNIFIED : CGROUP_PIDS;
    return text_write_number(group->directory[kind], "pids.max", processes);
}

int cgroup_open(cgroup_t *group, const cgroup_base_t *base, const char *id,
                const cgroup_limits_t *limits) {
    *group = (cgroup_t){0};
    memset(group->directory, -1, sizeof group->directory);
    memset(group->join, -1, sizeof group->join);
    for (int kind = 0; kind < CGROUP_KINDS; kind++) open_directory(group, kind, base, id);
    const int *at = group->directory;
    bool unified = at[CGROUP_UNIFIED] >= 0;
    group->memory = (unified && base->memory) || at[CGROUP_MEMORY] >= 0;
    group->pids = (unified && base->pids) || at[CGROUP_PIDS] >= 0;
    group->cpu = (unified && base->cpu) || at[CGROUP_CPU] >= 0;
    group->freezer = unified || at[CGROUP_FREEZER] >= 0;
    int code = 0;
    if (group->memory) code = limit_memory(group, base->memory, limits->memory_bytes);
    if (code == 0 && group->pids) code = limit_pids(group, base->pids, limits->processes);
    if (code == 0 && group->cpu) code = limit_cpu(group, base->cpu, limits->cpu_percent);
    return code;
}

int cgroup_join(const cgroup_t *group) {
    for (int kind = 0; kind < CGROUP_KINDS; kind++)
        if (group->join[kind] >= 0 && write(group->join[kind], "0", 1) < 0) return -errno;
    return 0;
}

int cgroup_freeze(const cgroup_t *group, bool frozen) {
    int unified = group->directory[CGROUP_UNIFIED], freezer = group->directory[CGROUP_FREEZER];
    if (unified >= 0) return text_write(unified, "cgroup.freeze", frozen ? "1" : "0");
    if (freezer >= 0) return text_write(freezer, "freezer.state", frozen ? "FROZEN" : "THAWED");
    return -ENOSYS;
}

int cgroup_frozen(const cgroup_t *group) {
    int unified = group->directory[CGROUP_UNIFIED], freezer = group->directory[CGROUP_FREEZER];
    char state[32];
    if (unified >= 0) return (int)text_number_of(unified, "cgroup.events", "frozen");
    int code = text_read(freezer, "freezer.state", state, sizeof state);
    return code < 0 ? code : strncmp(state, "FROZEN", 6) == 0;
}

int64_t cgroup_cpu_us(const cgroup_t *group) {
    int64_t ns = -1;
    if (group->directory[CGROUP_CPUACCT] >= 0)
        ns = text_number(group->directory[CGROUP_CPUACCT], "cpuacct.usage");
    if (ns >= 0) return ns / 1000;
    /* Also where no controller is enabled. */
    if (group->directory[CGROUP_UNIFIED] < 0) return -1;
    return text_number_of(group->directory[CGROUP_UNIFIED], "cpu.stat", "usage_usec");
}

int64_t cgroup_memory(const cgroup_t *group, int64_t *cache) {
    int old = group->directory[CGROUP_MEMORY], unified = group->directory[CGROUP_UNIFIED];
    *cache = 0;
    if (!group->memory) return -1;
    int at = old >= 0 ? old : unified;
    int64_t page_cache = text_number_of(at, "memory.stat", old >= 0 ? "cache" : "file");
    *cache = page_cache > 0 ? page_cache : 0;
    return text_number(at, old >= 0 ? "memory.usage_in_bytes" : "memory.current");
}
