/*
 * stream.c: the streams of a sandbox, and what is told of them. Must not let one stream take more
 * than its window, nor all of them more than the channel's bound. Moving the bytes is channel.c's.
 * Thread of pid 1.
 */
#include "stream.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox.h"

#define CREDIT_STEP (WIRE_WINDOW / 4) /* what is owed is told in steps of this */
#define MOST_TEXT 1024                /* of a line, or of what was done, with a path in it */

/* ---- answers ---- */

wire_writer_t *answer_begin(sandbox_t *sandbox, uint32_t stream, uint8_t type) {
    wire_begin(&sandbox->channel.writer, type, 0, stream);
    return &sandbox->channel.writer;
}

void answer_end(sandbox_t *sandbox) {
    /* Without memory for what must be told, nothing that is told later would be true. */
    if (!wire_end(&sandbox->channel.writer)) sandbox->ending = true;
}

void answer_done(sandbox_t *sandbox, uint32_t stream) {
    answer_begin(sandbox, stream, WIRE_DONE);
    answer_end(sandbox);
}

/* The text of a printf, cut where it is too long. */
static void put_format(wire_writer_t *writer, const char *format, va_list list) {
    char text[MOST_TEXT];
    int len = vsnprintf(text, sizeof text, format, list);
    if (len < 0) text[0] = '\0';
    wire_put_text(writer, text);
}

static void put_failure(sandbox_t *sandbox, uint32_t stream, int error, const char *what,
                        va_list list) {
    wire_writer_t *writer = answer_begin(sandbox, stream, WIRE_FAILED);
    wire_put_u32(writer, (uint32_t)error);
    put_format(writer, what, list);
    answer_end(sandbox);
}

void answer_failed(sandbox_t *sandbox, uint32_t stream, int error, const char *what, ...) {
    va_list list;
    va_start(list, what);
    put_failure(sandbox, stream, error, what, list);
    va_end(list);
}

static void put_log(sandbox_t *sandbox, const char *line, va_list list) {
    put_format(answer_begin(sandbox, 0, WIRE_LOG), line, list);
    answer_end(sandbox);
}

void sandbox_log(sandbox_t *sandbox, const char *line, ...) {
    if (sandbox->channel.stuck) return;
    va_list list;
    va_start(list, line);
    put_log(sandbox, line, list);
    va_end(list);
}

void sandbox_end(sandbox_t *sandbox, const char *line, ...) {
    if (!sandbox->ending && line != NULL) {
        va_list list;
        va_start(list, line);
        put_log(sandbox, line, list);
        va_end(list);
    }
    sandbox->ending = true;
}

/* ---- birth, look-up, death ---- */

static stream_t **bucket_of(channel_t *channel, uint32_t id) {
    return &channel->hash[id % STREAM_BUCKETS];
}

stream_t *stream_find(sandbox_t *sandbox, uint32_t id) {
    stream_t *stream = *bucket_of(&sandbox->channel, id);
    while (stream != NULL && stream->id != id) stream = stream->chain;
    return stream;
}

void *stream_open(sandbox_t *sandbox, const wire_frame_t *frame, const stream_class_t *class,
                  size_t size) {
    channel_t *channel = &sandbox->channel;
    bool full = channel->streams >= WIRE_MAX_STREAMS;
    stream_t *stream = full ? NULL : calloc(1, size);
    if (stream == NULL) {
        answer_failed(sandbox, frame->stream, full ? EMFILE : ENOMEM, "open a stream");
        return NULL;
    }
    stream->sandbox = sandbox;
    stream->id = frame->stream;
    stream->class = class;
    stream->send_window = stream->receive_window = WIRE_WINDOW;
    stream->next = channel->first;
    if (stream->next != NULL) stream->next->prev = stream;
    channel->first = stream;
    stream_t **bucket = bucket_of(channel, stream->id);
    stream->chain = *bucket;
    *bucket = stream;
    channel->streams++;
    return stream;
}

void stream_close(stream_t *stream) {
    if (stream->dead) return;
    channel_t *channel = &stream->sandbox->channel;
    stream->dead = true;
    stream_t **at = bucket_of(channel, stream->id);
    while (*at != stream) at = &(*at)->chain;
    *at = stream->chain;
    if (channel->cursor == stream) channel->cursor = stream->next;
    if (stream->next != NULL) stream->next->prev = stream->prev;
    *(stream->prev != NULL ? &stream->prev->next : &channel->first) = stream->next;
    stream->next = channel->dead;
    channel->dead = stream;
    channel->streams--;
    stream->class->destroy(stream);
}

void stream_done(stream_t *stream) {
    if (stream->dead) return;
    answer_done(stream->sandbox, stream->id);
    stream_close(stream);
}

void stream_fail(stream_t *stream, int error, const char *what, ...) {
    if (stream->dead) return;
    va_list list;
    va_start(list, what);
    put_failure(stream->sandbox, stream->id, error, what, list);
    va_end(list);
    stream_close(stream);
}

