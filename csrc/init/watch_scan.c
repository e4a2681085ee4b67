/*
 * watch_scan.c: looks through directories that have just come to be watched, in slices: for those
 * below them, which are watched as well, and for what has to be told as new. Thread of pid 1.
 */
#ifdef __linux__

#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox.h"

#define SLICE_NAMES 32

void watch_go_on(struct watches *watches) {
    if (watches != NULL && watches->scanning == 0) source_want(&watches->source, EPOLLIN);
}

void watch_queue(spot_t *spot, bool is_new) {
    watching_t *owner = spot->owner;
    spot->tell = is_new;
    spot->queued = true;
    spot->queue = owner->queue;
    owner->queue = spot;
    if (owner->scanning) return;
    owner->scanning = true;
    owner->stream.sandbox->watches->scanning++;
    source_want(&owner->stream.sandbox->watches->source, 0);
    stream_again(&owner->stream);
}

static bool is_gone(int code) {
    return code == -ENOENT || code == -ENOTDIR || code == -ELOOP || code == -EACCES;
}

int watch_found(spot_t *above, const char *name, bool is_new, bool *known) {
    watching_t *owner = above->owner;
    spot_t *spot;
    *known = false;
    int code = watch_add(owner, above, name, &spot, known);
    if (code == 0 && !*known) watch_queue(spot, is_new);
    if (code == 0 || is_gone(code)) return 0;
    watch_fail(owner, code, "watch");
    return code;
}

/* The next directory of the queue is open as owner->dir. false: there is none. */
static bool open_next(watching_t *owner) {
    while (owner->queue != NULL) {
        spot_t *spot = owner->queue;
        char path[WATCH_PATH];
        place_t place;
        owner->queue = spot->queue;
        spot->queued = false;
        watch_path(spot, owner->base, NULL, path);
        if (path_find(owner->stream.sandbox, path, PATH_STRAIGHT, NULL, &place) < 0) continue;
        int fd = place.fd < 0 ? -1 : openat(place.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        path_close(&place);
        if (fd < 0) continue;
        owner->dir = fdopendir(fd);
        owner->at = spot;
        if (owner->dir != NULL) return true;
        close(fd);
        watch_fail(owner, -ENOMEM, "watch");
        return false;
    }
    return false;
}

static bool is_directory(int fd, const struct dirent *entry) {
    struct stat st;
    if (entry->d_type != DT_UNKNOWN) return entry->d_type == DT_DIR;
    return fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* One name further. false: the directory was at its end, or the stream has failed. */
static bool scan_name(watching_t *owner) {
    const struct dirent *entry = readdir(owner->dir);
    if (entry == NULL) {
        closedir(owner->dir);
        owner->dir = NULL;
        owner->at = NULL;
        return false;
    }
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) return true;
    spot_t *at = owner->at;
    bool known = false;
    /* It is watched before it is told: who hears of it may count on it. */
    if (is_directory(dirfd(owner->dir), entry) &&
        watch_found(at, entry->d_name, at->tell, &known) < 0)
        return false;
    if (at->tell && !known) watch_tell(at, entry->d_name, WIRE_CREATED);
    return true;
}

void watch_scanned(watching_t *owner) {
    struct watches *watches = owner->stream.sandbox->watches;
    if (!owner->scanning) return;
    owner->scanning = false;
    watches->scanning--;
    watch_go_on(watches);
}

void watch_slice(stream_t *stream) {
    watching_t *owner = (watching_t *)stream;
    users_fresh(stream->sandbox);
    for (int i = 0; i < SLICE_NAMES; i++) {
        if (!stream_may_tell(stream)) return;
        if (owner->dir == NULL && !open_next(owner)) {
            if (owner->over) return;
            if (!owner->started) {
                owner->started = true;
                answer_begin(stream->sandbox, stream->id, WIRE_STARTED);
                answer_end(stream->sandbox);
            }
            watch_scanned(owner);
            return;
        }
        if (!scan_name(owner) && owner->over) return;
    }
    stream_again(stream);
}

#endif
