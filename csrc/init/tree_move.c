/*
 * tree_move.c: MOVE. A sandbox looks like one file system to its programs and is made of several
 * mounts: where the kernel does not rename across them, the thing is copied beside its place, put
 * there in one step, and then its origin is taken away. Must not leave a half of it behind. Thread
 * of pid 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "entry.h"
#include "file_args.h"
#include "removal.h"
#include "requests.h"
#include "sandbox.h"
#include "tree_copy.h"

#define SLICE_NAMES 32u

typedef struct moving {
    stream_t stream; /* first */
    char *from, *to; /* as they were asked for */
    place_t source, target;
    tree_copy_t copy;
    bool made; /* the copy is there, under its temporary name */
    bool removing;
    removal_t removal; /* of the source */
} moving_t;

static void moving_fail(moving_t *moving, int code) {
    stream_fail(&moving->stream, -code, "move %s to %s", moving->from, moving->to);
}

/* The copy takes its place. 0 or -errno. */
static int settle(moving_t *moving) {
    if (renameat(moving->copy.parent, moving->copy.name, moving->target.parent,
                 moving->target.name) < 0)
        return -errno;
    moving->made = false;
    moving->removing = true;
    removal_init(&moving->removal, moving->source.parent, moving->source.name);
    moving->source.parent = -1;
    return 1;
}

static void moving_slice(stream_t *stream) {
    moving_t *moving = (moving_t *)stream;
    int code;
    if (moving->removing) {
        code = removal_step(&moving->removal, SLICE_NAMES);
    } else {
        code = tree_copy_step(&moving->copy);
        if (code == 0) code = settle(moving);
    }
    if (code > 0) {
        stream_again(stream);
    } else if (code < 0) {
        moving_fail(moving, code);
    } else {
        entry_answer(stream->sandbox, stream->id, moving->to);
        stream_close(stream);
    }
}

static void moving_destroy(stream_t *stream) {
    moving_t *moving = (moving_t *)stream;
    if (moving->made) {
        int parent = fcntl(moving->copy.parent, F_DUPFD_CLOEXEC, 0);
        if (parent >= 0) removal_sweep(&stream->sandbox->loop, parent, moving->copy.name);
    }
    tree_copy_destroy(&moving->copy);
    if (moving->removing) removal_destroy(&moving->removal);
    path_close(&moving->source);
    path_close(&moving->target);
    free(moving->from);
    free(moving->to);
}

static const stream_class_t moving_class = {
    .what = "MOVE", .slice = moving_slice, .destroy = moving_destroy};

/* What rename would have refused, and copying would not notice. */
static int check_copyable(const place_t *from, const place_t *to) {
    struct stat above;
    if (!S_ISDIR(from->st.st_mode)) return to->fd >= 0 && S_ISDIR(to->st.st_mode) ? -EISDIR : 0;
    size_t len = strlen(from->path);
    if (strncmp(to->path, from->path, len) == 0 && to->path[len] == '/') return -EINVAL;
    if (fstat(from->parent, &above) < 0) return -errno;
    if (above.st_dev != from->st.st_dev) return -EBUSY; /* a mount point */
    return to->fd >= 0 && !S_ISDIR(to->st.st_mode) ? -ENOTDIR : 0;
}

/* The places and the texts are the stream's from here on. */
static void start_copying(sandbox_t *sandbox, const wire_frame_t *frame, file_args_t *args,
                          place_t *from, place_t *to) {
    moving_t *moving = stream_open(sandbox, frame, &moving_class, sizeof *moving);
    if (moving == NULL) return;
    moving->from = args->path;
    moving->to = args->to;
    args->path = args->to = NULL;
    moving->source = *from;
    moving->target = *to;
    from->fd = from->parent = to->fd = to->parent = -1;
    int code =
        tree_copy_init(&moving->copy, sandbox, &moving->source, &moving->target, &moving->made);
    if (code < 0)
        moving_fail(moving, code);
    else
        moving_slice(&moving->stream);
}

/* 1: moved; 0: to be copied; or -errno. Both places are to be closed. */
static int try_rename(sandbox_t *sandbox, const file_args_t *args, place_t *from, place_t *to) {
    int code = path_find(sandbox, args->path, PATH_CHANGE, NULL, from);
    if (code == 0 && from->fd < 0) code = -ENOENT;
    if (code == 0) code = path_find(sandbox, args->to, PATH_MAKE | PATH_CHANGE, &args->user, to);
    if (code < 0) return code;
    if (renameat(from->parent, from->name, to->parent, to->name) == 0) return 1;
    return errno == EXDEV ? check_copyable(from, to) : -errno;
}

void tree_move_request(sandbox_t *sandbox, const wire_frame_t *frame) {
    file_args_t args = {0};
    wire_reader_t reader = wire_read(frame);
    args.user_name = wire_read_text(&reader);
    args.path = wire_read_text(&reader);
    args.to = wire_read_text(&reader);
    if (file_args_check(sandbox, frame, &reader, "MOVE", &args)) {
        place_t from = {.fd = -1, .parent = -1}, to = {.fd = -1, .parent = -1};
        int code = try_rename(sandbox, &args, &from, &to);
        if (code > 0)
            entry_answer(sandbox, frame->stream, args.to);
        else if (code == 0)
            start_copying(sandbox, frame, &args, &from, &to);
        else
            answer_failed(sandbox, frame->stream, -code, "move %s to %s", args.path, args.to);
        path_close(&from);
        path_close(&to);
    }
    file_args_free(&args);
}
