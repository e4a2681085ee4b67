/*
 * freeze.c: all processes of a sandbox stand still, or go on. By a group's freezer, which nobody
 * inside can tell; else by SIGSTOP, which a parent can see, and after which SIGCONT also wakes who
 * had been stopped before. pid 1 itself goes on and answers. Thread of pid 1.
 */
#include "descent.h"
#include "isolate.h"
#include "requests.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#define LOOK_MS 1
#define MOST_MS 10000 /* who waits for a disk cannot be frozen before it answers */

typedef struct freeze {
    stream_t stream;
    loop_alarm_t alarm;
    int64_t end_ms;
    bool by_signals;
} freeze_t;

/* ---- by signals ---- */

typedef struct signalling {
    descent_t descent; /* first: the callbacks have it by that */
    int number;
    unsigned running;
} signalling_t;

/* Who waits in the kernel ('D') does so for a disk, or for a child of his that stands still. */
static void stop_one(descent_t *descent, const descendant_t *one) {
    if (one->state == 'T' || one->state == 't') return;
    if (one->state != 'D') ((signalling_t *)descent)->running++;
    process_signal(one, SIGSTOP);
}

static void signal_one(descent_t *descent, const descendant_t *one) {
    process_signal(one, ((signalling_t *)descent)->number);
}

/* 1 when all stand still, 0 when some had to be told, or -errno. */
static int stop_all(void) {
    signalling_t all = {.descent = {.ancestor = getpid(), .each = stop_one}};
    int code = descent_walk(&all.descent);
    return code < 0 ? code : all.running == 0;
}

/* In a namespace of its own pid 1 reaches all in one call, and none can be started meanwhile. */
static int signal_all(const sandbox_t *sandbox, int number) {
    if (sandbox->rung != RUNG_NONE) return kill(-1, number) == 0 || errno == ESRCH ? 0 : -errno;
    signalling_t all = {{.ancestor = getpid(), .each = signal_one}, .number = number};
    return descent_walk(&all.descent);
}

/* ---- until all stand still ---- */

static void destroy(stream_t *stream) {
    alarm_stop(&((freeze_t *)stream)->alarm);
}

static const stream_class_t freezing = {.what = "FREEZE", .destroy = destroy};

/* Version 1 forgets those that were started while it was at it. */
static int look_at_group(const cgroup_t *group) {
    if (group->directory[CGROUP_UNIFIED] < 0) cgroup_freeze(group, true);
    return cgroup_frozen(group);
}

static void let_go(sandbox_t *sandbox, bool by_signals) {
    if (by_signals)
        signal_all(sandbox, SIGCONT);
    else
        cgroup_freeze(&sandbox->walls->cgroup, false);
    sandbox->frozen = false;
}

static void look(loop_alarm_t *alarm) {
    freeze_t *freeze = (freeze_t *)((char *)alarm - offsetof(freeze_t, alarm));
    sandbox_t *sandbox = freeze->stream.sandbox;
    if (!sandbox->frozen) { /* thawed meanwhile */
        stream_fail(&freeze->stream, ECANCELED, "freeze");
        return;
    }
    int code = freeze->by_signals ? stop_all() : look_at_group(&sandbox->walls->cgroup);
    if (code == 1) {
        stream_done(&freeze->stream);
    } else if (code < 0 || loop_now_ms() >= freeze->end_ms) {
        let_go(sandbox, freeze->by_signals);
        stream_fail(&freeze->stream, code < 0 ? -code : ETIMEDOUT, "freeze");
    } else {
        alarm_set(alarm, &sandbox->loop, LOOK_MS, look);
    }
}

/* ---- requests ---- */

void freeze_request(sandbox_t *sandbox, const wire_frame_t *frame) {
    wire_reader_t reader = wire_read(frame);
    if (!wire_read_all(&reader)) {
        answer_failed(sandbox, frame->stream, EBADMSG, "freeze");
        return;
    }
    int code = cgroup_freeze(&sandbox->walls->cgroup, true);
    bool by_signals = code == -ENOSYS;
    if (by_signals) code = signal_all(sandbox, SIGSTOP);
    if (code < 0) {
        answer_failed(sandbox, frame->stream, -code, "freeze");
        return;
    }
    sandbox->frozen = true;
    freeze_t *freeze = stream_open(sandbox, frame, &freezing, sizeof *freeze);
    if (freeze == NULL) {
        let_go(sandbox, by_signals);
        return;
    }
    freeze->by_signals = by_signals;
    freeze->end_ms = loop_now_ms() + MOST_MS;
    look(&freeze->alarm);
}

void thaw_request(sandbox_t *sandbox, const wire_frame_t *frame) {
    wire_reader_t reader = wire_read(frame);
    int code = wire_read_all(&reader) ? cgroup_freeze(&sandbox->walls->cgroup, false) : -EBADMSG;
    if (code == -ENOSYS) code = signal_all(sandbox, SIGCONT);
    if (code < 0) {
        answer_failed(sandbox, frame->stream, -code, "thaw");
        return;
    }
    sandbox->frozen = false;
    answer_done(sandbox, frame->stream);
}
