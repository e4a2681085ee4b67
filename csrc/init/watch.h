/*
 * watch.h: the directories that are watched: by the kernel, each once for the whole sandbox over
 * one inotify, and by the streams that want to hear of them. Between watch.c, which tells, and
 * watch_set.c, which keeps them. Thread of pid 1.
 */
#ifndef E2B_INIT_WATCH_H
#define E2B_INIT_WATCH_H

#include "path.h"

#include <dirent.h>
#include <sys/inotify.h>

/* Of one sandbox; past it a watch fails with ENOSPC, as past the kernel's own bound. */
#define WATCH_MAX_SPOTS (32u * 1024)
#define WATCH_BUCKETS 1024u

typedef struct spot spot_t;
typedef struct watched watched_t;
typedef struct watching watching_t;

/* A directory as the kernel watches it. */
struct watched {
    int wd;
    watched_t *chain;
    spot_t *spots; /* at least one */
};

/* A directory as one stream watches it. */
struct spot {
    watching_t *owner;
    spot_t *above, *below, *next, *prev; /* its parent, first child, and sisters */
    watched_t *watched;                  /* NULL: the directory is gone */
    spot_t *same;                        /* the next of `watched` */
    spot_t *queue;                       /* the next to be looked through */
    bool queued, tell;                   /* tell: what is found in it is new */
    char name[];
};

/* A WATCH. */
struct watching {
    stream_t stream; /* first */
    watching_t *next;
    char *path, *base; /* as it was asked for; as path_find() gave it */
    uint32_t flags;
    bool started, scanning, over;
    spot_t *top;
    spot_t *queue; /* to be looked through */
    spot_t *at;    /* what is being looked through, as `dir` */
    DIR *dir;
};

struct watches {
    source_t source; /* first: the inotify */
    sandbox_t *sandbox;
    watching_t *first;
    size_t spots, scanning; /* scanning: streams; while there are any, no event is read */
    watched_t *hash[WATCH_BUCKETS];
    spot_t *cursor; /* the next spot of one directory to be told */
};

/* ---- watch_set.c ---- */

/* A directory is watched for `owner`: `name` in `above`, or with NULL the one that it is about, and
 * *spot is it; known already, when that one was there. 0 or -errno. */
int watch_add(watching_t *owner, spot_t *above, const char *name, spot_t **spot, bool *known);
/* No longer, nor what lies in it. */
void watch_drop(spot_t *spot);
/* The kernel has let go of it. */
void watch_gone(struct watches *watches, watched_t *watched);
watched_t *watch_find(const struct watches *watches, int wd);
spot_t *watch_child(const spot_t *above, const char *name);

/* What was asked for, the way down to a directory that could be watched, and a name. */
#define WATCH_PATH (2 * PATH_MAX + NAME_MAX + 2)
/* `base` and the way down to `name` in a spot (NULL: to the spot); "" and a name are relative. */
void watch_path(const spot_t *spot, const char *base, const char *name, char path[WATCH_PATH]);

/* ---- watch_scan.c ---- */

/* What lies in a directory is looked for from the next slice on; is_new: and told. */
void watch_queue(spot_t *spot, bool is_new);
/* A directory was found in another one; *known: it had been before. 0; or -errno, and the stream
 * has failed. */
int watch_found(spot_t *above, const char *name, bool is_new, bool *known);
/* A slice of it; STARTED after the first time. */
void watch_slice(stream_t *stream);
/* The stream looks for nothing any more. */
void watch_scanned(watching_t *owner);
/* Events are read again, if nobody is looking through anything. NULL is fine. */
void watch_go_on(struct watches *watches);

/* ---- watch.c ---- */

/* name: NULL for the directory itself. */
void watch_tell(const spot_t *spot, const char *name, uint32_t type);
void watch_fail(watching_t *watching, int code, const char *what);

#endif
