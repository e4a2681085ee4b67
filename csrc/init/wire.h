/*
 * wire.h: what the backend and a sandbox's pid 1 say to each other, and how it lies in bytes. The
 * one header of csrc/init that another side mirrors: lib/local/init/wire.js. Neither file knows any
 * socket. Both ends run on one machine, so numbers are in its own byte order.
 *
 * One connection is one sandbox. A frame is a head of 12 bytes and a payload:
 *
 *     u32 length of the payload   u8 type   u8 channel   u16 zero   u32 stream
 *
 * A payload is a row of fields, in the order given below for each type: u32 and i64 as they are, a
 * string as u32 length and bytes (never with a NUL inside), a list as u32 count and its items. What
 * follows the last field that a reader knows is an error: both ends are of one build.
 *
 * Everything happens in streams. The backend opens one with a request, under a number that it has
 * not in use; the sandbox ends it with one DONE or FAILED, and neither mentions it again, except
 * that what crossed on the way (DATA, CREDIT, CANCEL of an ended stream) is ignored by both. Bytes
 * go as DATA, each direction of a stream within its window: WIRE_WINDOW bytes at first, and what
 * CREDIT adds, given by the receiver for what it has passed on. Who sends more breaks the rules and
 * loses the connection. END closes one direction of one channel.
 */
#ifndef E2B_INIT_WIRE_H
#define E2B_INIT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_HEAD 12u
/* Bytes of one DATA frame: none holds up the others for long. */
#define WIRE_MAX_DATA (64u * 1024)
/* Any payload: the kernel takes 2 MiB of arguments at most. */
#define WIRE_MAX_FRAME (4096u * 1024)
#define WIRE_WINDOW (256u * 1024)
#define WIRE_MAX_STREAMS 4096u /* at a time, of one sandbox */

/*
 * From the backend. `user` is a name of the sandbox's /etc/passwd, "" for the default one. Paths
 * are the sandbox's, absolute, not resolved. Errors are the kernel's numbers.
 */
enum wire_request {
    /* The first frame, stream 0, once, answered with BOOTED or FAILED: struct boot in boot.h. */
    WIRE_BOOT = 1,

    /* list args (the first is the program; looked up in PATH), list env ("K=V", the whole of it),
     * string cwd, string user, u32 flags (WIRE_SPAWN_*), u32 cols, u32 rows.
     * STARTED, then DATA and END on the output channels, EXITED, and DONE when all has been told.
     * DATA and END on WIRE_STDIN, DATA on WIRE_PTY are its input; END on WIRE_STDIN from the
     * sandbox: it has closed its input, more of it is thrown away. FAILED instead of STARTED when
     * it cannot be started. CANCEL lets go of its pipes and tells nothing more; it runs on. */
    WIRE_SPAWN = 2,
    WIRE_SIGNAL = 3, /* of a SPAWN: u32 number; to the one process */
    WIRE_RESIZE = 4, /* of a SPAWN with a terminal: u32 cols, u32 rows */

    /* Files. What is made is the user's; looking and changing have the rights of the sandbox, as in
     * E2B, where `user` writes to /app. Paths are normalised ("/a/b"). ESRCH: no such user. EACCES:
     * without walls, a file of the host's; EPERM: one of the kernel's (/proc, /sys). `entry` is a
     * row of fields: see WIRE_ENTRY. */
    WIRE_STAT = 10,   /* user, path. DONE: entry, of a link itself; ENOENT */
    WIRE_LIST = 11,   /* user, path, u32 depth, u32 most. ENTRY, unsorted, and DONE; E2BIG */
    WIRE_MKDIR = 12,  /* user, path. Makes parents. DONE: entry; EEXIST; ENOTDIR: it is a file */
    WIRE_MOVE = 13,   /* user, from, to. Makes parents; also across mounts. DONE: entry */
    WIRE_REMOVE = 14, /* user, path. With all that is in it; nothing there is well. DONE */
    /* user, path, i64 offset, i64 length (-1: to the end). Regular files only: EISDIR, or ENXIO for
     * what is neither. STARTED: entry, of what a link comes to; then as many bytes as its size
     * says, or as were wanted of them, as DATA on WIRE_BYTES, and DONE. EIO: it became shorter. */
    WIRE_READ = 15,
    /* user, path, list metadata (k, v, k, v...). Makes parents, truncates, the file becomes the
     * user's, its metadata (xattr user.e2b.K) exactly these; ENOTSUP where there are no attributes
     * and there is metadata. STARTED; takes DATA and END on WIRE_BYTES; DONE: entry. EDQUOT past
     * the disk limit. Errors as of READ. */
    WIRE_WRITE = 16,
    /* user, list sources, destination. Joined, sources removed. DONE: entry. EINVAL: no sources, or
     * the destination is one */
    WIRE_COMPOSE = 17,

