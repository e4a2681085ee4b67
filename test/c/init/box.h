/*
 * box.h: a sandbox for tests of the file requests: pid 1's side runs in a process of its own, over
 * a directory that goes with it; this side asks and reads answers. Without walls, as on RUNG_NONE;
 * or inside of a root directory with two more file systems in it, with users, as on RUNG_ROOT. Test
 * thread.
 */
#ifndef E2B_INIT_TEST_BOX_H
#define E2B_INIT_TEST_BOX_H

#include "far.h"

#include <linux/limits.h>
#include <sys/types.h>

typedef struct box {
    far_t far;
    pid_t pid;
    bool booted;
    bool has_walls, has_users; /* users: root can make files others' here */
    char top[64];              /* of all of it, on the host */
    char directory[128];       /* the sandbox's, in it: run/ID */
} box_t;

typedef struct box_entry {
    char path[PATH_MAX], link[PATH_MAX], owner[64], group[64], metadata[1024]; /* "k=v;k=v;" */
    uint32_t type, mode;
    int64_t size, mtime_ns;
} box_entry_t;

typedef struct box_event {
    char name[PATH_MAX];
    uint32_t type;
    bool has_entry;
    box_entry_t entry;
} box_event_t;

void box_open(box_t *box);
/* With /etc/passwd, of root, user and other; another file system at /other. */
void box_open_walls(box_t *box);
/* Ends it; its process must have ended well. */
void box_close(box_t *box);

/* After so many allocations the next one, or with `all` each further one, fails in it. BOOTED, if
 * it comes to that, is not yet read. */
void box_open_failing(box_t *box, bool walls, long successes, bool all);
/* Ends it; whether an allocation has failed. */
bool box_close_failing(box_t *box);

/* Where a path of the sandbox lies on the host. A static buffer for each call of four. */
const char *box_path(const box_t *box, const char *path);
/* On the host, by the sandbox's path. */
void box_mkdir(const box_t *box, const char *path);
void box_put(const box_t *box, const char *path, const char *text);
/* At most 64 KiB, in a static buffer; NULL: it is not there. */
const char *box_text(const box_t *box, const char *path);
bool box_exists(const box_t *box, const char *path);

/* A request; fields: 's' a string, 'u' uint32_t, 'i' int64_t, 'l' const char *const * up to NULL.
 */
void box_ask(box_t *box, uint32_t stream, uint8_t type, const char *fields, ...);
/* Its answer, of which there is one: 0 for DONE, else the errno of FAILED. */
int box_result(box_t *box, uint32_t stream);
/* The same of an answer that has an entry. */
int box_result_entry(box_t *box, uint32_t stream, box_entry_t *entry);
/* A request and its answer in one, with user "user". */
int box_call(box_t *box, uint8_t type, const char *path);
int box_stat(box_t *box, const char *path, box_entry_t *entry);
/* All of a WRITE. 0, or the errno. */
int box_write(box_t *box, const char *path, const char *const *metadata, const void *data,
              size_t len, box_entry_t *entry);
/* All of a READ, credited as it comes; the first `size` bytes are kept. 0, or the errno. */
int box_read(box_t *box, const char *path, int64_t offset, int64_t length, void *bytes, size_t size,
             size_t *len, box_entry_t *entry);
/* Fields of an entry or an event. */
void box_read_entry(wire_reader_t *reader, box_entry_t *entry);
/* The next one of a watch. */
void box_next_event(box_t *box, uint32_t stream, box_event_t *event);
/* The next frame; false: the sandbox has ended. */
bool box_try_next(box_t *box, wire_frame_t *frame);

#endif
