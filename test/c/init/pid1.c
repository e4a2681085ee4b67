/*
 * pid1.c: see pid1.h. The child ends by exit(), so that the sanitizers look at what it has left.
 */
#include "pid1.h"

#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "heap.h"
#include "sandbox.h"

_Noreturn static void give_up(const char *what) {
    fprintf(stderr, "  pid 1: %s: %s\n", what, strerror(errno));
    abort();
}

static void make_directories(pid1_t *pid1) {
    static const char *const below[] = {"/upper", "/upper/home", "/upper/home/user", "/upper/root"};
    char path[256];
    const char *temporary = getenv("TMPDIR");
    snprintf(pid1->directory, sizeof pid1->directory, "%s/e2b-init-XXXXXX",
             temporary != NULL ? temporary : "/tmp");
    if (mkdtemp(pid1->directory) == NULL) give_up("mkdtemp");
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s%s", pid1->directory, below[i]);
        if (mkdir(path, 0755) < 0) give_up(path);
    }
}

_Noreturn static void serve(const pid1_t *pid1, int channel, long successes, bool alone) {
    char directory[sizeof pid1->directory], user[] = "user";
    snprintf(directory, sizeof directory, "%s", pid1->directory);
    boot_t boot = {.directory = directory, .user = user};
    wire_decoder_t begun;
    wire_decoder_init(&begun);
    close(pid1->far.fd);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    (alone ? heap_fail_once : heap_fail_after)(successes);
    int status = sandbox_run(&(sandbox_birth_t){.channel = channel,
                                                .launcher = -1,
                                                .begun = &begun,
                                                .boot = &boot,
                                                .rung = RUNG_NONE,
                                                .features = WIRE_HAS_FREEZER});
    bool failed = heap_failures() > 0;
    heap_fail_after(-1);
    exit(failed ? PID1_MEMORY_FAILED : status);
}

static void start(pid1_t *pid1, long successes, bool alone) {
    make_directories(pid1);
    int channel = far_open(&pid1->far);
    fflush(NULL);
    pid1->pid = fork();
    if (pid1->pid < 0) give_up("fork");
    if (pid1->pid == 0) serve(pid1, channel, successes, alone);
    close(channel);
}

void pid1_start(pid1_t *pid1) {
    start(pid1, -1, false);
    wire_frame_t frame = far_expect(&pid1->far, WIRE_BOOTED, 0);
    wire_reader_t reader = wire_read(&frame);
    if (wire_read_u32(&reader) != WIRE_HAS_FREEZER || !wire_read_all(&reader)) give_up("BOOTED");
}

void pid1_start_without_memory(pid1_t *pid1, long successes, bool alone) {
    start(pid1, successes, alone);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk) {
    (void)st, (void)type, (void)walk;
    return remove(path);
}

