/*
 * spawn.c: one SPAWN from its request to its DONE, and the table of what runs. A process outlives
 * its stream when that is cancelled. Must not send a signal to a pid that was reaped. Thread of
 * pid 1.
 */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exec.h"
#include "pipes.h"
#include "pty.h"
#include "requests.h"
#include "sandbox.h"
#include "system.h"

#define BUCKETS 64u
#define REAPED_AT_ONCE 256         /* a storm of ending processes does not stop the streams */
#define MOST_PTY_READ (16u * 1024) /* of one DATA frame, as the hosted daemon's */
#define NONE (-1)

typedef struct spawn spawn_t;

/* A child that was not reaped yet. */
typedef struct process {
    struct process *chain;
    pid_t pid;
    spawn_t *spawn; /* NULL: cancelled */
} process_t;

struct spawns {
    sandbox_t *sandbox;
    source_t children; /* of signals */
    loop_alarm_t more; /* there may be more to reap */
    struct exec_report *report;
    process_t *hash[BUCKETS];
};

struct spawn {
    stream_t stream;
    process_t *process; /* NULL once it was reaped */
    pipe_out_t outputs[2];
    pipe_in_t input;
    bool pty;
    int terminal; /* ours until the process is reaped: a hang-up changes how it has ended */
};

typedef struct spawn_order {
    char **args, **env, *cwd, *user;
    size_t arg_count, env_count;
    uint32_t flags, cols, rows;
} spawn_order_t;

/* The descriptors of one start, on either side; NONE where there is none. */
typedef struct ends {
    int ours[3], theirs[3];
} ends_t;

/* ---- processes ---- */

static process_t **bucket_of(struct spawns *spawns, pid_t pid) {
    return &spawns->hash[(uint32_t)pid % BUCKETS];
}

static process_t *unlink_process(struct spawns *spawns, pid_t pid) {
    process_t **at = bucket_of(spawns, pid);
    while (*at != NULL && (*at)->pid != pid) at = &(*at)->chain;
    process_t *process = *at;
    if (process != NULL) *at = process->chain;
    return process;
}

static void let_go_of_terminal(spawn_t *spawn) {
    if (spawn->terminal != NONE) close(spawn->terminal);
    spawn->terminal = NONE;
}

/* DONE once all was told. */
static void finish(spawn_t *spawn) {
    bool open = pipe_out_is_open(&spawn->outputs[0]) || pipe_out_is_open(&spawn->outputs[1]);
    if (spawn->process == NULL && !open) stream_done(&spawn->stream);
}

static void tell_exit(spawn_t *spawn, int status) {
    bool exited = WIFEXITED(status);
    wire_writer_t *writer = answer_begin(spawn->stream.sandbox, spawn->stream.id, WIRE_EXITED);
    wire_put_u32(writer, exited ? (uint32_t)WEXITSTATUS(status) : 0);
    wire_put_u32(writer, exited ? 0 : (uint32_t)WTERMSIG(status));
    answer_end(spawn->stream.sandbox);
    spawn->process = NULL;
    let_go_of_terminal(spawn);
    finish(spawn);
}

static void on_more(loop_alarm_t *alarm);

static void reap(struct spawns *spawns) {
    for (int left = REAPED_AT_ONCE; left > 0; left--) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid <= 0) return;
        process_t *process = unlink_process(spawns, pid);
        if (process != NULL && process->spawn != NULL) tell_exit(process->spawn, status);
        free(process);
    }
    alarm_set(&spawns->more, &spawns->sandbox->loop, 0, on_more);
}

static void on_more(loop_alarm_t *alarm) {
    reap((struct spawns *)((char *)alarm - offsetof(struct spawns, more)));
}

static void on_child(source_t *source, uint32_t events) {
    (void)events;
    while (signals_take(source->fd) != 0) continue;
    reap((struct spawns *)((char *)source - offsetof(struct spawns, children)));
}

static int watch_children(struct spawns *spawns, loop_t *loop) {
    static const int numbers[] = {SIGCHLD};
    int fd = signals_open(numbers, 1);
    int code = fd < 0 ? fd : source_open(&spawns->children, loop, fd, EPOLLIN, on_child);
    if (code < 0 && fd >= 0) close(fd);
    return code;
}

int spawns_open(sandbox_t *sandbox) {
    struct spawns *spawns = calloc(1, sizeof *spawns);
    if (spawns == NULL) return -ENOMEM;
    sandbox->spawns = spawns;
    spawns->sandbox = sandbox;
    spawns->report = exec_report_create();
    return spawns->report != NULL ? watch_children(spawns, &sandbox->loop) : -ENOMEM;
}

void spawns_close(sandbox_t *sandbox) {
    struct spawns *spawns = sandbox->spawns;
    if (spawns == NULL) return;
    for (size_t i = 0; i < BUCKETS; i++) {
        while (spawns->hash[i] != NULL) {
            process_t *process = spawns->hash[i];
            spawns->hash[i] = process->chain;
            free(process);
        }
    }
    alarm_stop(&spawns->more);
    source_close(&spawns->children);
    exec_report_free(spawns->report);
    free(spawns);
    sandbox->spawns = NULL;
}

