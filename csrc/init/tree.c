/*
 * tree.c: MKDIR and REMOVE. Must not hold up others: a large tree goes in slices. Thread of pid 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "entry.h"
#include "file_args.h"
#include "removal.h"
#include "requests.h"

#define SLICE_NAMES 32u

/* ---- MKDIR ---- */

static int make(sandbox_t *sandbox, const file_args_t *args) {
    place_t place;
    int code =
        path_find(sandbox, args->path, PATH_FOLLOW | PATH_MAKE | PATH_CHANGE, &args->user, &place);
    if (code < 0) return code;
    if (place.fd >= 0) {
        code = S_ISDIR(place.st.st_mode) ? -EEXIST : -ENOTDIR;
    } else if (mkdirat(place.parent, place.name, 0755) < 0) {
        code = -errno;
    } else {
        place.fd = openat(place.parent, place.name, OPEN_PLACE);
        code = place.fd < 0 ? -errno : users_give(sandbox, &args->user, place.fd);
    }
    path_close(&place);
    return code;
}

void tree_mkdir_request(sandbox_t *sandbox, const wire_frame_t *frame) {
    file_args_t args = {0};
    wire_reader_t reader = wire_read(frame);
    args.user_name = wire_read_text(&reader);
    args.path = wire_read_text(&reader);
    if (file_args_check(sandbox, frame, &reader, "MKDIR", &args)) {
        int code = make(sandbox, &args);
        if (code < 0)
            answer_failed(sandbox, frame->stream, -code, "mkdir %s", args.path);
        else
            entry_answer(sandbox, frame->stream, args.path);
    }
    file_args_free(&args);
}

/* ---- REMOVE ---- */

typedef struct removing {
    stream_t stream; /* first */
    removal_t removal;
    char *path; /* as it was asked for */
} removing_t;

static void removing_slice(stream_t *stream) {
    removing_t *removing = (removing_t *)stream;
    int code = removal_step(&removing->removal, SLICE_NAMES);
    if (code > 0)
        stream_again(stream);
    else if (code == 0)
        stream_done(stream);
    else
        stream_fail(stream, -code, "remove %s", removing->path);
}

static void removing_destroy(stream_t *stream) {
    removing_t *removing = (removing_t *)stream;
    removal_destroy(&removing->removal);
    free(removing->path);
}

static const stream_class_t removing_class = {
    .what = "REMOVE", .slice = removing_slice, .destroy = removing_destroy};

static void start_removing(sandbox_t *sandbox, const wire_frame_t *frame, file_args_t *args) {
    place_t place;
    int code = path_find(sandbox, args->path, PATH_CHANGE, NULL, &place);
    if (code < 0 && code != -ENOENT) {
        answer_failed(sandbox, frame->stream, -code, "remove %s", args->path);
        return;
    }
    if (code < 0 || place.fd < 0) {
        if (code == 0) path_close(&place);
        answer_done(sandbox, frame->stream);
        return;
    }
    removing_t *removing = stream_open(sandbox, frame, &removing_class, sizeof *removing);
    if (removing != NULL) {
        removal_init(&removing->removal, place.parent, place.name);
        place.parent = -1;
        removing->path = args->path;
        args->path = NULL;
        removing_slice(&removing->stream);
    }
    path_close(&place);
}

void tree_remove_request(sandbox_t *sandbox, const wire_frame_t *frame) {
    file_args_t args = {0};
    wire_reader_t reader = wire_read(frame);
    args.user_name = wire_read_text(&reader);
    args.path = wire_read_text(&reader);
    if (file_args_check(sandbox, frame, &reader, "REMOVE", &args))
        start_removing(sandbox, frame, &args);
    file_args_free(&args);
}
