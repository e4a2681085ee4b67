/*
 * file.c: STAT, READ and WRITE of one file. Must not wait for a file: only regular ones are opened,
 * and their bytes go in slices between which others have their turn. Thread of pid 1.
 *
 * As in E2B, file requests have the rights of the sandbox, and what they make is the user's: that
 * is how `user` writes to /app there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "entry.h"
#include "file_args.h"
#include "quota.h"
#include "requests.h"

#define READ_BYTES (32u * 1024)
#define SLICE_BYTES (256u * 1024) /* of one file, before others have their turn */

/* ---- STAT ---- */

void file_stat_request(sandbox_t *sandbox, const wire_frame_t *frame) {
    file_args_t args = {0};
    wire_reader_t reader = wire_read(frame);
    args.user_name = wire_read_text(&reader);
    args.path = wire_read_text(&reader);
    if (file_args_check(sandbox, frame, &reader, "STAT", &args))
        entry_answer(sandbox, frame->stream, args.path);
    file_args_free(&args);
}

/* ---- READ ---- */

typedef struct reading {
    stream_t stream; /* first */
    int fd;
    int64_t at, left;
} reading_t;

static void reading_go_on(stream_t *stream) {
    reading_t *reading = (reading_t *)stream;
    uint8_t bytes[READ_BYTES];
    for (size_t sent = 0; reading->left > 0;) {
        size_t want = stream_room(stream);
        if (want == 0) return;
        if (sent >= SLICE_BYTES) {
            stream_again(stream);
            return;
        }
        if (want > sizeof bytes) want = sizeof bytes;
        if ((int64_t)want > reading->left) want = (size_t)reading->left;
        ssize_t len = pread(reading->fd, bytes, want, reading->at);
        if (len < 0 && errno == EINTR) continue;
        if (len <= 0) {
            /* It was cut while it was read: its length had been told. */
            stream_fail(stream, len < 0 ? errno : EIO, "read at %lld", (long long)reading->at);
            return;
        }
        stream_send(stream, WIRE_BYTES, bytes, (size_t)len);
        reading->at += len;
        reading->left -= len;
        sent += (size_t)len;
    }
    stream_done(stream);
}

static void reading_destroy(stream_t *stream) {
    close(((reading_t *)stream)->fd);
}

static const stream_class_t reading_class = {
    .what = "READ", .window = reading_go_on, .slice = reading_go_on, .destroy = reading_destroy};

/* What there is to be read, links followed. A descriptor or -errno. */
static int open_to_read(sandbox_t *sandbox, const char *path, entry_t *entry) {
    place_t place;
    int code = path_find(sandbox, path, PATH_FOLLOW, NULL, &place);
    if (code < 0) return code;
    int fd = place.fd < 0 ? -ENOENT : path_open_file(&place, O_RDONLY);
    if (fd >= 0 && fstat(fd, &place.st) < 0) {
        code = -errno;
        close(fd);
        fd = code;
    }
    if (fd >= 0) entry_of_place(sandbox, &place, entry);
    path_close(&place);
    return fd;
}

static void start_reading(sandbox_t *sandbox, const wire_frame_t *frame, const char *path,
                          int64_t offset, int64_t length) {
    entry_t entry;
    int fd = open_to_read(sandbox, path, &entry);
    if (fd < 0) {
        answer_failed(sandbox, frame->stream, -fd, "open %s", path);
        return;
    }
    reading_t *reading = stream_open(sandbox, frame, &reading_class, sizeof *reading);
    if (reading == NULL) {
        close(fd);
        return;
    }
    reading->fd = fd;
    reading->at = offset;
    reading->left = offset < entry.st.st_size ? entry.st.st_size - offset : 0;
    if (length >= 0 && length < reading->left) reading->left = length;
    users_fresh(sandbox);
    entry_put(answer_begin(sandbox, frame->stream, WIRE_STARTED), sandbox, path, &entry);
    answer_end(sandbox);
    reading_go_on(&reading->stream);
}

void file_read_request(sandbox_t *sandbox, const wire_frame_t *frame) {
    file_args_t args = {0};
    wire_reader_t reader = wire_read(frame);
    args.user_name = wire_read_text(&reader);
    args.path = wire_read_text(&reader);
    int64_t offset = wire_read_i64(&reader), length = wire_read_i64(&reader);
    if (file_args_check(sandbox, frame, &reader, "READ", &args)) {
        if (offset < 0)
            answer_failed(sandbox, frame->stream, EINVAL, "read %s", args.path);
        else
            start_reading(sandbox, frame, args.path, offset, length);
    }
    file_args_free(&args);
}

/* ---- WRITE ---- */

typedef struct writing {
    stream_t stream; /* first */
    int fd;
    bool own;
    bool stale; /* it has the first byte of what it was: see empty() */
    char *path; /* as it was asked for */
} writing_t;

/*
 * What a file had is cut off but for its first byte, which the first one written replaces: ext4
 * writes files to the disk as they are closed when they were cut to nothing before, and that takes
 * a hundred times as long as all the rest. 0 or -errno.
 */
static int empty(int fd, off_t size) {
    return size > 0 && ftruncate(fd, 1) < 0 ? -errno : 0;
}

