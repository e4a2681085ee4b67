/*
 * Programs: what they begin with, what they write and read, how they end, and what pid 1 does about
 * those that nobody waits for.
 */
#include "../test.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pid1.h"
#include "program.h"

static pid1_t pid1;
static told_t told;

static void begin(void) {
    memset(&told, 0, sizeof told);
    pid1_start(&pid1);
}

static void finish(void) {
    CHECK_INT(pid1_stop(&pid1), 0);
}

static int spawn_error(const order_t *order) {
    program_spawn(&pid1.far, 1, order);
    return far_expect_failed(&pid1.far, 1);
}

static bool is_gone(void *context) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d", *(pid_t *)context);
    return access(path, F_OK) < 0;
}

TEST("a program's output goes to its channels, then it ends, and is done") {
    begin();
    program_shell(&pid1.far, 1, 0, "echo out; echo err >&2; exit 3");
    CHECK(program_started(&pid1.far, 1) > 1);
    program_listen(&pid1.far, 1, &told);
    CHECK_STR(told.text[WIRE_STDOUT], "out\n");
    CHECK_STR(told.text[WIRE_STDERR], "err\n");
    CHECK(told.ended[WIRE_STDOUT] && told.ended[WIRE_STDERR] && told.exited);
    CHECK_INT(told.status, 3);
    CHECK_INT(told.signal, 0);
    finish();
}

TEST("arguments arrive as they are, and nothing but the environment that was given") {
    begin();
    const char *const args[] = {"sh",         "-c", "env; printf '<%s>' \"$@\"", "name", "", "a b",
                                "*\n\t'\"$x", NULL};
    const char *const env[] = {"PWD=/", "A=1 2", "PATH=/usr/bin:/bin", "_=/usr/bin/env", NULL};
    program_spawn(&pid1.far, 1, &(order_t){.args = args, .env = env, .cwd = "/"});
    program_started(&pid1.far, 1);
    program_listen(&pid1.far, 1, &told);
    CHECK(strstr(told.text[1], "A=1 2\n") != NULL && strstr(told.text[1], "PATH=/usr/bin") != NULL);
    CHECK(strstr(told.text[1], "HOME") == NULL);
    CHECK(strstr(told.text[1], "<><a b><*\n\t'\"$x>") != NULL);
    finish();
}

TEST("a program begins alone in its session, and goes first when memory is short") {
    begin();
    program_run(&pid1.far,
                "ps -o pid=,sid=,tty= -p $$; echo $$; umask; cat /proc/self/oom_score_adj", &told);
    int pid, session, self;
    char tty[16], rest[32];
    CHECK_INT(sscanf(told.text[1], "%d %d %15s %d %31[^~]", &pid, &session, tty, &self, rest), 5);
    CHECK(pid == session && pid == self);
    CHECK_STR(tty, "?");
    CHECK_STR(rest, "0022\n100\n");
    finish();
}

