/*
 * tree_list.c: LIST. Must not hold up others: a few entries in a slice, and none while what was
 * told is not yet gone. Thread of pid 1.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "entry.h"
#include "file_args.h"
#include "requests.h"
#include "tree_walk.h"

#define SLICE_ENTRIES 32

typedef struct listing {
    stream_t stream; /* first */
    tree_walk_t walk;
    char *path; /* as it was asked for */
    uint32_t depth, left;
} listing_t;

/* Tells of one name in the open directory. 0, or -errno. */
static int tell(listing_t *listing, const char *name) {
    sandbox_t *sandbox = listing->stream.sandbox;
    tree_walk_t *walk = &listing->walk;
    entry_t entry;
    char path[PATH_MAX];
    int code = entry_of_name(sandbox, &walk->place, tree_walk_fd(walk), name, &entry);
    if (code == -ENOENT) return 0; /* it was there a moment ago */
    if (code == 0) code = tree_walk_path(walk, listing->path, name, path);
    if (code == 0 && listing->left == 0) code = -E2BIG;
    if (code < 0) return code;
    listing->left--;
    entry_put(answer_begin(sandbox, listing->stream.id, WIRE_ENTRY), sandbox, path, &entry);
    answer_end(sandbox);
    bool deeper = S_ISDIR(entry.st.st_mode) && tree_walk_depth(walk) < listing->depth;
    return deeper ? tree_walk_enter(walk, name) : 0;
}

static void listing_go_on(stream_t *stream) {
    listing_t *listing = (listing_t *)stream;
    users_fresh(stream->sandbox);
    for (int i = 0; i < SLICE_ENTRIES; i++) {
        const char *name;
        if (!stream_may_tell(stream)) return;
        int code = tree_walk_next(&listing->walk, &name);
        if (code == 0) {
            stream_done(stream);
            return;
        }
        if (code > 0) code = tell(listing, name);
        if (code < 0) {
            stream_fail(stream, -code, "list %s", listing->path);
            return;
        }
    }
    stream_again(stream);
}

static void listing_destroy(stream_t *stream) {
    listing_t *listing = (listing_t *)stream;
    tree_walk_destroy(&listing->walk);
    free(listing->path);
}

static const stream_class_t listing_class = {
    .what = "LIST", .window = listing_go_on, .slice = listing_go_on, .destroy = listing_destroy};

/* Where the path leads, links followed, to a directory. */
static int resolve(sandbox_t *sandbox, const char *path, char resolved[PATH_MAX]) {
    place_t place;
    int code = path_find(sandbox, path, PATH_FOLLOW, NULL, &place);
    if (code < 0) return code;
    if (place.fd < 0)
        code = -ENOENT;
    else if (!S_ISDIR(place.st.st_mode))
        code = -ENOTDIR;
    memcpy(resolved, place.path, strlen(place.path) + 1);
    path_close(&place);
    return code;
}

static void start(sandbox_t *sandbox, const wire_frame_t *frame, file_args_t *args, uint32_t depth,
                  uint32_t most) {
    char resolved[PATH_MAX];
    int code = resolve(sandbox, args->path, resolved);
    if (code < 0) {
        answer_failed(sandbox, frame->stream, -code, "list %s", args->path);
        return;
    }
    listing_t *listing = stream_open(sandbox, frame, &listing_class, sizeof *listing);
    if (listing == NULL) return;
    listing->path = args->path;
    args->path = NULL;
    listing->depth = depth > 0 ? depth : 1;
    listing->left = most;
    if (tree_walk_init(&listing->walk, sandbox, resolved, true) < 0)
        stream_fail(&listing->stream, ENOMEM, "list %s", listing->path);
    else
        listing_go_on(&listing->stream);
}

void tree_list_request(sandbox_t *sandbox, const wire_frame_t *frame) {
    file_args_t args = {0};
    wire_reader_t reader = wire_read(frame);
    args.user_name = wire_read_text(&reader);
    args.path = wire_read_text(&reader);
    uint32_t depth = wire_read_u32(&reader), most = wire_read_u32(&reader);
    if (file_args_check(sandbox, frame, &reader, "LIST", &args))
        start(sandbox, frame, &args, depth, most);
    file_args_free(&args);
}
