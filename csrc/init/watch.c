/*
 * watch.c: WATCH, what inotify says in the words of E2B's watcher. Must not lose an event silently:
 * when the kernel's queue overflows, every stream fails with EOVERFLOW. Thread of pid 1.
 */
#ifdef __linux__

#include "watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "entry.h"
#include "file_args.h"
#include "requests.h"
#include "sandbox.h"

#define EVENT_BYTES 4096 /* read at a time: about a hundred events */

/* Where changes are made elsewhere and not told here: NFS, CIFS, SMB, SMB2, FUSE. */
static const uint32_t network[] = {0x6969, 0xff534d42, 0x517b, 0xfe534d42, 0x65735546};

/* ---- telling ---- */

static bool put_entry(wire_writer_t *writer, const spot_t *spot, const char *name) {
    sandbox_t *sandbox = spot->owner->stream.sandbox;
    char path[WATCH_PATH];
    place_t place;
    entry_t entry;
    watch_path(spot, spot->owner->base, name, path);
    if (path_find(sandbox, path, 0, NULL, &place) < 0) return false;
    bool there = place.fd >= 0;
    if (there) {
        entry_of_place(sandbox, &place, &entry);
        watch_path(spot, spot->owner->path, name, path);
        wire_put_u32(writer, 1);
        entry_put(writer, sandbox, path, &entry);
    }
    path_close(&place);
    return there;
}

void watch_tell(const spot_t *spot, const char *name, uint32_t type) {
    const watching_t *owner = spot->owner;
    char relative[WATCH_PATH];
    bool has_entry =
        (owner->flags & WIRE_WATCH_ENTRIES) && type != WIRE_REMOVED && type != WIRE_RENAMED;
    watch_path(spot, "", name, relative);
    wire_writer_t *writer = answer_begin(owner->stream.sandbox, owner->stream.id, WIRE_EVENT);
    wire_put_text(writer, relative);
    wire_put_u32(writer, type);
    if (!has_entry || !put_entry(writer, spot, name)) wire_put_u32(writer, 0);
    answer_end(owner->stream.sandbox);
}

void watch_fail(watching_t *watching, int code, const char *what) {
    stream_fail(&watching->stream, -code, "%s %s", what, watching->path);
}

/* ---- events ---- */

/* Of the directory itself: only the one that the stream is about; others are told by their parent.
 */
static void take_own(spot_t *spot, uint32_t mask) {
    if (spot->above != NULL) return;
    if (mask & IN_MOVE_SELF) watch_tell(spot, NULL, WIRE_RENAMED);
    if (mask & IN_ATTRIB) watch_tell(spot, NULL, WIRE_CHMODDED);
    if (mask & IN_DELETE_SELF) watch_tell(spot, NULL, WIRE_REMOVED);
    /* Where it lies by now is not known; as in E2B nothing more is heard of it. */
    if (mask & (IN_MOVE_SELF | IN_DELETE_SELF)) watch_drop(spot);
}

static void take_event(spot_t *spot, const struct inotify_event *event) {
    const char *name = event->name;
    if (event->len == 0) {
        take_own(spot, event->mask);
        return;
    }
    bool recursive = spot->owner->flags & WIRE_WATCH_RECURSIVE, known = false;
    if (recursive && (event->mask & IN_ISDIR)) {
        spot_t *child = watch_child(spot, name);
        if ((event->mask & (IN_MOVED_FROM | IN_DELETE)) && child != NULL) watch_drop(child);
        if ((event->mask & (IN_CREATE | IN_MOVED_TO)) && watch_found(spot, name, true, &known) < 0)
            return;
    }
    /* A known one was found while its parent was looked through, and told. */
    if ((event->mask & (IN_CREATE | IN_MOVED_TO)) && !known) watch_tell(spot, name, WIRE_CREATED);
    if (event->mask & IN_MOVED_FROM) watch_tell(spot, name, WIRE_RENAMED);
    if (event->mask & IN_ATTRIB) watch_tell(spot, name, WIRE_CHMODDED);
    if (event->mask & IN_MODIFY) watch_tell(spot, name, WIRE_WRITTEN);
    if (event->mask & IN_DELETE) watch_tell(spot, name, WIRE_REMOVED);
}

static void take(struct watches *watches, const struct inotify_event *event) {
    watched_t *watched = watch_find(watches, event->wd);
    if (watched == NULL) return;
    if (event->mask & IN_IGNORED) {
        watch_gone(watches, watched);
        return;
    }
    sandbox_t *sandbox = watches->sandbox;
    for (spot_t *spot = watched->spots; spot != NULL;) {
        watches->cursor = spot->same;
        take_event(spot, event);
        /* That may have been the end of the last stream. */
        spot = sandbox->watches != NULL ? watches->cursor : NULL;
    }
}

static void fail_all(struct watches *watches) {
    sandbox_t *sandbox = watches->sandbox;
    /* The last one takes `watches` with it. */
    while (sandbox->watches != NULL) watch_fail(watches->first, -EOVERFLOW, "watch");
}

