/*
 * Who a program is, on each rung, behind the real walls: users, groups and capabilities, `sudo`
 * where the files have none of their own, whose terminal it is, and what it sees of pid 1. As an
 * ordinary user only the rungs below RUNG_ROOT are tried.
 */
#include "../test.h"

#include <errno.h>
#include <unistd.h>

#include "backend.h"
#include "program.h"

static backend_t backend;
static far_t far;
static told_t told;

static void begin(boot_rung_t rung) {
    backend_start(&backend, rung);
    backend_open(&backend, &far, NULL, NULL);
}

static void finish(void) {
    far_close(&far);
    backend_stop(&backend);
}

/* What a line for the shell says, as that user; "" is the default one. */
static const char *says(const char *user, uint32_t flags, const char *line) {
    const char *const args[] = {"/bin/sh", "-c", line, NULL};
    memset(&told, 0, sizeof told);
    program_spawn(&far, 1,
                  &(order_t){.args = args, .user = user, .flags = flags, .cols = 80, .rows = 24});
    program_listen(&far, 1, &told);
    return told.text[flags & WIRE_SPAWN_PTY ? WIRE_PTY : WIRE_STDOUT];
}

/* ---- what is so on both rungs with walls ---- */

static void check_names(void) {
    CHECK_STR(says("", 0, "id -un; id -gn; pwd"), "user\nuser\n/home/user\n");
    CHECK_STR(says("root", 0, "id -un; id -u; id -gn"), "root\n0\nroot\n");
    CHECK_STR(says("other", 0, "id -un; id -u"), "other\n1001\n");
    says("nosuch", 0, "id");
    CHECK_INT(told.error, ESRCH);
}

static void check_files(void) {
    CHECK_STR(says("", 0, "echo 1 >mine; stat -c '%U %a' mine /home/user"), "user 644\nuser 755\n");
    CHECK_STR(says("root", 0, "cat mine; echo 2 >/root/secret; stat -c %U /root/secret"),
              "1\nroot\n");
}

static void check_terminal(void) {
    CHECK_STR(says("", WIRE_SPAWN_PTY, "stat -c '%U %a' `tty`; echo x >`tty`; stty size"),
              "user 620\r\nx\r\n24 80\r\n");
}

static void check_pid1(void) {
    CHECK_STR(
        says("", 0, "cat /proc/1/environ 2>&1 >/dev/null | grep -c denied; pgrep -x e2b-init"),
        "1\n1\n");
    CHECK(strstr(says("", 0, "tr '\\0' ' ' </proc/1/cmdline"), backend.directory) == NULL);
    CHECK_STR(says("root", 0,
                   "ls /proc/1/root/ 2>/dev/null; cat /proc/1/fd/* 2>/dev/null; "
                   "kill -9 1; echo lives"),
              "lives\n");
}

static void check_sudo(void) {
    says("", 0, "sudo id -un; sudo -u other id -un; sudo -n -u '#1001' id -u; sudo -uother id -un");
    CHECK_STR(told.text[WIRE_STDOUT], "root\nother\n1001\nother\n");
    CHECK_STR(says("", 0, "A=1 B=2 sudo C=3 env | grep -E '^(A|B|C|HOME|USER|SUDO_USER)=' | sort"),
              "C=3\nHOME=/root\nSUDO_USER=user\nUSER=root\n");
    CHECK_STR(says("", 0, "A=1 HOME=/home/user sudo -E env | grep -E '^(A|HOME)=' | sort"),
              "A=1\nHOME=/home/user\n");
    CHECK_STR(says("", 0, "A=1 HOME=/home/user sudo -EH env | grep -E '^(A|HOME)=' | sort"),
              "A=1\nHOME=/root\n");
    CHECK_STR(says("", 0, "sudo -i pwd; sudo -iu other pwd; sudo -s echo 'a  b' '$0' \\; echo '*'"),
              "/root\n/home/other\na  b bash ; echo *\n");
    CHECK_STR(says("root", 0, "sudo -u user id -un; sudo sudo -u other sudo id -un"),
              "user\nroot\n");
    CHECK_STR(says("", 0, "sudo sh -c 'exit 7'; echo $?; sudo -- true; echo $?; sudo -k; echo $?"),
              "7\n0\n0\n");
    says("", 0, "sudo 2>&1; sudo -u 2>&1; sudo -Q x 2>&1; sudo --nothing x 2>&1; echo $?");
    CHECK(strncmp(told.text[WIRE_STDOUT], "usage: sudo", 11) == 0);
    CHECK(strstr(told.text[WIRE_STDOUT], "\n1\n") != NULL);
    CHECK_STR(says("", 0, "sudo no-such-program 2>&1; echo $?; sudo -u nosuch id 2>&1; echo $?"),
              "sudo: no-such-program: command not found\n1\nsudo: unknown user: nosuch\n1\n");
}

static void check_all(boot_rung_t rung) {
    begin(rung);
    check_names();
    check_files();
    check_terminal();
    check_pid1();
    check_sudo();
    finish();
}

/* ---- facts ---- */

TEST("in a user namespace of one identity programs go by the name that they are to have") {
    check_all(RUNG_USER);
}

TEST("in a user namespace a program has capabilities over nothing but its own name") {
    begin(RUNG_USER);
    CHECK_STR(says("", 0, "grep CapEff /proc/self/status"), "CapEff:\t0000000000000000\n");
    says("root", 0,
         "mount -t tmpfs none /mnt 2>/dev/null && echo mounted; hostname x 2>/dev/null "
         "&& echo named; echo end");
    CHECK_STR(told.text[WIRE_STDOUT], "end\n");
    finish();
}

TEST("without walls everybody is who runs the backend") {
    begin(RUNG_NONE);
    char expected[64];
    snprintf(expected, sizeof expected, "%u\n", backend.uid);
    CHECK_STR(says("", 0, "id -u"), expected);
    CHECK_STR(says("root", 0, "id -u"), expected);
    says("other", 0, "id -u");
    CHECK_INT(told.error, ESRCH);
    finish();
}

static void as_root(void) {
    check_all(RUNG_ROOT);
}

static void groups_and_capabilities(void) {
    begin(RUNG_ROOT);
    CHECK_STR(says("", 0, "id -G; grep CapEff /proc/self/status"),
              "1000 50\nCapEff:\t0000000000000000\n");
    CHECK_STR(says("other", 0, "id -G"), "1001 50\n");
    CHECK_STR(says("root", 0, "id -G"), "0\n");
    CHECK_STR(says("", 0, "sudo id -G; sudo -u other id -G"), "0\n1001 50\n");
    says("root", 0, "echo x >/home/user/roots; chmod 600 /home/user/roots");
    says("", 0, "cat roots 2>/dev/null || echo refused; sudo cat roots");
    CHECK_STR(told.text[WIRE_STDOUT], "refused\nx\n");
    finish();
}

/* Where there is a root to be. */
__attribute__((constructor(65535))) static void add_facts_of_root(void) {
    if (geteuid() == 0) {
        test_add("as root there are users, and sudo goes from one to another", as_root);
        test_add("as root a user has his groups, no capability, and no file of another",
                 groups_and_capabilities);
    } else {
        fprintf(stderr, "test_init_identity: not root: RUNG_ROOT is not tried\n");
    }
}

TEST_MAIN