/* What its programs have left has become ours. */
static void end_orphans(void) {
    for (;;) {
        pid_t child = 0;
        FILE *children = fopen("/proc/thread-self/children", "re");
        if (children == NULL) give_up("children");
        bool any = fscanf(children, "%d", &child) == 1;
        fclose(children);
        if (!any) return;
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
}

int pid1_stop(pid1_t *pid1) {
    int status;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    far_close(&pid1->far);
    if (waitpid(pid1->pid, &status, 0) != pid1->pid) give_up("waitpid");
    end_orphans();
    nftw(pid1->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    if (!WIFEXITED(status)) give_up("it did not end by itself");
    return WEXITSTATUS(status);
}

/* ---- programs ---- */

static void put_list(wire_writer_t *writer, const char *const *list) {
    uint32_t count = 0;
    while (list[count] != NULL) count++;
    wire_put_u32(writer, count);
    for (uint32_t i = 0; i < count; i++) wire_put_text(writer, list[i]);
}

void pid1_spawn(pid1_t *pid1, uint32_t stream, const order_t *order) {
    static const char *const env[] = {PID1_PATH, NULL};
    wire_writer_t *writer = &pid1->far.writer;
    far_begin(&pid1->far, WIRE_SPAWN, 0, stream);
    put_list(writer, order->args);
    put_list(writer, order->env != NULL ? order->env : env);
    wire_put_text(writer, order->cwd != NULL ? order->cwd : "/home/user");
    wire_put_text(writer, order->user != NULL ? order->user : "");
    wire_put_u32(writer, order->flags);
    wire_put_u32(writer, order->cols);
    wire_put_u32(writer, order->rows);
    far_send(&pid1->far);
}

void pid1_shell(pid1_t *pid1, uint32_t stream, uint32_t flags, const char *line) {
    const char *const args[] = {"/bin/sh", "-c", line, NULL};
    pid1_spawn(pid1, stream, &(order_t){.args = args, .flags = flags, .cols = 80, .rows = 24});
}

pid_t pid1_started(pid1_t *pid1, uint32_t stream) {
    wire_frame_t frame = far_expect(&pid1->far, WIRE_STARTED, stream);
    wire_reader_t reader = wire_read(&frame);
    uint32_t pid = wire_read_u32(&reader);
    if (!wire_read_all(&reader) || pid == 0) give_up("STARTED");
    return (pid_t)pid;
}

void pid1_signal(pid1_t *pid1, uint32_t stream, int number) {
    far_begin(&pid1->far, WIRE_SIGNAL, 0, stream);
    wire_put_u32(&pid1->far.writer, (uint32_t)number);
    far_send(&pid1->far);
}

static void keep(pid1_t *pid1, told_t *told, const wire_frame_t *frame) {
    size_t *len = &told->len[frame->channel];
    char *text = told->text[frame->channel];
    if (*len < sizeof told->text[0] - 1) {
        size_t room = sizeof told->text[0] - 1 - *len;
        memcpy(text + *len, frame->payload, frame->len < room ? frame->len : room);
    }
    *len += frame->len;
    far_credit(&pid1->far, frame->stream, (uint32_t)frame->len);
}

/* False when it was the last. */
static bool take(pid1_t *pid1, told_t *told, const wire_frame_t *frame) {
    wire_reader_t reader = wire_read(frame);
    if (frame->type == WIRE_DATA) {
        if (told->ended[frame->channel]) give_up("data after its end");
        keep(pid1, told, frame);
    } else if (frame->type == WIRE_END) {
        told->ended[frame->channel] = true;
    } else if (frame->type == WIRE_EXITED) {
        told->exited = true;
        told->status = wire_read_u32(&reader);
        told->signal = wire_read_u32(&reader);
    } else if (frame->type == WIRE_FAILED) {
        told->error = (int)wire_read_u32(&reader);
    }
    return frame->type != WIRE_DONE && frame->type != WIRE_FAILED;
}

void pid1_listen_for(pid1_t *pid1, uint32_t stream, told_t *told, uint8_t channel,
                     const char *text) {
    for (bool more = true; more && (text == NULL || strstr(told->text[channel], text) == NULL);) {
        wire_frame_t frame = far_next(&pid1->far);
        if (frame.stream == stream) more = take(pid1, told, &frame);
    }
}

void pid1_listen(pid1_t *pid1, uint32_t stream, told_t *told) {
    pid1_listen_for(pid1, stream, told, 0, NULL);
}

void pid1_run(pid1_t *pid1, const char *line, told_t *told) {
    memset(told, 0, sizeof *told);
    pid1_shell(pid1, 9999, 0, line);
    pid1_listen(pid1, 9999, told);
}

bool pid1_until(bool (*holds)(void *context), void *context) {
    for (int waited_ms = 0; waited_ms < FAR_DEADLINE_MS; waited_ms += 5) {
        if (holds(context)) return true;
        poll(NULL, 0, 5);
    }
    return false;
}