    /* user, path, u32 flags (WIRE_WATCH_*). STARTED, then EVENT...; ends by CANCEL, or FAILED with
     * EOVERFLOW when events were lost, ENOSPC when there is too much to watch. When the directory
     * goes, that is an event named ".", and nothing comes after it. ENOTDIR, EREMOTE. */
    WIRE_WATCH = 20,

    /* u32 port: a connection to that port of this sandbox, at 127.0.0.1 or ::1. STARTED or FAILED
     * (ECONNREFUSED); DATA and END on WIRE_BYTES both ways; DONE when both ways have ended. */
    WIRE_CONNECT = 30,

    WIRE_FREEZE = 40,  /* every process but pid 1. DONE when they stand still */
    WIRE_THAW = 41,    /* DONE */
    WIRE_USAGE = 42,   /* DONE: i64 cpu_us since boot, i64 memory, i64 memory_cache, i64 disk,
                          u32 processes: bytes; disk is what the sandbox has written */
    WIRE_ISOLATE = 43, /* u32 back: 0, no network for what is started from now on; 1, the host's
                          again. EBUSY while processes run, EPERM for an ordinary user's way back.
                          DONE */
    WIRE_SYNC = 44,    /* what is written is in the sandbox's directories. DONE */
    WIRE_CANCEL = 50,  /* the end of a stream at once: DONE, whatever it did */
};

/* Both ways. */
enum wire_flow {
    WIRE_DATA = 60,   /* channel; the bytes as they are, not a string */
    WIRE_END = 61,    /* channel; no payload */
    WIRE_CREDIT = 62, /* u32 bytes: the window of the other's DATA in this stream grows */
};

/* From the sandbox. */
enum wire_answer {
    WIRE_BOOTED = 128,  /* u32 flags (WIRE_HAS_*): what this sandbox got */
    WIRE_STARTED = 129, /* of a SPAWN: u32 pid; of a READ: entry; else nothing */
    WIRE_EXITED = 130,  /* u32 status, u32 signal (0: it exited) */
    WIRE_DONE = 131,
    WIRE_FAILED = 132, /* u32 errno, string what was done ("lstat /x"): no errno text */
    /* string path (absolute), u32 type (WIRE_FILE...), i64 size, u32 mode (as st_mode, of the
     * target), string owner, string group, i64 mtime_ns, string link ("" for none: what a symbolic
     * link comes to, resolved; of a broken one its own path), list metadata (k, v, k, v...) */
    WIRE_ENTRY = 133,
    /* string name (relative to the watched directory), u32 type (WIRE_CREATED...), u32 has_entry,
     * entry if so */
    WIRE_EVENT = 134,
    WIRE_LOG = 135, /* stream 0: string line, for the backend's log */
};

enum wire_channel {
    WIRE_BYTES = 0,
    WIRE_STDIN = 0,
    WIRE_STDOUT = 1,
    WIRE_STDERR = 2,
    WIRE_PTY = 3
};

#define WIRE_SPAWN_STDIN 1u /* a pipe that the backend writes to; else /dev/null */
#define WIRE_SPAWN_PTY 2u   /* a terminal of cols x rows on all three; channel WIRE_PTY */
/* The first WIRE_WRAPPER_ARGS arguments are a shell that executes the others, whose words and whose
 * exit status are asked for when that fails. It is left out when it does not: then the variable
 * PWD, if there is one, is set as by a shell. */
#define WIRE_SPAWN_WRAPPED 4u
#define WIRE_WRAPPER_ARGS 4u

#define WIRE_WATCH_RECURSIVE 1u
#define WIRE_WATCH_ENTRIES 2u
#define WIRE_WATCH_NETWORK 4u /* also on NFS, FUSE...: changes from elsewhere are not seen */

