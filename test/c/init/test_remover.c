/*
 * What dead sandboxes have left, removed on request: whatever it is, nothing else, and beside what
 * the launcher has to do. The real program.
 */
#include "../test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend.h"
#include "program.h"

#define PATIENCE_MS 10000
#define MANY 1400 /* their answers fill a pipe */
#define ID_LEN 60

static backend_t backend;
static far_t far;
static told_t told;

static void ask(const char *names) {
    CHECK_INT(write(backend.hold, names, strlen(names)), (ssize_t)strlen(names));
}

/* So many lines, the last of them. */
static const char *answers(int count) {
    static char line[256];
    size_t len = 0;
    while (count > 0) {
        struct pollfd some = {.fd = backend.said, .events = POLLIN};
        char byte;
        CHECK_INT(poll(&some, 1, PATIENCE_MS), 1);
        CHECK_INT(read(backend.said, &byte, 1), 1);
        if (byte == '\n') count--;
        if (byte == '\n' && count > 0) len = 0;
        if (byte != '\n' && len < sizeof line - 1) line[len++] = byte;
    }
    line[len] = '\0';
    return line;
}

static bool is_there(const char *name) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", backend.directory, name);
    return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The end of the channel says that it is dead. */
static void end_sandbox(void) {
    wire_frame_t frame;
    shutdown(far.fd, SHUT_WR);
    while (far_try_next(&far, &frame)) continue;
    far_close(&far);
}

/* A sandbox that has lived; its id is box1. */
static void live(const char *line) {
    backend_open(&backend, &far, NULL, NULL);
    program_run(&far, line, &told);
    end_sandbox();
}

static void remove_one(boot_rung_t rung) {
    backend_start(&backend, rung);
    live("mkdir -p a/b/c; echo x >a/b/c/d; ln -s / a/b/host; chmod 0 a/b/c a/b a; echo made");
    CHECK(is_there("run/box1/upper"));
    ask("box1\n");
    CHECK_STR(answers(1), "removed box1");
    CHECK(!is_there("run/box1") && is_there("run") && is_there("base/etc/passwd"));
    ask("box1\nbo");
    CHECK_STR(answers(1), "removed box1"); /* again */
    ask("x2\n");
    CHECK_STR(answers(1), "removed box2"); /* in two pieces */
    backend_stop(&backend);
}

TEST("what a sandbox has left is removed, and told, as root") {
    remove_one(geteuid() == 0 ? RUNG_ROOT : RUNG_USER);
}

TEST("what a sandbox has left is removed, and told, as an ordinary user") {
    remove_one(RUNG_USER);
}

TEST("what a sandbox has left is removed, and told, without walls") {
    remove_one(RUNG_NONE);
}

TEST("what has no sandbox's name stays") {
    backend_start(&backend, RUNG_NONE);
    ask("../base\n");
    CHECK_STR(answers(1), "stays ../base Invalid argument");
    ask("..\n.\n\n/etc\n");
    for (int i = 0; i < 4; i++) CHECK(strncmp(answers(1), "stays ", 6) == 0);
    CHECK(is_there("base/etc/passwd") && is_there("run"));
    backend_stop(&backend);
}

static void ask_for_many(void) {
    char name[ID_LEN + 2];
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "%0*d\n", ID_LEN, i);
        ask(name);
    }
}

TEST("while nobody hears what is removed, sandboxes are made and end, and then all of it is told") {
    backend_start(&backend, RUNG_NONE);
    backend_open(&backend, &far, NULL, NULL);
    ask_for_many();
    end_sandbox();
    live("echo well");
    CHECK_STR(told.text[WIRE_STDOUT], "well\n");
    CHECK(strncmp(answers(MANY), "removed 0", 9) == 0);
    ask("box1\n");
    CHECK_STR(answers(1), "removed box1");
    backend_stop(&backend);
}

TEST("nothing is left when the backend goes in the middle of it") {
    backend_start(&backend, RUNG_NONE);
    live("mkdir -p a/b; echo x >a/b/c");
    ask_for_many();
    ask("box1\n");
    backend_stop(&backend); /* looks */
}

TEST_MAIN
