/*
 * stream.h: the channel of a sandbox and the streams on it. Takes frames apart to the streams,
 * keeps their windows, and queues what they answer; knows no request but CANCEL. Everything happens
 * on the one thread of pid 1.
 *
 * A request of one answer needs no stream: its handler reads the frame and answers. One that goes
 * on opens a stream: its own struct, whose first member is a stream_t, known by its class.
 *
 * A stream that has ended (done, failed, cancelled) has had its destroy() called and sends nothing
 * more; its memory stays until the round is over, so callbacks may still look at it.
 */
#ifndef E2B_INIT_STREAM_H
#define E2B_INIT_STREAM_H

#include "loop.h"
#include "wire.h"

/* All of pid 1's state; passed everywhere. See sandbox.h. */
typedef struct sandbox sandbox_t;
typedef struct stream stream_t;

/* What a kind of stream does. Members may be NULL but `what` and `destroy`. */
typedef struct stream_class {
    const char *what; /* "SPAWN" */
    /* len bytes came, within the window; borrowed. Say stream_credit() when they are passed on. */
    void (*data)(stream_t *stream, uint8_t channel, const uint8_t *data, size_t len);
    void (*end)(stream_t *stream, uint8_t channel);
    /* After stream_room() was 0, or stream_may_tell() false: look again. */
    void (*window)(stream_t *stream);
    /* The slice of work that stream_again() asked for, once each time. */
    void (*slice)(stream_t *stream);
    /* SIGNAL, RESIZE. */
    void (*frame)(stream_t *stream, const wire_frame_t *frame);
    /* Frees what it has (not the struct), closes its sources and alarms; tells nothing. */
    void (*destroy)(stream_t *stream);
} stream_class_t;

/* Members are stream.c's; others read `sandbox`, `id` and `dead`. */
struct stream {
    sandbox_t *sandbox;
    uint32_t id;
    const stream_class_t *class;
    stream_t *next, *prev, *chain; /* all of them; those of one hash */
    uint32_t send_window, receive_window, owed;
    bool starved, again, dead;
};

/* What a request type does: one for each WIRE_ request, in requests.c. `frame->stream` is free. It
 * must answer it, now or later, or open a stream under that number. */
typedef void (*request_t)(sandbox_t *sandbox, const wire_frame_t *frame);

/* ---- answers, also without a stream ---- */

/* Begins a frame: put its fields with wire_put_*, then answer_end(). Nothing else may be begun in
 * between. Never fails from here: without memory the sandbox ends. */
wire_writer_t *answer_begin(sandbox_t *sandbox, uint32_t stream, uint8_t type);
void answer_end(sandbox_t *sandbox);
/* DONE without fields. */
void answer_done(sandbox_t *sandbox, uint32_t stream);
/* FAILED: a positive errno, and what was done, as for printf. */
void answer_failed(sandbox_t *sandbox, uint32_t stream, int error, const char *what, ...)
    __attribute__((format(printf, 4, 5)));
/* For the backend's log; dropped when the channel is full. */
void sandbox_log(sandbox_t *sandbox, const char *line, ...) __attribute__((format(printf, 2, 3)));
/* Ends the sandbox once the round is over: with a last line for the log, or NULL. */
void sandbox_end(sandbox_t *sandbox, const char *line, ...) __attribute__((format(printf, 2, 3)));

/* ---- streams ---- */

/* size bytes, zeroed, of which the first are a stream_t. NULL: without memory or one too many, and
 * that was answered. */
void *stream_open(sandbox_t *sandbox, const wire_frame_t *frame, const stream_class_t *class,
                  size_t size);

/* How many bytes of DATA may be sent now: the far end's window, and the channel's own room. After 0
 * the class's window() is called when it is worth to look again. */
size_t stream_room(stream_t *stream);
/* At most stream_room() bytes; copied. In frames of at most WIRE_MAX_DATA. */
void stream_send(stream_t *stream, uint8_t channel, const void *data, size_t len);
void stream_send_end(stream_t *stream, uint8_t channel);
/* Whether frames that are no DATA may be sent in number (ENTRY, EVENT); false as stream_room(). */
bool stream_may_tell(stream_t *stream);
/* n bytes of what came are passed on: the far end may send as many more. */
void stream_credit(stream_t *stream, size_t n);
/* The class's slice() is called in the next round: for work in pieces of at most some hundred
 * microseconds. */
void stream_again(stream_t *stream);

/* The ends. Nothing happens to one that has ended. */
void stream_close(stream_t *stream); /* tells nothing: DONE with fields was answered before */
void stream_done(stream_t *stream);
void stream_fail(stream_t *stream, int error, const char *what, ...)
    __attribute__((format(printf, 3, 4)));

#endif
