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
#define MOST_WALKS 20 /* by SIGSTOP: until one finds nobody new */

typedef struct freeze {
    stream_t stream;
    loop_alarm_t alarm;
    int64_t end_ms;
} freeze_t;

/* ---- by signals ---- */

typedef struct stopping {
    descent_t descent; /* first: signal_one() has it by that */
    int number;
} stopping_t;

static void signal_one(descent_t *descent, const descendant_t *one) {
    descent_signal(one, ((stopping_t *)descent)->number);
}

/* In a namespace of its own pid 1 reaches all in one call, and none can be started meanwhile. */
static int signal_all(const sandbox_t *sandbox, int number) {
    if (sandbox->rung != RUNG_NONE) return kill(-1, number) == 0 || errno == ESRCH ? 0 : -errno;
    stopping_t stopping = {{.ancestor = getpid(), .each = signal_one}, number};
    int code = 0;
    for (int i = 0; code == 0 && i < (number == SIGSTOP ? MOST_WALKS : 1); i++)
        code = descent_walk(&stopping.descent);
    return code;
}

/* ---- by a group ---- */

static void destroy(stream_t *stream) {
    alarm_stop(&((freeze_t *)stream)->alarm);
}

static const stream_class_t freezing = {.what = "FREEZE", .destroy = destroy};

static void look(loop_alarm_t *alarm) {
    freeze_t *freeze = (freeze_t *)((char *)alarm - offsetof(freeze_t, alarm));
    sandbox_t *sandbox = freeze->stream.sandbox;
    const cgroup_t *group = &sandbox->walls->cgroup;
    /* Version 1 forgets those that were started while it was at it. */
    if (group->directory[CGROUP_UNIFIED] < 0) cgroup_freeze(group, true);
    int code = cgroup_frozen(group);
    if (code == 1) {
        stream_done(&freeze->stream);
    } else if (code < 0 || loop_now_ms() >= freeze->end_ms) {
        cgroup_freeze(group, false);
        sandbox->frozen = false;
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
    if (by_signals) {
        answer_done(sandbox, frame->stream);
        return;
    }
    freeze_t *freeze = stream_open(sandbox, frame, &freezing, sizeof *freeze);
    if (freeze == NULL) return;
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