/* ---- the stream ---- */

static void on_data(stream_t *stream, uint8_t channel, const uint8_t *data, size_t len) {
    spawn_t *spawn = (spawn_t *)stream;
    (void)channel;
    pipe_in_put(&spawn->input, data, len);
}

/* A terminal has no end but the character for it. */
static void on_end(stream_t *stream, uint8_t channel) {
    spawn_t *spawn = (spawn_t *)stream;
    (void)channel;
    if (!spawn->pty) pipe_in_end(&spawn->input);
}

static void on_window(stream_t *stream) {
    spawn_t *spawn = (spawn_t *)stream;
    for (int i = 0; i < 2; i++) pipe_out_pump(&spawn->outputs[i]);
    finish(spawn);
}

static void on_output(source_t *source, uint32_t events) {
    pipe_out_t *out = (pipe_out_t *)source;
    (void)events;
    pipe_out_pump(out);
    finish((spawn_t *)out->stream);
}

static void on_frame(stream_t *stream, const wire_frame_t *frame) {
    spawn_t *spawn = (spawn_t *)stream;
    wire_reader_t reader = wire_read(frame);
    uint32_t first = wire_read_u32(&reader);
    uint32_t second = frame->type == WIRE_RESIZE ? wire_read_u32(&reader) : 0;
    if (!wire_read_all(&reader) || (frame->type == WIRE_SIGNAL && first > (uint32_t)SIGRTMAX)) {
        sandbox_end(stream->sandbox, "the backend broke the rules: type %u", frame->type);
    } else if (frame->type == WIRE_SIGNAL && spawn->process != NULL) {
        kill(spawn->process->pid, (int)first);
    } else if (frame->type == WIRE_RESIZE && spawn->pty && pipe_out_is_open(&spawn->outputs[0])) {
        pty_resize(spawn->outputs[0].source.fd, first, second);
    }
}

static void on_destroy(stream_t *stream) {
    spawn_t *spawn = (spawn_t *)stream;
    if (spawn->process != NULL) spawn->process->spawn = NULL;
    for (int i = 0; i < 2; i++) source_close(&spawn->outputs[i].source);
    pipe_in_close(&spawn->input);
    let_go_of_terminal(spawn);
}

static const stream_class_t spawn_class = {
    .what = "SPAWN",
    .data = on_data,
    .end = on_end,
    .window = on_window,
    .frame = on_frame,
    .destroy = on_destroy,
};

/* ---- the start ---- */

static int close_end(int fd) {
    if (fd != NONE) close(fd);
    return NONE;
}

static void close_ends(ends_t *ends) {
    for (int i = 0; i < 3; i++) {
        ends->ours[i] = close_end(ends->ours[i]);
        ends->theirs[i] = close_end(ends->theirs[i]);
    }
}

/* The program reads (0) or writes (1, 2); our end does not block. It is the user's, who may open it
 * again as /dev/stdout. */