TEST("no signal is blocked or ignored when a program begins") {
    static const char *const args[] = {"grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status", NULL};
    signal(SIGHUP, SIG_IGN); /* as under nohup */
    begin();
    signal(SIGHUP, SIG_DFL);
    program_spawn(&pid1.far, 1, &(order_t){.args = args});
    program_listen(&pid1.far, 1, &told);
    CHECK_STR(told.text[1], "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
    finish();
}

TEST("a program has its stdio and no other descriptor") {
    begin();
    program_shell(&pid1.far, 1, WIRE_SPAWN_STDIN, "exec cat"); /* others are open meanwhile */
    program_started(&pid1.far, 1);
    program_run(&pid1.far, "ls /proc/$$/fd; readlink /proc/$$/fd/0", &told);
    CHECK_STR(told.text[1], "0\n1\n2\n/dev/null\n");
    finish();
}

TEST("it is where it shall be, and the home is the sandbox's") {
    begin();
    char home[160];
    snprintf(home, sizeof home, "%s/upper/home/user\n", pid1.directory);
    program_run(&pid1.far, "pwd -P", &told);
    CHECK_STR(told.text[1], home);
    const char *const args[] = {"pwd", NULL};
    memset(&told, 0, sizeof told);
    program_spawn(&pid1.far, 1, &(order_t){.args = args, .cwd = "/usr", .user = "root"});
    program_listen(&pid1.far, 1, &told);
    CHECK_STR(told.text[1], "/usr\n");
    finish();
}

TEST("a program that cannot be started is said by the kernel's number") {
    begin();
    static const char *const good[] = {"true", NULL}, *const none[] = {"no-such-program", NULL},
                             *const directory[] = {"/usr", NULL}, *const empty[] = {"", NULL},
                             *const nothing[] = {NULL};
    CHECK_INT(spawn_error(&(order_t){.args = none}), ENOENT);
    CHECK_INT(spawn_error(&(order_t){.args = empty}), ENOENT);
    CHECK_INT(spawn_error(&(order_t){.args = directory}), EACCES);
    CHECK_INT(spawn_error(&(order_t){.args = nothing}), EBADMSG);
    CHECK_INT(spawn_error(&(order_t){.args = good, .cwd = "/no/such"}), ENOENT);
    CHECK_INT(spawn_error(&(order_t){.args = good, .cwd = "/etc/passwd"}), ENOTDIR);
    CHECK_INT(spawn_error(&(order_t){.args = good, .user = "nobody-here"}), ESRCH);
    program_run(&pid1.far, "echo well", &told);
    CHECK_STR(told.text[1], "well\n");
    finish();
}

TEST("the PATH is the program's own: its order, its gaps, and what cannot be executed in it") {
    begin();
    char path[400], file[256];
    snprintf(file, sizeof file, "%s/upper/home/user/tool", pid1.directory);
    FILE *tool = fopen(file, "w");
    CHECK(tool != NULL);
    fputs("#!/bin/sh\necho mine\n", tool);
    fclose(tool);
    static const char *const args[] = {"tool", NULL};
    snprintf(path, sizeof path, "PATH=/no/such:/etc/passwd:%s/upper/home/user:/bin",
             pid1.directory);
    const char *const env[] = {path, NULL}, *const gap[] = {"PATH=/no/such::/bin", NULL};
    CHECK_INT(spawn_error(&(order_t){.args = args, .env = env}), EACCES);
    CHECK_INT(chmod(file, 0755), 0);
    program_spawn(&pid1.far, 1, &(order_t){.args = args, .env = env});
    program_listen(&pid1.far, 1, &told);
    CHECK_STR(told.text[1], "mine\n");
    memset(&told, 0, sizeof told);
    program_spawn(&pid1.far, 1, &(order_t){.args = args, .env = gap}); /* the gap is where it is */
    program_listen(&pid1.far, 1, &told);
    CHECK_STR(told.text[1], "mine\n");
    finish();
}

static void run_wrapped(const char *const *args, const char *const *env) {
    memset(&told, 0, sizeof told);
    program_spawn(&pid1.far, 1, &(order_t){.args = args, .env = env, .flags = WIRE_SPAWN_WRAPPED});
    program_listen(&pid1.far, 1, &told);
}

#define WRAPPER "sh", "-c", "echo wrapper; exec \"$@\"", "sh"

TEST("the shell around a program is left out, but for its PWD, and speaks when that cannot start") {
    begin();
    char home[160], link[200], same[220];
    snprintf(home, sizeof home, "PWD=%s/upper/home/user", pid1.directory);
    snprintf(link, sizeof link, "%s/here", pid1.directory);
    snprintf(same, sizeof same, "PWD=%s", link);
    CHECK_INT(symlink(home + strlen("PWD="), link), 0);
    static const char *const wrapped[] = {WRAPPER, "printenv", "PWD", NULL},
                             *const missing[] = {WRAPPER, "no-such-program", NULL},
                             *const directory[] = {WRAPPER, "/usr", NULL},
                             *const nothing[] = {WRAPPER, NULL};
    const char *const here[] = {PROGRAM_PATH, "PWD=", NULL},
                      *const wrong[] = {PROGRAM_PATH, "PWD=/usr", NULL},
                      *const other_name[] = {PROGRAM_PATH, same, NULL},
                      *const none[] = {PROGRAM_PATH, NULL};
    const char *const *const environments[] = {here, wrong, other_name, none};
    const char *const pwds[] = {home, home, same, "PWD="};
    for (size_t i = 0; i < sizeof pwds / sizeof *pwds; i++) {
        run_wrapped(wrapped, environments[i]);
        told.text[1][strcspn(told.text[1], "\n")] = '\0';
        CHECK_STR(told.text[1], pwds[i] + strlen("PWD="));
    }
    run_wrapped(missing, here);
    CHECK_STR(told.text[1], "wrapper\n");
    CHECK(strstr(told.text[2], "no-such-program: not found") != NULL);
    CHECK_INT(told.status, 127);
    run_wrapped(directory, here);
    CHECK_STR(told.text[1], "wrapper\n");
    CHECK_INT(told.status, 126);
    CHECK_INT(spawn_error(&(order_t){.args = nothing, .flags = WIRE_SPAWN_WRAPPED}), EBADMSG);
    CHECK_INT(unlink(link), 0);
    finish();
}

TEST("a signal goes to the one process, and is told") {
    begin();
    program_shell(&pid1.far, 1, 0, "sleep 1000 & echo $!; wait");
    program_started(&pid1.far, 1);
    program_listen_for(&pid1.far, 1, &told, WIRE_STDOUT, "\n");
    pid_t sleeper = atoi(told.text[WIRE_STDOUT]);
    program_signal(&pid1.far, 1, SIGTERM);
    while (!told.exited) {
        wire_frame_t frame = far_expect(&pid1.far, WIRE_EXITED, 1);
        wire_reader_t reader = wire_read(&frame);
        CHECK_INT(wire_read_u32(&reader), 0);
        CHECK_INT(wire_read_u32(&reader), SIGTERM);
        told.exited = true;
    }
    /* It holds the pipes: told is the exit, and not the end of the output. */
    told_t other;
    program_run(&pid1.far, "true", &other);
    CHECK(!far_waits(&pid1.far, 0));
    CHECK_INT(kill(sleeper, SIGKILL), 0);
    program_listen(&pid1.far, 1, &told);
    CHECK(told.ended[WIRE_STDOUT] && told.ended[WIRE_STDERR]);
    finish();
}

TEST("a signal to one that has ended, or with no number of a signal, hits nobody") {
    begin();
    program_shell(&pid1.far, 1, 0, "exec sleep 1000 &");
    pid_t gone = program_started(&pid1.far, 1);
    CHECK(pid1_until(is_gone, &gone));
    program_signal(&pid1.far, 1, SIGKILL);
    program_run(&pid1.far, "echo fine", &told);
    CHECK_STR(told.text[1], "fine\n");
    program_signal(&pid1.far, 1, 4096);
    far_expect(&pid1.far, WIRE_LOG, 0);
    finish();
}

TEST("orphans and cancelled programs are waited for, and those run on") {
    begin();
    program_shell(&pid1.far, 1, WIRE_SPAWN_STDIN, "read line; exec sleep 1000 <&- >&- 2>&-");
    pid_t pid = program_started(&pid1.far, 1);
    far_data(&pid1.far, WIRE_STDIN, 1, "go\n", 3);
    far_tell(&pid1.far, WIRE_CANCEL, 0, 1);
    far_expect(&pid1.far, WIRE_DONE, 1);
    CHECK_INT(kill(pid, 0), 0);
    CHECK_INT(kill(pid, SIGKILL), 0);
    CHECK(pid1_until(is_gone, &pid));

    program_run(&pid1.far, "setsid sleep 1000 >&- 2>&- & echo $!", &told);
    pid = atoi(told.text[WIRE_STDOUT]);
    CHECK_INT(kill(pid, SIGKILL), 0);
    CHECK(pid1_until(is_gone, &pid));
    finish();
}

TEST("five hundred programs at once all end, and leave no zombie") {
    enum { ALL = 500 };
    begin();
    static const char *const args[] = {"true", NULL};
    static bool exited[ALL + 1];
    memset(exited, 0, sizeof exited);
    for (uint32_t i = 1; i <= ALL; i++) program_spawn(&pid1.far, i, &(order_t){.args = args});
    for (size_t done = 0; done < ALL;) {
        wire_frame_t frame = far_next(&pid1.far);
        if (frame.type == WIRE_EXITED) exited[frame.stream] = true;
        if (frame.type != WIRE_DONE) continue;
        CHECK(exited[frame.stream]);
        done++;
    }
    char line[100];
    snprintf(line, sizeof line, "cat /proc/%d/task/%d/children | wc -w", pid1.pid, pid1.pid);
    program_run(&pid1.far, line, &told);
    CHECK_STR(told.text[1], "1\n");
    finish();
}

static bool is_zombie(void *context) {
    char path[64], state = '?';
    snprintf(path, sizeof path, "/proc/%d/stat", *(pid_t *)context);
    FILE *file = fopen(path, "r");
    if (file == NULL) return false;
    int fields = fscanf(file, "%*d (%*[^)]) %c", &state);
    fclose(file);
    return fields == 1 && state == 'Z';
}

TEST("hundreds that end while pid 1 does nothing are all told of when it goes on") {
    enum { ALL = 300 };
    static pid_t pids[ALL];
    static const char *const args[] = {"sleep", "1000", NULL};
    begin();
    for (uint32_t i = 0; i < ALL; i++) {
        program_spawn(&pid1.far, i + 1, &(order_t){.args = args});
        pids[i] = program_started(&pid1.far, i + 1);
    }
    CHECK_INT(kill(pid1.pid, SIGSTOP), 0);
    for (size_t i = 0; i < ALL; i++) CHECK_INT(kill(pids[i], SIGKILL), 0);
    for (size_t i = 0; i < ALL; i++) CHECK(pid1_until(is_zombie, &pids[i]));
    CHECK_INT(kill(pid1.pid, SIGCONT), 0);
    for (size_t done = 0; done < ALL;)
        if (far_next(&pid1.far).type == WIRE_DONE) done++;
    finish();
}

TEST("when the backend is gone, pid 1 ends") {
    begin();
    program_shell(&pid1.far, 1, 0, "exec sleep 1000");
    program_started(&pid1.far, 1);
    finish();
}

/* Until the program was started, or could not be. */
static void without_memory(bool alone) {
    long failed = 1;
    for (long n = 0; failed > 0; n++) {
        CHECK(n < 200);
        pid1_start_without_memory(&pid1, n, alone);
        program_shell(&pid1.far, 1, WIRE_SPAWN_STDIN, "exec cat");
        char block[3000] = {0};
        for (int i = 0; i < 80; i++) far_data(&pid1.far, WIRE_STDIN, 1, block, sizeof block);
        far_tell(&pid1.far, WIRE_END, WIRE_STDIN, 1);
        wire_frame_t frame = {.type = 0};
        while (frame.type != WIRE_FAILED && frame.type != WIRE_DONE && frame.type != WIRE_LOG)
            if (!far_try_next(&pid1.far, &frame)) break;
        failed = pid1_stop(&pid1) == PID1_MEMORY_FAILED;
    }
}

TEST("without memory a program is refused, or the sandbox ends, and nothing is left behind") {
    without_memory(false);
    without_memory(true);
}

TEST_MAIN