enum wire_file_type { WIRE_FILE = 1, WIRE_DIRECTORY = 2, WIRE_OTHER = 3, WIRE_BROKEN = 4 };
enum wire_event_type {
    WIRE_CREATED = 1,
    WIRE_WRITTEN = 2,
    WIRE_REMOVED = 3,
    WIRE_RENAMED = 4,
    WIRE_CHMODDED = 5,
};

#define WIRE_HAS_FILES 1u   /* writes do not reach the host's files */
#define WIRE_HAS_NETWORK 2u /* a network of its own, without a way out */
#define WIRE_HAS_LIMITS 4u  /* memory, processes and CPU by cgroup */
#define WIRE_HAS_FREEZER 8u /* freezing by cgroup; else by signals */
#define WIRE_HAS_USERS 16u  /* user and root are different */

/* ---- reading ---- */

/* A view of one whole frame; the payload is borrowed until the next call on its decoder. */
typedef struct wire_frame {
    uint8_t type, channel;
    uint32_t stream;
    const uint8_t *payload;
    size_t len;
} wire_frame_t;

/* Puts frames together out of what read() brings. */
typedef struct wire_decoder {
    uint8_t *data;
    size_t len, capacity, taken;
} wire_decoder_t;

void wire_decoder_init(wire_decoder_t *decoder);
void wire_decoder_destroy(wire_decoder_t *decoder);

/* Room for at least `want` more bytes; NULL without memory. What was written there is then said. */
uint8_t *wire_decoder_room(wire_decoder_t *decoder, size_t want, size_t *room);
void wire_decoder_wrote(wire_decoder_t *decoder, size_t len);

/* 1: *frame is the next one; 0: not yet whole; -EBADMSG: no frame of ours; the connection is lost.
 */
int wire_decoder_next(wire_decoder_t *decoder, wire_frame_t *frame);

/* Reads a payload field by field. Past its end, or past a bad field, everything is 0 and empty and
 * `bad` is set: look once, at the end. Strings are borrowed from the payload, and not ended by NUL.
 */
typedef struct wire_reader {
    const uint8_t *at, *end;
    bool bad;
    bool no_memory; /* bad for want of memory: not the far end's fault */
} wire_reader_t;

typedef struct wire_string {
    const char *data;
    size_t len;
} wire_string_t;

wire_reader_t wire_read(const wire_frame_t *frame);
uint32_t wire_read_u32(wire_reader_t *reader);
int64_t wire_read_i64(wire_reader_t *reader);
wire_string_t wire_read_string(wire_reader_t *reader);
/* A copy with a NUL, given; NULL when bad or without memory (then bad is set). */
char *wire_read_text(wire_reader_t *reader);
/* A list of strings as a NULL-ended vector in one allocation, given (free once). NULL as above. */
char **wire_read_list(wire_reader_t *reader, size_t *count);
/* True when everything was read and nothing was bad. */
bool wire_read_all(const wire_reader_t *reader);
/* The same with the reason: 0, -EBADMSG, -ENOMEM. */
int wire_read_result(const wire_reader_t *reader);

/* ---- writing ---- */

/* Frames that wait to be sent, in one piece of memory with a bound. */
typedef struct wire_writer {
    uint8_t *data;
    size_t len, capacity, sent, frame; /* frame: where the one under way begins */
    size_t most;
    bool bad; /* memory or the bound: the frame under way is undone, and no further one is begun */
} wire_writer_t;

void wire_writer_init(wire_writer_t *writer, size_t most);
void wire_writer_destroy(wire_writer_t *writer);
void wire_begin(wire_writer_t *writer, uint8_t type, uint8_t channel, uint32_t stream);
void wire_put_u32(wire_writer_t *writer, uint32_t value);
void wire_put_i64(wire_writer_t *writer, int64_t value);
void wire_put_string(wire_writer_t *writer, const char *data, size_t len);
void wire_put_text(wire_writer_t *writer, const char *text);
/* Room for `len` raw bytes in the frame under way; NULL when bad. */
uint8_t *wire_put_raw(wire_writer_t *writer, size_t len);
/* Ends the frame. false: it is not in there. */
bool wire_end(wire_writer_t *writer);
/* What waits is `len - sent` bytes at `data + sent`; `len` of them are sent. Between frames only.
 */
void wire_writer_sent(wire_writer_t *writer, size_t len);

#endif