static bool write_all(writing_t *writing, const uint8_t *data, size_t len) {
    for (size_t done = 0; done < len;) {
        ssize_t wrote = write(writing->fd, data + done, len - done);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return false;
        writing->stale = false;
        done += (size_t)wrote;
    }
    return true;
}

static void writing_data(stream_t *stream, uint8_t channel, const uint8_t *data, size_t len) {
    writing_t *writing = (writing_t *)stream;
    (void)channel;
    if (quota_disk_full(stream->sandbox, (int64_t)len)) {
        stream_fail(stream, EDQUOT, "write %s", writing->path);
    } else if (!write_all(writing, data, len)) {
        stream_fail(stream, errno, "write %s", writing->path);
    } else {
        quota_disk_wrote(stream->sandbox, (int64_t)len);
        stream_credit(stream, len);
    }
}

/* Nothing was written: then it is empty. */
static bool drop_stale(writing_t *writing) {
    bool was_stale = writing->stale;
    writing->stale = false;
    return !was_stale || ftruncate(writing->fd, 0) == 0;
}

/* Nothing will be. */
static void abandon(int fd, bool stale) {
    if (stale && ftruncate(fd, 0) < 0) errno = 0; /* the one byte is no more than a pity */
    close(fd);
}

static void writing_end(stream_t *stream, uint8_t channel) {
    writing_t *writing = (writing_t *)stream;
    sandbox_t *sandbox = stream->sandbox;
    entry_t entry = {.own = writing->own};
    (void)channel;
    if (!drop_stale(writing) || fstat(writing->fd, &entry.st) < 0) {
        stream_fail(stream, errno, "stat %s", writing->path);
        return;
    }
    entry.target = entry.st;
    metadata_of_file(writing->fd, &entry.metadata);
    users_fresh(sandbox);
    entry_put(answer_begin(sandbox, stream->id, WIRE_DONE), sandbox, writing->path, &entry);
    answer_end(sandbox);
    stream_close(stream);
}

static void writing_destroy(stream_t *stream) {
    writing_t *writing = (writing_t *)stream;
    drop_stale(writing);
    close(writing->fd);
    free(writing->path);
}

static const stream_class_t writing_class = {
    .what = "WRITE", .data = writing_data, .end = writing_end, .destroy = writing_destroy};

/* Without O_TRUNC until it is known to be the one that was found. */
static int open_found(sandbox_t *sandbox, const place_t *place, const user_t *user) {
    int fd = path_open_file(place, O_WRONLY);
    if (fd < 0) return fd;
    int code = users_give(sandbox, user, fd);
    if (code == 0) code = empty(fd, place->st.st_size);
    if (code == 0) return fd;
    close(fd);
    return code;
}

static int open_new(sandbox_t *sandbox, const place_t *place, const user_t *user) {
    int fd = openat(place->parent, place->name,
                    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
    if (fd < 0) return -errno;
    int code = users_give(sandbox, user, fd);
    if (code == 0) return fd;
    close(fd);
    return code;
}

/* The file, empty and the user's, with its metadata. A descriptor or -errno. */
static int open_to_write(sandbox_t *sandbox, const file_args_t *args, bool *own, bool *stale) {
    place_t place;
    if (quota_disk_full(sandbox, 0)) return -EDQUOT;
    int code =
        path_find(sandbox, args->path, PATH_FOLLOW | PATH_MAKE | PATH_CHANGE, &args->user, &place);
    if (code < 0) return code;
    int fd = place.fd >= 0 ? open_found(sandbox, &place, &args->user)
                           : open_new(sandbox, &place, &args->user);
    *own = place.own;
    *stale = place.fd >= 0 && place.st.st_size > 0;
    path_close(&place);
    if (fd < 0) return fd;
    code = metadata_set(fd, args->list, args->count);
    if (code == 0) return fd;
    abandon(fd, *stale);
    return code;
}

static void start_writing(sandbox_t *sandbox, const wire_frame_t *frame, file_args_t *args) {
    bool own, stale;
    int fd = open_to_write(sandbox, args, &own, &stale);
    if (fd < 0) {
        answer_failed(sandbox, frame->stream, -fd, "open %s", args->path);
        return;
    }
    writing_t *writing = stream_open(sandbox, frame, &writing_class, sizeof *writing);
    if (writing == NULL) {
        abandon(fd, stale);
        return;
    }
    writing->fd = fd;
    writing->own = own;
    writing->stale = stale;
    writing->path = args->path;
    args->path = NULL;
    answer_begin(sandbox, frame->stream, WIRE_STARTED);
    answer_end(sandbox);
}

void file_write_request(sandbox_t *sandbox, const wire_frame_t *frame) {
    file_args_t args = {0};
    wire_reader_t reader = wire_read(frame);
    args.user_name = wire_read_text(&reader);
    args.path = wire_read_text(&reader);
    args.list = wire_read_list(&reader, &args.count);
    if (args.count % 2 != 0) reader.bad = true;
    if (file_args_check(sandbox, frame, &reader, "WRITE", &args))
        start_writing(sandbox, frame, &args);
    file_args_free(&args);
}
