/*
 * watch_set.c: keeps the directories that are watched, as trees, one for each stream, whose spots
 * share what the kernel watches. Tells nothing. Thread of pid 1.
 */
#ifdef __linux__

#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sandbox.h"

#define EVENTS                                                                                     \
    (IN_CREATE | IN_DELETE | IN_MODIFY | IN_ATTRIB | IN_MOVED_FROM | IN_MOVED_TO |                 \
     IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

static watched_t **bucket(struct watches *watches, int wd) {
    return &watches->hash[(unsigned)wd % WATCH_BUCKETS];
}

watched_t *watch_find(const struct watches *watches, int wd) {
    watched_t *watched = watches->hash[(unsigned)wd % WATCH_BUCKETS];
    while (watched != NULL && watched->wd != wd) watched = watched->chain;
    return watched;
}

spot_t *watch_child(const spot_t *above, const char *name) {
    spot_t *spot = above->below;
    while (spot != NULL && strcmp(spot->name, name) != 0) spot = spot->next;
    return spot;
}

void watch_path(const spot_t *spot, const char *base, const char *name, char path[WATCH_PATH]) {
    size_t base_len = strlen(base), len = name != NULL ? strlen(name) + 1 : 0;
    bool relative = base_len == 0;
    if (base_len == 1) base_len = 0; /* "/" */
    for (const spot_t *at = spot; at->above != NULL; at = at->above) len += strlen(at->name) + 1;
    /* A relative one is written where its first '/' falls off. */
    char *end = path + base_len + len - (relative && len > 0 ? 1 : 0), *at = end;
    *end = '\0';
    for (const spot_t *up = spot; name != NULL || up->above != NULL;) {
        const char *part = name != NULL ? name : up->name;
        at -= strlen(part);
        memcpy(at, part, strlen(part));
        if (at > path) *--at = '/';
        if (name == NULL) up = up->above;
        name = NULL;
    }
    memcpy(path, base, base_len);
    if (*path == '\0') memcpy(path, relative ? "." : "/", 2);
}

/* ---- the kernel's ---- */

/* Its number, or -errno. */
static int ask_kernel(const watching_t *owner, const spot_t *spot) {
    char path[WATCH_PATH], file[PATH_OF_FD];
    place_t place;
    watch_path(spot, owner->base, NULL, path);
    int code = path_find(owner->stream.sandbox, path, PATH_STRAIGHT, NULL, &place);
    if (code < 0) return code;
    code = -ENOENT;
    if (place.fd >= 0) {
        path_of_fd(place.fd, file);
        code = inotify_add_watch(owner->stream.sandbox->watches->source.fd, file, EVENTS);
        if (code < 0) code = -errno;
    }
    path_close(&place);
    return code;
}

/* Of a number: known already, or new. NULL without memory. */
static watched_t *watched_of(struct watches *watches, int wd) {
    watched_t *watched = watch_find(watches, wd);
    if (watched != NULL) return watched;
    watched = calloc(1, sizeof *watched);
    if (watched == NULL) {
        inotify_rm_watch(watches->source.fd, wd);
        return NULL;
    }
    watched->wd = wd;
    watched->chain = *bucket(watches, wd);
    *bucket(watches, wd) = watched;
    return watched;
}

static void forget(struct watches *watches, watched_t *watched) {
    watched_t **at = bucket(watches, watched->wd);
    while (*at != watched) at = &(*at)->chain;
    *at = watched->chain;
    free(watched);
}

/* ---- spots ---- */

static void let_go(struct watches *watches, spot_t *spot) {
    watched_t *watched = spot->watched;
    if (watched == NULL) return;
    spot_t **at = &watched->spots;
    while (*at != spot) at = &(*at)->same;
    *at = spot->same;
    if (watches->cursor == spot) watches->cursor = spot->same;
    spot->watched = NULL;
    if (watched->spots != NULL) return;
    inotify_rm_watch(watches->source.fd, watched->wd);
    forget(watches, watched);
}

static void leave_queue(spot_t *spot) {
    watching_t *owner = spot->owner;
    if (owner->at == spot) {
        closedir(owner->dir);
        owner->dir = NULL;
        owner->at = NULL;
    }
    if (!spot->queued) return;
    spot_t **at = &owner->queue;
    while (*at != spot) at = &(*at)->queue;
    *at = spot->queue;
}

/* One without children. */
static void free_spot(struct watches *watches, spot_t *spot) {
    leave_queue(spot);
    let_go(watches, spot);
    if (spot->next != NULL) spot->next->prev = spot->prev;
    if (spot->prev != NULL)
        spot->prev->next = spot->next;
    else if (spot->above != NULL)
        spot->above->below = spot->next;
    else
        spot->owner->top = NULL;
    watches->spots--;
    free(spot);
}

void watch_drop(spot_t *spot) {
    struct watches *watches = spot->owner->stream.sandbox->watches;
    for (spot_t *at = spot;;) {
        while (at->below != NULL) at = at->below;
        spot_t *above = at->above;
        bool last = at == spot;
        free_spot(watches, at);
        if (last) return;
        at = above;
    }
}

void watch_gone(struct watches *watches, watched_t *watched) {
    while (watched->spots != NULL) {
        spot_t *spot = watched->spots;
        watched->spots = spot->same;
        if (watches->cursor == spot) watches->cursor = spot->same;
        spot->watched = NULL;
        watch_drop(spot);
    }
    forget(watches, watched);
}

static spot_t *new_spot(watching_t *owner, spot_t *above, const char *name) {
    spot_t *spot = calloc(1, sizeof *spot + strlen(name) + 1);
    if (spot == NULL) return NULL;
    memcpy(spot->name, name, strlen(name) + 1);
    spot->owner = owner;
    spot->above = above;
    if (above != NULL) {
        spot->next = above->below;
        if (spot->next != NULL) spot->next->prev = spot;
        above->below = spot;
    } else {
        owner->top = spot;
    }
    owner->stream.sandbox->watches->spots++;
    return spot;
}

int watch_add(watching_t *owner, spot_t *above, const char *name, spot_t **spot, bool *known) {
    struct watches *watches = owner->stream.sandbox->watches;
    spot_t *old = above != NULL ? watch_child(above, name) : NULL;
    if (watches->spots >= WATCH_MAX_SPOTS) return -ENOSPC;
    spot_t *made = new_spot(owner, above, name);
    if (made == NULL) return -ENOMEM;
    int wd = ask_kernel(owner, made);
    watched_t *watched = wd >= 0 ? watched_of(watches, wd) : NULL;
    if (watched == NULL) {
        watch_drop(made);
        return wd < 0 ? wd : -ENOMEM;
    }
    *known = old != NULL && old->watched == watched;
    if (*known) {
        *spot = old;
        watch_drop(made);
        return 0;
    }
    made->watched = watched;
    made->same = watched->spots;
    watched->spots = made;
    /* Another directory of that name. */
    if (old != NULL) watch_drop(old);
    *spot = made;
    return 0;
}

#endif
