/*
 * A sandbox that stands still: nothing in it runs, not even a fork storm, pid 1 answers, and what
 * it was doing goes on after. By each means that this machine has: version 2 of cgroups, version 1,
 * and signals. Behind the real launcher.
 */
#include "../test.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "backend.h"
#include "program.h"

#define ROUNDS 50

static backend_t backend;
static far_t far;

static void begin(boot_rung_t rung) {
    backend_start(&backend, rung);
    backend_open(&backend, &far, &(backend_boot_t){.processes = 100}, NULL);
}

static void finish(void) {
    far_close(&far);
    backend_stop(&backend);
}

static void call(uint8_t type) {
    far_tell(&far, type, 0, 100);
    far_expect(&far, WIRE_DONE, 100);
}

static uint32_t processes(void) {
    far_tell(&far, WIRE_USAGE, 0, 101);
    wire_frame_t frame = far_expect(&far, WIRE_DONE, 101);
    wire_reader_t reader = wire_read(&frame);
    for (int i = 0; i < 4; i++) wire_read_i64(&reader);
    return wire_read_u32(&reader);
}

/* ---- what is checked ---- */

static void expect_echo(const char *text) {
    wire_frame_t frame = far_expect(&far, WIRE_DATA, 1);
    CHECK_MEM(frame.payload, frame.len, text, strlen(text));
    /* Of what it took. */
    far_credit(&far, 1, (uint32_t)frame.len);
}

/* The next frame that is no credit. */
static void check_stands_still(void) {
    program_shell(&far, 1, WIRE_SPAWN_STDIN, "exec cat");
    program_started(&far, 1);
    far_data(&far, WIRE_STDIN, 1, "one", 3);
    expect_echo("one");
    call(WIRE_FREEZE);
    far_data(&far, WIRE_STDIN, 1, "two", 3);
    /* Each answer comes next: there is no echo between them. */
    for (int i = 0; i < ROUNDS; i++) CHECK_INT(processes(), 1);
    program_shell(&far, 2, 0, "echo");
    CHECK_INT(far_expect_failed(&far, 2), EAGAIN);
    call(WIRE_FREEZE);
    call(WIRE_THAW);
    expect_echo("two");
    call(WIRE_THAW);
    program_shell(&far, 3, 0, "exec cat");
    program_started(&far, 3);
}

/* More processes come and go at every moment than can be counted, until none does. */
static void check_storm(void) {
    program_shell(&far, 1, 0,
                  "storm() { while :; do (true | true); done; }; storm & storm & storm");
    program_started(&far, 1);
    while (processes() < 4) continue;
    call(WIRE_FREEZE);
    uint32_t before = processes();
    for (int i = 0; i < ROUNDS; i++) CHECK_INT(processes(), before);
    call(WIRE_THAW);
    call(WIRE_FREEZE);
    /* And ends frozen, with all that is in it: finish() looks. */
}

static void check_all(boot_rung_t rung) {
    begin(rung);
    check_stands_still();
    finish();
    begin(rung);
    check_storm();
    finish();
}

/* ---- by what ---- */

TEST("without groups, in a namespace, by signals") {
    check_all(RUNG_USER);
}

TEST("without groups or namespaces, by signals") {
    check_all(RUNG_NONE);
}

static void by_groups(void) {
    check_all(RUNG_ROOT);
}

/* In a mount namespace where version 2 is not to be seen. */
static void by_old_groups(void) {
    int before = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    CHECK(before >= 0 && unshare(CLONE_NEWNS) == 0);
    CHECK_INT(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    CHECK_INT(umount2("/sys/fs/cgroup/unified", MNT_DETACH), 0);
    check_all(RUNG_ROOT);
    CHECK_INT(setns(before, CLONE_NEWNS), 0);
    close(before);
}

__attribute__((constructor(65535))) static void add_facts_of_root(void) {
    if (geteuid() != 0) {
        fprintf(stderr, "test_init_freeze: not root: groups are not tried\n");
        return;
    }
    test_add("by groups", by_groups);
    bool both = access("/sys/fs/cgroup/unified/cgroup.procs", F_OK) == 0 &&
                access("/sys/fs/cgroup/freezer/cgroup.procs", F_OK) == 0;
    if (both)
        test_add("by groups of version 1", by_old_groups);
    else
        fprintf(stderr, "test_init_freeze: not both versions of groups: the old is not tried\n");
}

TEST_MAIN
