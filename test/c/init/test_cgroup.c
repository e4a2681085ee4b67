/*
 * Where groups are made, by what a machine or a container shows of its hierarchies; and the life of
 * one: limits, who is born in it, an end of all in it. Real groups are tried as root alone; version
 * 2 with its controllers only where the machine has given them to it.
 */
#include "../test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "clone.h"
#include "pid1.h"
#include "remove_tree.h"
#include "text_file.h"

static cgroup_base_t base;

/* ---- finding ---- */

static char top[64];

static void begin_fake(void) {
    char path[128];
    snprintf(top, sizeof top, "/tmp/e2b-groups-XXXXXX");
    CHECK(mkdtemp(top) != NULL);
    static const char *const made[] = {"/memory", "/memory/a", "/memory/a/b", "/both", "/pids"};
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        snprintf(path, sizeof path, "%s%s", top, made[i]);
        CHECK_INT(mkdir(path, 0755), 0);
    }
}

static void finish_fake(void) {
    CHECK_INT(remove_tree(AT_FDCWD, top), 0);
}

/* "%s" in the lines is the directory of all. */
static void find(const char *mounts, const char *groups) {
    char text[1024] = "";
    for (size_t at = 0; *mounts != '\0'; mounts++) {
        if (strncmp(mounts, "%s", 2) == 0) {
            at += (size_t)snprintf(text + at, sizeof text - at, "%s", top);
            mounts++;
        } else {
            text[at++] = *mounts;
        }
        text[at] = '\0';
    }
    cgroup_base_find(&base, text, groups);
}

/* Ours is there, below `parent`; NULL: there is none. */
static void check_path(int kind, const char *parent) {
    char expected[128];
    struct stat st;
    if (parent == NULL) {
        CHECK_STR(base.path[kind], "");
        return;
    }
    snprintf(expected, sizeof expected, "%s%s/e2b-swarm-%ld-", top, parent, (long)getpid());
    CHECK(strncmp(base.path[kind], expected, strlen(expected)) == 0);
    CHECK(stat(base.path[kind], &st) == 0 && S_ISDIR(st.st_mode));
}

#define MEMORY_AT(root)                                                                            \
    "40 30 0:30 " root " %s/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n"

TEST("ours is made below the group that we are in") {
    begin_fake();
    find("22 1 8:1 / / rw - ext4 /dev/sda rw\n" MEMORY_AT("/"), "4:memory:/a/b\n3:pids:/\n");
    check_path(CGROUP_MEMORY, "/memory/a/b");
    check_path(CGROUP_PIDS, NULL);
    check_path(CGROUP_UNIFIED, NULL);
    cgroup_base_close(&base);
    CHECK(access(base.path[CGROUP_MEMORY], F_OK) < 0);
    finish_fake();
}

TEST("in a container that shows a part of a hierarchy the path begins there") {
    begin_fake();
    find(MEMORY_AT("/docker/x"), "4:memory:/docker/x/a\n");
    check_path(CGROUP_MEMORY, "/memory/a");
    find(MEMORY_AT("/docker/x"), "4:memory:/docker/x\n");
    check_path(CGROUP_MEMORY, "/memory");
    find(MEMORY_AT("/../.."), "4:memory:/\n");
    check_path(CGROUP_MEMORY, "/memory");
    finish_fake();
}

TEST("two controllers in one hierarchy share a group") {
    begin_fake();
    find("41 30 0:31 / %s/both rw - cgroup cgroup rw,cpu,cpuacct\n", "2:cpu,cpuacct:/\n");
    check_path(CGROUP_CPU, "/both");
    check_path(CGROUP_CPUACCT, "/both");
    CHECK_INT(cgroup_make(&base, "box"), 0);
    CHECK_INT(cgroup_remove(&base, "box"), 0);
    finish_fake();
}

TEST("what is not there, cut or strange is passed over") {
    begin_fake();
    find(MEMORY_AT("/"), "4:memory:/not/there\n");
    check_path(CGROUP_MEMORY, NULL);
    find("", "4:memory:/\n");
    check_path(CGROUP_MEMORY, NULL);
    find("40 30 0:30 / %s/memory\n - cgroup\n40 - cgroup cgroup rw,memory\n - - -\n",
         "4:memory:/\n");
    check_path(CGROUP_MEMORY, NULL);
    find(MEMORY_AT("/"), "4:memory\nx\n:::\n4:memo:/\n");
    check_path(CGROUP_MEMORY, NULL);
    finish_fake();
}

