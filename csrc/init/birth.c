/*
 * birth.c: clone, walls, and then sandbox_run() with the connection that asked for it. No exec in
 * between: what the launcher has read into memory already is shared by all sandboxes. Must leave no
 * descriptor of the launcher's open in a child.
 */
#include "birth.h"

#include "clone.h"
#include "descent.h"
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LAST_WORDS_MS 1000
#define END_MS 3000 /* for RUNG_NONE, where processes are looked for */
#define NOTE_SIZE 512

/* ---- in the child ---- */

/* All but these two and the log. */
static void close_others(int one, int two) {
    unsigned low = (unsigned)(one < two ? one : two), high = (unsigned)(one < two ? two : one);
    close(0);
    close(1);
    if (low > 3) close_range(3, low - 1, 0);
    if (high > low + 1) close_range(low + 1, high - 1, 0);
    close_range(high + 1, ~0u, 0);
}

/* With pid 1 of a namespace all in it die. Without one it has to end them itself, once it sees that
 * the launcher is gone. Which may have died before the signal of it was asked for. */
static void die_with(const birth_plan_t *plan) {
    struct pollfd gone = {.fd = plan->launcher, .events = POLLIN};
    if (plan->walls.rung != RUNG_NONE) system_die_with_parent();
    if (poll(&gone, 1, 0) != 0) _exit(1);
}

/* The one frame of a sandbox that does not come to be; nobody serves its channel yet. */
static void tell_failure(int channel, const wall_failure_t *failure) {
    wire_writer_t writer;
    struct pollfd ready = {.fd = channel, .events = POLLOUT};
    wire_writer_init(&writer, 4096);
    wire_begin(&writer, WIRE_FAILED, 0, 0);
    wire_put_u32(&writer, (uint32_t)failure->error);
    wire_put_text(&writer, failure->what);
    if (wire_end(&writer) && poll(&ready, 1, LAST_WORDS_MS) == 1)
        send(channel, writer.data, writer.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    wire_writer_destroy(&writer);
}

/* Without a namespace to die with, and where a frozen process could not. */
static void end_all(const walls_t *walls) {
    cgroup_freeze(&walls->cgroup, false);
    descent_t descent = {.ancestor = getpid()};
    if (walls->rung == RUNG_NONE) descent_kill(&descent, END_MS);
}

_Noreturn static void live(const birth_plan_t *plan, const boot_t *boot, int channel) {
    walls_t walls;
    wall_failure_t failure;
    wire_decoder_t begun;
    char note[NOTE_SIZE] = "";
    die_with(plan);
    close_others(channel, plan->launcher);
    umask(022);
    if (plan->walls.rung == RUNG_NONE) system_adopt_orphans();
    if (walls_build(&walls, &plan->walls, boot, &failure, note, sizeof note) < 0) {
        tell_failure(channel, &failure);
        _exit(1);
    }
    wire_decoder_init(&begun);
    sandbox_birth_t birth = {.channel = channel,
                             .launcher = plan->launcher,
                             .begun = &begun,
                             .boot = boot,
                             .rung = plan->walls.rung,
                             .features = walls.features,
                             .walls = &walls};
    int status = sandbox_run(&birth);
    end_all(&walls);
    _exit(status);
}

/* ---- in the launcher ---- */

pid_t birth(const birth_plan_t *plan, const boot_t *boot, int channel) {
    int pidfd;
    pid_t pid = clone_fork(walls_namespaces(plan->walls.rung), &pidfd);
    if (pid == 0) live(plan, boot, channel);
    /* Its number is its own until it is reaped, and only we do that. */
    if (pid > 0 && pidfd >= 0) close(pidfd);
    return pid;
}

_Noreturn static void try_in_child(const birth_plan_t *plan, const boot_t *boot, int report) {
    walls_t walls;
    wall_failure_t failure;
    char text[NOTE_SIZE] = "";
    umask(022);
    int code = walls_build(&walls, &plan->walls, boot, &failure, text, sizeof text);
    if (code < 0) snprintf(text, sizeof text, "%.200s: %s", failure.what, strerror(failure.error));
    _exit(write(report, text, strlen(text)) < 0 || code < 0 ? 1 : 0);
}

int birth_try(const birth_plan_t *plan, char *text, size_t size) {
    static const cgroup_base_t no_groups;
    char *none[] = {NULL};
    char path[PATH_MAX], id[] = "probe", hostname[] = "probe", empty[] = "";
    boot_t boot = {.id = id,
                   .hostname = hostname,
                   .directory = path,
                   .root = empty,
                   .layers = none,
                   .visible = none,
                   .user = empty,
                   .boot_id = empty};
    birth_plan_t trial = *plan;
    int report[2], status = 1, pidfd;
    trial.walls.groups = &no_groups;
    snprintf(text, size, "make a trial sandbox");
    if (snprintf(path, sizeof path, "%s/run/probe", plan->directory) >= PATH_MAX) return -1;
    if ((mkdir(path, 0700) < 0 && errno != EEXIST) || pipe2(report, O_CLOEXEC) < 0) return -1;
    pid_t pid = clone_fork(walls_namespaces(plan->walls.rung), &pidfd);
    if (pid == 0) try_in_child(&trial, &boot, report[1]);
    close(report[1]);
    if (pid < 0) {
        snprintf(text, size, "make namespaces: %s", strerror(-pid));
    } else {
        if (pidfd >= 0) close(pidfd);
        ssize_t len = read(report[0], text, size - 1);
        text[len > 0 ? len : 0] = '\0';
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    }
    close(report[0]);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}