static bool may_tell_all(const struct watches *watches) {
    for (watching_t *each = watches->first; each != NULL; each = each->next)
        if (!stream_may_tell(&each->stream)) return false;
    return true;
}

static void on_ready(source_t *source, uint32_t events) {
    struct watches *watches = (struct watches *)source;
    sandbox_t *sandbox = watches->sandbox;
    _Alignas(struct inotify_event) char bytes[EVENT_BYTES];
    (void)events;
    if (watches->scanning > 0 || !may_tell_all(watches)) {
        source_want(source, 0); /* until a slice or a window() */
        return;
    }
    ssize_t len = read(source->fd, bytes, sizeof bytes);
    users_fresh(sandbox);
    for (char *at = bytes; len > 0 && at < bytes + len && sandbox->watches != NULL;) {
        const struct inotify_event *event = (const struct inotify_event *)at;
        at += sizeof *event + event->len;
        if (event->mask & IN_Q_OVERFLOW)
            fail_all(watches);
        else
            take(watches, event);
    }
}

/* ---- beginning and end ---- */

static void watching_window(stream_t *stream) {
    const watching_t *watching = (const watching_t *)stream;
    if (watching->scanning || !watching->started)
        watch_slice(stream);
    else
        watch_go_on(stream->sandbox->watches);
}

static int open_watches(sandbox_t *sandbox) {
    if (sandbox->watches != NULL) return 0;
    struct watches *watches = calloc(1, sizeof *watches);
    if (watches == NULL) return -ENOMEM;
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    int code = fd < 0 ? -errno : source_open(&watches->source, &sandbox->loop, fd, 0, on_ready);
    if (code < 0) {
        if (fd >= 0) close(fd);
        free(watches);
        return code;
    }
    watches->sandbox = sandbox;
    sandbox->watches = watches;
    watch_go_on(watches);
    return 0;
}

static void watching_destroy(stream_t *stream) {
    watching_t *watching = (watching_t *)stream;
    struct watches *watches = stream->sandbox->watches;
    watching->over = true;
    if (watching->dir != NULL) closedir(watching->dir);
    watching->dir = NULL;
    watching->at = NULL;
    for (spot_t *spot = watching->queue; spot != NULL; spot = spot->queue) spot->queued = false;
    watching->queue = NULL;
    if (watching->top != NULL) watch_drop(watching->top);
    free(watching->path);
    free(watching->base);
    watch_scanned(watching);
    if (watches == NULL) return;
    watching_t **at = &watches->first;
    while (*at != NULL && *at != watching) at = &(*at)->next;
    if (*at != NULL) *at = watching->next;
    watch_go_on(watches);
    if (watches->first != NULL) return;
    source_close(&watches->source);
    stream->sandbox->watches = NULL;
    free(watches);
}

static const stream_class_t watching_class = {
    .what = "WATCH", .window = watching_window, .slice = watch_slice, .destroy = watching_destroy};

static int check_watchable(const place_t *place, uint32_t flags) {
    struct statfs fs;
    if (place->fd < 0) return -ENOENT;
    if (!S_ISDIR(place->st.st_mode)) return -ENOTDIR;
    if (flags & WIRE_WATCH_NETWORK) return 0;
    if (fstatfs(place->fd, &fs) < 0) return -errno;
    for (size_t i = 0; i < sizeof network / sizeof *network; i++)
        if ((uint32_t)fs.f_type == network[i]) return -EREMOTE;
    return 0;
}

static void start(watching_t *watching) {
    sandbox_t *sandbox = watching->stream.sandbox;
    spot_t *top;
    bool known;
    int code = open_watches(sandbox);
    if (code == 0) {
        watching->next = sandbox->watches->first;
        sandbox->watches->first = watching;
        code = watch_add(watching, NULL, "", &top, &known);
    }
    if (code < 0) {
        watch_fail(watching, code, "watch");
        return;
    }
    if (watching->flags & WIRE_WATCH_RECURSIVE) watch_queue(top, false);
    watch_slice(&watching->stream);
}

void watch_request(sandbox_t *sandbox, const wire_frame_t *frame) {
    file_args_t args = {0};
    wire_reader_t reader = wire_read(frame);
    args.user_name = wire_read_text(&reader);
    args.path = wire_read_text(&reader);
    uint32_t flags = wire_read_u32(&reader);
    if (file_args_check(sandbox, frame, &reader, "WATCH", &args)) {
        place_t place;
        int code = path_find(sandbox, args.path, PATH_FOLLOW, NULL, &place);
        if (code == 0) {
            code = check_watchable(&place, flags);
            path_close(&place);
        }
        watching_t *watching =
            code == 0 ? stream_open(sandbox, frame, &watching_class, sizeof *watching) : NULL;
        if (code < 0) answer_failed(sandbox, frame->stream, -code, "watch %s", args.path);
        if (watching != NULL) {
            watching->flags = flags;
            watching->path = args.path;
            watching->base = path_copy(place.path);
            args.path = NULL;
            if (watching->base == NULL)
                watch_fail(watching, -ENOMEM, "watch");
            else
                start(watching);
        }
    }
    file_args_free(&args);
}

#endif
