/*
 * file_compose.c: COMPOSE, several files into one. Must not touch what was at the destination until
 * all of it is there, nor a source before that. Thread of pid 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "copy.h"
#include "entry.h"
#include "file_args.h"
#include "requests.h"

#define SLICE_BYTES (256u * 1024)
#define MOST_SOURCES 4096u /* they are all looked at before, and taken away after, in one go */

typedef struct composing {
    stream_t stream; /* first */
    file_args_t args;
    place_t target;
    char temporary[COPY_NAME];
    bool made;   /* the temporary file is there */
    int to;      /* it */
    size_t next; /* source */
    copy_t copy; /* of the one before, while copying */
    bool copying;
    off_t length; /* so far */
} composing_t;

static void composing_fail(composing_t *composing, int code, const char *path) {
    stream_fail(&composing->stream, -code, "compose %s", path);
}

/* A file that may be taken away later. A descriptor or -errno. */
static int open_source(sandbox_t *sandbox, const char *path) {
    place_t place;
    int code = path_find(sandbox, path, PATH_FOLLOW, NULL, &place);
    if (code < 0) return code;
    int fd = place.fd < 0 ? -ENOENT : path_open_file(&place, O_RDONLY);
    path_close(&place);
    return fd;
}

/* The next source is being copied. 0 or -errno. */
static int begin_source(composing_t *composing) {
    int from = open_source(composing->stream.sandbox, composing->args.list[composing->next++]);
    if (from < 0) return from;
    int to = fcntl(composing->to, F_DUPFD_CLOEXEC, 0);
    if (to < 0) {
        int code = -errno;
        close(from);
        return code;
    }
    composing->copying = true;
    return copy_init(&composing->copy, composing->stream.sandbox, from, to, composing->length);
}

static void end_source(composing_t *composing) {
    composing->length += composing->copy.end;
    composing->copying = false;
    copy_destroy(&composing->copy);
}

/* As E2B does: one that cannot be taken away stays, and that is no failure. */
static void remove_sources(composing_t *composing) {
    for (size_t i = 0; i < composing->args.count; i++) {
        place_t place;
        const char *path = composing->args.list[i];
        if (path_find(composing->stream.sandbox, path, PATH_CHANGE, NULL, &place) < 0) continue;
        unlinkat(place.parent, place.name, 0);
        path_close(&place);
    }
}

static int settle(composing_t *composing) {
    const place_t *target = &composing->target;
    if (renameat(target->parent, composing->temporary, target->parent, target->name) < 0)
        return -errno;
    composing->made = false;
    return 0;
}

static void composing_slice(stream_t *stream) {
    composing_t *composing = (composing_t *)stream;
    int code = 0;
    if (!composing->copying && composing->next == composing->args.count) {
        code = settle(composing);
        if (code == 0) {
            remove_sources(composing);
            entry_answer(stream->sandbox, stream->id, composing->args.to);
            stream_close(stream);
            return;
        }
    } else {
        if (!composing->copying) code = begin_source(composing);
        if (code == 0) code = copy_step(&composing->copy, SLICE_BYTES);
        if (code == 0) end_source(composing);
    }
    if (code < 0)
        composing_fail(composing, code, composing->args.to);
    else
        stream_again(stream);
}

static void composing_destroy(stream_t *stream) {
    composing_t *composing = (composing_t *)stream;
    if (composing->made) unlinkat(composing->target.parent, composing->temporary, 0);
    if (composing->copying) copy_destroy(&composing->copy);
    if (composing->to >= 0) close(composing->to);
    path_close(&composing->target);
    file_args_free(&composing->args);
}

static const stream_class_t composing_class = {
    .what = "COMPOSE", .slice = composing_slice, .destroy = composing_destroy};

/* Before anything is made: each source is a file that may go, and not the destination. 0 or -errno.
 */
static int check_sources(sandbox_t *sandbox, const file_args_t *args, const place_t *target,
                         const char **bad) {
    if (args->count > MOST_SOURCES) return -E2BIG;
    for (size_t i = 0; i < args->count; i++) {
        place_t place;
        *bad = args->list[i];
        int code = path_find(sandbox, args->list[i], PATH_CHANGE, NULL, &place);
        if (code < 0) return code;
        if (place.fd >= 0 && strcmp(place.path, target->path) == 0) code = -EINVAL;
        path_close(&place);
        if (code < 0) return code;
        int fd = open_source(sandbox, args->list[i]);
        if (fd < 0) return fd;
        close(fd);
    }
    *bad = args->to;
    return args->count > 0 ? 0 : -EINVAL;
}

static int open_temporary(composing_t *composing) {
    composing->to = openat(composing->target.parent, composing->temporary,
                           O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (composing->to < 0) return -errno;
    composing->made = true;
    return users_give(composing->stream.sandbox, &composing->args.user, composing->to);
}

/* target is taken. */
static void start(sandbox_t *sandbox, const wire_frame_t *frame, file_args_t *args,
                  place_t *target) {
    composing_t *composing = stream_open(sandbox, frame, &composing_class, sizeof *composing);
    if (composing == NULL) {
        path_close(target);
        return;
    }
    composing->args = *args;
    *args = (file_args_t){0};
    composing->target = *target;
    composing->to = -1;
    copy_temporary_name(composing->temporary);
    int code = open_temporary(composing);
    if (code < 0)
        composing_fail(composing, code, composing->args.to);
    else
        composing_slice(&composing->stream);
}

void file_compose_request(sandbox_t *sandbox, const wire_frame_t *frame) {
    file_args_t args = {0};
    wire_reader_t reader = wire_read(frame);
    args.user_name = wire_read_text(&reader);
    args.list = wire_read_list(&reader, &args.count);
    args.to = wire_read_text(&reader);
    if (file_args_check(sandbox, frame, &reader, "COMPOSE", &args)) {
        place_t target;
        const char *bad = args.to;
        int code = path_find(sandbox, args.to, PATH_MAKE | PATH_CHANGE, &args.user, &target);
        if (code == 0) {
            code = check_sources(sandbox, &args, &target, &bad);
            if (code == 0 && target.fd >= 0 && S_ISDIR(target.st.st_mode)) code = -EISDIR;
            if (code < 0) path_close(&target);
        }
        if (code < 0)
            answer_failed(sandbox, frame->stream, -code, "compose %s", bad);
        else
            start(sandbox, frame, &args, &target);
    }
    file_args_free(&args);
}