/* ---- what may be sent, and what was ---- */

bool stream_may_tell(stream_t *stream) {
    if (stream->dead) return false;
    if (channel_room(&stream->sandbox->channel) > 0) return true;
    stream->starved = true;
    return false;
}

size_t stream_room(stream_t *stream) {
    if (!stream_may_tell(stream)) return 0;
    size_t room = channel_room(&stream->sandbox->channel);
    if (room > stream->send_window) room = stream->send_window;
    if (room == 0) stream->starved = true;
    return room;
}

void stream_send(stream_t *stream, uint8_t channel, const void *data, size_t len) {
    if (stream->dead) return;
    sandbox_t *sandbox = stream->sandbox;
    const uint8_t *at = data;
    stream->send_window -= len < stream->send_window ? (uint32_t)len : stream->send_window;
    while (len > 0) {
        size_t piece = len < WIRE_MAX_DATA ? len : WIRE_MAX_DATA;
        wire_begin(&sandbox->channel.writer, WIRE_DATA, channel, stream->id);
        uint8_t *room = wire_put_raw(&sandbox->channel.writer, piece);
        if (room != NULL) memcpy(room, at, piece);
        answer_end(sandbox);
        at += piece;
        len -= piece;
    }
}

void stream_send_end(stream_t *stream, uint8_t channel) {
    if (stream->dead) return;
    wire_begin(&stream->sandbox->channel.writer, WIRE_END, channel, stream->id);
    answer_end(stream->sandbox);
}

void stream_credit(stream_t *stream, size_t n) {
    if (stream->dead) return;
    stream->owed += (uint32_t)n;
    if (stream->owed < CREDIT_STEP) return;
    wire_put_u32(answer_begin(stream->sandbox, stream->id, WIRE_CREDIT), stream->owed);
    answer_end(stream->sandbox);
    stream->receive_window += stream->owed;
    stream->owed = 0;
}

void stream_again(stream_t *stream) {
    stream->again = stream->sandbox->channel.again = true;
}

/* ---- what came ---- */

static void call_window(stream_t *stream) {
    if (!stream->starved) return;
    stream->starved = false;
    if (stream->class->window != NULL) stream->class->window(stream);
}

static void call_slice(stream_t *stream) {
    if (!stream->again) return;
    stream->again = false;
    if (stream->class->slice != NULL) stream->class->slice(stream);
}

typedef void (*visit_t)(stream_t *stream);

/* Those that are open now; each may close itself and others. */
static void for_all(sandbox_t *sandbox, visit_t visit) {
    channel_t *channel = &sandbox->channel;
    for (stream_t *stream = channel->first; stream != NULL; stream = channel->cursor) {
        channel->cursor = stream->next;
        visit(stream);
    }
}

void streams_tell_room(sandbox_t *sandbox) {
    for_all(sandbox, call_window);
}

void streams_run_slices(sandbox_t *sandbox) {
    if (!sandbox->channel.again) return;
    sandbox->channel.again = false;
    for_all(sandbox, call_slice);
}

void streams_close_all(sandbox_t *sandbox) {
    for_all(sandbox, stream_close);
    streams_bury(sandbox);
}

void streams_bury(sandbox_t *sandbox) {
    channel_t *channel = &sandbox->channel;
    while (channel->dead != NULL) {
        stream_t *stream = channel->dead;
        channel->dead = stream->next;
        free(stream);
    }
}

static void take_credit(stream_t *stream, const wire_frame_t *frame) {
    wire_reader_t reader = wire_read(frame);
    uint32_t more = wire_read_u32(&reader);
    if (!wire_read_all(&reader) || more > UINT32_MAX - stream->send_window) {
        sandbox_end(stream->sandbox, "the backend broke the rules: a credit of no sense");
        return;
    }
    stream->send_window += more;
    call_window(stream);
}

static void take_data(stream_t *stream, const wire_frame_t *frame) {
    if (stream->class->data == NULL || frame->len > stream->receive_window) {
        sandbox_end(stream->sandbox, "the backend broke the rules: more data than a %s may take",
                    stream->class->what);
        return;
    }
    stream->receive_window -= (uint32_t)frame->len;
    stream->class->data(stream, frame->channel, frame->payload, frame->len);
}

void stream_take(stream_t *stream, const wire_frame_t *frame) {
    const stream_class_t *class = stream->class;
    if (frame->type == WIRE_DATA) {
        take_data(stream, frame);
    } else if (frame->type == WIRE_CREDIT) {
        take_credit(stream, frame);
    } else if (frame->type == WIRE_CANCEL) {
        stream_done(stream);
    } else if (frame->type == WIRE_END) {
        if (class->end != NULL) class->end(stream, frame->channel);
    } else if (class->frame != NULL) {
        class->frame(stream, frame);
    }
}