static int open_pipe(ends_t *ends, sandbox_t *sandbox, const user_t *user, int i) {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0) return -errno;
    ends->ours[i] = fds[i == 0 ? 1 : 0];
    ends->theirs[i] = fds[i == 0 ? 0 : 1];
    int code = users_give(sandbox, user, ends->theirs[i]);
    if (code < 0) return code;
    return fcntl(ends->ours[i], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static int open_null(int *fd) {
    *fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return *fd < 0 ? -errno : 0;
}

/* One terminal for all three; it is written to by a descriptor of its own. */
static int open_terminal(ends_t *ends, sandbox_t *sandbox, const user_t *user,
                         const spawn_order_t *order) {
    int code = pty_open(sandbox, user, order->cols, order->rows, &ends->ours[1], &ends->theirs[0]);
    if (code < 0) {
        ends->ours[1] = ends->theirs[0] = NONE;
        return code;
    }
    ends->ours[0] = fcntl(ends->ours[1], F_DUPFD_CLOEXEC, 3);
    return ends->ours[0] < 0 ? -errno : 0;
}

static int open_ends(ends_t *ends, sandbox_t *sandbox, const user_t *user,
                     const spawn_order_t *order) {
    for (int i = 0; i < 3; i++) ends->ours[i] = ends->theirs[i] = NONE;
    int code;
    if (order->flags & WIRE_SPAWN_PTY) {
        code = open_terminal(ends, sandbox, user, order);
    } else {
        code = order->flags & WIRE_SPAWN_STDIN ? open_pipe(ends, sandbox, user, 0)
                                               : open_null(&ends->theirs[0]);
        if (code == 0) code = open_pipe(ends, sandbox, user, 1);
        if (code == 0) code = open_pipe(ends, sandbox, user, 2);
    }
    if (code < 0) close_ends(ends);
    return code;
}

static int take_end(int *fd) {
    int taken = *fd;
    *fd = NONE;
    return taken;
}

/* Our ends become the stream's. */
static int watch_ends(spawn_t *spawn, ends_t *ends) {
    stream_t *stream = &spawn->stream;
    uint8_t first = spawn->pty ? WIRE_PTY : WIRE_STDOUT;
    size_t most = spawn->pty ? MOST_PTY_READ : PIPE_MOST_READ;
    if (spawn->pty) spawn->terminal = fcntl(ends->ours[1], F_DUPFD_CLOEXEC, 3);
    if (spawn->pty && spawn->terminal < 0) return -errno;
    int code =
        pipe_out_open(&spawn->outputs[0], stream, take_end(&ends->ours[1]), first, most, on_output);
    if (code == 0 && ends->ours[2] != NONE)
        code = pipe_out_open(&spawn->outputs[1], stream, take_end(&ends->ours[2]), WIRE_STDERR,
                             most, on_output);
    spawn->input.stream = stream; /* also closed it takes, and throws away */
    if (code == 0 && ends->ours[0] != NONE)
        code = pipe_in_open(&spawn->input, stream, take_end(&ends->ours[0]),
                            spawn->pty ? WIRE_PTY : WIRE_STDIN);
    return code;
}

static void start(spawn_t *spawn, const spawn_order_t *order, const user_t *user) {
    stream_t *stream = &spawn->stream;
    sandbox_t *sandbox = stream->sandbox;
    spawn->pty = order->flags & WIRE_SPAWN_PTY;
    spawn->terminal = NONE;
    process_t *process = calloc(1, sizeof *process);
    ends_t ends;
    int code = process == NULL ? -ENOMEM : open_ends(&ends, sandbox, user, order);
    if (code < 0) {
        free(process);
        stream_fail(stream, -code, "open pipes for %s", order->args[0]);
        return;
    }
    exec_plan_t plan = {.sandbox = sandbox,
                        .args = order->args,
                        .bare = order->flags & WIRE_SPAWN_WRAPPED ? order->args + WIRE_WRAPPER_ARGS
                                                                  : NULL,
                        .env = order->env,
                        .cwd = order->cwd,
                        .user = user,
                        .terminal = spawn->pty};
    for (int i = 0; i < 3; i++) plan.stdio[i] = ends.theirs[spawn->pty ? 0 : i];
    exec_failure_t failure = {"watch", order->args[0]};
    code = watch_ends(spawn, &ends);
    if (code == 0) code = exec_start(&plan, sandbox->spawns->report, &process->pid, &failure);
    close_ends(&ends);
    if (code < 0) {
        free(process);
        stream_fail(stream, -code, "%s %s", failure.verb, failure.object);
        return;
    }
    process->spawn = spawn;
    process->chain = *bucket_of(sandbox->spawns, process->pid);
    *bucket_of(sandbox->spawns, process->pid) = process;
    spawn->process = process;
    wire_put_u32(answer_begin(sandbox, stream->id, WIRE_STARTED), (uint32_t)process->pid);
    answer_end(sandbox);
}

static int read_order(spawn_order_t *order, const wire_frame_t *frame) {
    wire_reader_t reader = wire_read(frame);
    order->args = wire_read_list(&reader, &order->arg_count);
    order->env = wire_read_list(&reader, &order->env_count);
    order->cwd = wire_read_text(&reader);
    order->user = wire_read_text(&reader);
    order->flags = wire_read_u32(&reader);
    order->cols = wire_read_u32(&reader);
    order->rows = wire_read_u32(&reader);
    int code = wire_read_result(&reader);
    size_t wrapper = order->flags & WIRE_SPAWN_WRAPPED ? WIRE_WRAPPER_ARGS : 0;
    return code == 0 && order->arg_count <= wrapper ? -EBADMSG : code;
}

/* What stands in the way of a start, or NULL. */
static const char *refusal(sandbox_t *sandbox, const spawn_order_t *order, user_t *user,
                           int *code) {
    if (*code < 0) return "read the order";
    if (sandbox->frozen) *code = -EAGAIN;
    if (*code < 0) return "start in a frozen sandbox";
    *code = users_find(sandbox, order->user, user);
    return *code < 0 ? "find the user" : NULL;
}

void spawn_request(sandbox_t *sandbox, const wire_frame_t *frame) {
    spawn_order_t order = {0};
    user_t user;
    int code = read_order(&order, frame);
    const char *refused = refusal(sandbox, &order, &user, &code);
    if (refused != NULL) {
        answer_failed(sandbox, frame->stream, -code, "%s", refused);
    } else {
        spawn_t *spawn = stream_open(sandbox, frame, &spawn_class, sizeof *spawn);
        if (spawn != NULL) start(spawn, &order, &user);
    }
    free(order.args);
    free(order.env);
    free(order.cwd);
    free(order.user);
}