TEST("what a launcher has left that is dead is removed, one that lives keeps its own") {
    char dead[128], alive[PATH_MAX], other[128];
    begin_fake();
    snprintf(dead, sizeof dead, "%s/memory/e2b-swarm-%ld-1", top, (long)getpid());
    snprintf(other, sizeof other, "%s/memory/e2b-other", top);
    find(MEMORY_AT("/"), "4:memory:/\n");
    snprintf(alive, sizeof alive, "%s", base.path[CGROUP_MEMORY]);
    CHECK(mkdir(dead, 0755) == 0 && mkdir(other, 0755) == 0);
    find(MEMORY_AT("/"), "4:memory:/\n");
    CHECK(access(dead, F_OK) < 0 && access(alive, F_OK) == 0 && access(other, F_OK) == 0);
    finish_fake();
}

TEST("without any group everything says that it has nothing") {
    static const cgroup_base_t none;
    cgroup_t group;
    int64_t cache;
    CHECK_INT(cgroup_make(&none, "box"), 0);
    CHECK_INT(cgroup_open(&group, &none, "box", &(cgroup_limits_t){1, 1, 1}), 0);
    CHECK(!group.memory && !group.pids && !group.cpu && !group.freezer);
    CHECK_INT(cgroup_join(&group), 0);
    CHECK_INT(cgroup_freeze(&group, true), -ENOSYS);
    CHECK_INT(cgroup_cpu_us(&group), -1);
    CHECK_INT(cgroup_memory(&group, &cache), -1);
    CHECK_INT(cache, 0);
    cgroup_kill(&none, "box");
    CHECK_INT(cgroup_remove(&none, "box"), 0);
}

/* ---- a real one ---- */

static cgroup_t group;
static int ready[2];

static int wait_in_group(void *unused) {
    (void)unused;
    int code = cgroup_join(&group);
    if (code < 0 || write(ready[1], "", 1) < 0) _exit(1);
    for (;;) pause();
}

static bool lists(int kind, pid_t pid) {
    char text[4096], number[32];
    if (group.directory[kind] < 0) return true;
    if (text_read(group.directory[kind], "cgroup.procs", text, sizeof text) < 0) return false;
    snprintf(number, sizeof number, "%d", (int)pid);
    return text_has_word(text, number, "\n");
}

static bool has_ended(void *pid) {
    return waitpid(*(pid_t *)pid, NULL, WNOHANG) == *(pid_t *)pid;
}

static bool stands_still(void *unused) {
    (void)unused;
    return cgroup_frozen(&group) == 1;
}

static void life_of_one(void) {
    static char stack[65536];
    char byte;
    int64_t cache;
    cgroup_base_open(&base);
    CHECK_INT(cgroup_make(&base, "box"), 0);
    CHECK_INT(cgroup_make(&base, "box"), 0);
    cgroup_limits_t limits = {64 * 1024 * 1024, 50, 150};
    CHECK_INT(cgroup_open(&group, &base, "box", &limits), 0);
    if (group.directory[CGROUP_MEMORY] >= 0)
        CHECK_INT(text_number(group.directory[CGROUP_MEMORY], "memory.limit_in_bytes"),
                  limits.memory_bytes);
    if (group.directory[CGROUP_PIDS] >= 0)
        CHECK_INT(text_number(group.directory[CGROUP_PIDS], "pids.max"), 50);
    if (group.directory[CGROUP_CPU] >= 0)
        CHECK_INT(text_number(group.directory[CGROUP_CPU], "cpu.cfs_quota_us"), 150000);
    CHECK(pipe(ready) == 0);
    pid_t pid =
        clone_into(group.directory[CGROUP_UNIFIED], 0, wait_in_group, stack, sizeof stack, NULL);
    CHECK(pid > 0);
    CHECK_INT(read(ready[0], &byte, 1), 1);
    for (int kind = 0; kind < CGROUP_KINDS; kind++) CHECK(lists(kind, pid));
    CHECK_INT(cgroup_remove(&base, "box"), -EBUSY);
    CHECK(cgroup_cpu_us(&group) >= 0);
    if (group.memory) CHECK(cgroup_memory(&group, &cache) > 0);
    if (group.freezer) {
        CHECK_INT(cgroup_freeze(&group, true), 0);
        CHECK(pid1_until(stands_still, NULL));
        cgroup_kill(&base, "box");
        CHECK(pid1_until(has_ended, &pid));
    } else {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    CHECK_INT(cgroup_remove(&base, "box"), 0);
    cgroup_base_close(&base);
    for (int kind = 0; kind < CGROUP_KINDS; kind++)
        CHECK(base.path[kind][0] == '\0' || access(base.path[kind], F_OK) < 0);
}

__attribute__((constructor(65535))) static void add_facts_of_root(void) {
    if (geteuid() == 0)
        test_add("one limits, lists, counts, freezes and ends who is in it", life_of_one);
    else
        fprintf(stderr, "test_init_cgroup: not root: no real group is tried\n");
}

TEST_MAIN
