/*
 * pipes.c: bytes between programs and streams. Must not wait for either, and must not lose any on
 * the way out of a program. SIGPIPE is blocked by whoever runs the loop. Thread of pid 1.
 */
#include "pipes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "channel.h"
#include "sandbox.h"

/* ---- out ---- */

/* Edge-triggered: a pipe that nobody has room for makes no noise, at its end neither, and is read
 * when there is. */
int pipe_out_open(pipe_out_t *out, stream_t *stream, int fd, uint8_t channel, size_t most,
                  source_ready_t ready) {
    out->stream = stream;
    out->channel = channel;
    out->most = most < PIPE_MOST_READ ? most : PIPE_MOST_READ;
    int code = source_open(&out->source, &stream->sandbox->loop, fd, EPOLLIN | EPOLLET, ready);
    if (code < 0) close(fd);
    return code;
}

bool pipe_out_is_open(const pipe_out_t *out) {
    return out->source.loop != NULL;
}

void pipe_out_pump(pipe_out_t *out) {
    uint8_t bytes[PIPE_MOST_READ];
    while (pipe_out_is_open(out)) {
        size_t room = stream_room(out->stream);
        if (room == 0) return;
        ssize_t len = read(out->source.fd, bytes, room < out->most ? room : out->most);
        if (len > 0) {
            stream_send(out->stream, out->channel, bytes, (size_t)len);
        } else if (len == 0 || (errno != EAGAIN && errno != EINTR)) {
            source_close(&out->source); /* a terminal that nobody has open any more says EIO */
            stream_send_end(out->stream, out->channel);
        } else if (errno == EAGAIN) {
            return;
        }
    }
}

/* ---- in ---- */

void pipe_in_close(pipe_in_t *in) {
    source_close(&in->source);
    free(in->data);
    in->data = NULL;
    in->at = in->len = 0;
}

/* What waits is lost with the program's end of the pipe. That of a terminal is told by what it
 * writes, of which some may be unread. */
static void break_off(pipe_in_t *in) {
    size_t lost = in->len;
    pipe_in_close(in);
    stream_credit(in->stream, lost);
    if (in->channel != WIRE_PTY) stream_send_end(in->stream, in->channel);
}

/* How many of the bytes went in; false when none ever will. */
static bool write_some(pipe_in_t *in, const uint8_t *data, size_t len, size_t *wrote) {
    *wrote = 0;
    while (*wrote < len) {
        ssize_t n = write(in->source.fd, data + *wrote, len - *wrote);
        if (n > 0)
            *wrote += (size_t)n;
        else if (n == 0 || errno == EAGAIN)
            return true;
        else if (errno != EINTR)
            return false;
    }
    return true;
}

static void drain(pipe_in_t *in) {
    size_t wrote;
    bool whole = write_some(in, in->data + in->at, in->len, &wrote);
    in->at += wrote;
    in->len -= wrote;
    stream_credit(in->stream, wrote);
    if (!whole) {
        break_off(in);
    } else if (in->len == 0) {
        free(in->data);
        in->data = NULL;
        in->at = 0;
        source_want(&in->source, 0);
        if (in->ending) pipe_in_close(in);
    }
}

static void on_ready(source_t *source, uint32_t events) {
    pipe_in_t *in = (pipe_in_t *)source;
    if (events & (EPOLLERR | EPOLLHUP))
        break_off(in);
    else if (in->len > 0)
        drain(in);
}

int pipe_in_open(pipe_in_t *in, stream_t *stream, int fd, uint8_t channel) {
    in->stream = stream;
    in->channel = channel;
    int code = source_open(&in->source, &stream->sandbox->loop, fd, 0, on_ready);
    if (code < 0) close(fd);
    return code;
}

/* The window bounds what waits. */
static bool keep(pipe_in_t *in, const uint8_t *data, size_t len) {
    if (in->len > 0 && in->at > 0) memmove(in->data, in->data + in->at, in->len);
    in->at = 0;
    uint8_t *grown = realloc(in->data, in->len + len);
    if (grown == NULL) return false;
    in->data = grown;
    memcpy(in->data + in->len, data, len);
    in->len += len;
    source_want(&in->source, EPOLLOUT);
    return true;
}

void pipe_in_put(pipe_in_t *in, const uint8_t *data, size_t len) {
    size_t wrote = 0;
    if (in->source.loop == NULL || in->ending) {
        stream_credit(in->stream, len);
        return;
    }
    bool whole = in->len > 0 || write_some(in, data, len, &wrote);
    stream_credit(in->stream, wrote);
    if (!whole) {
        break_off(in);
        stream_credit(in->stream, len - wrote);
    } else if (wrote < len && !keep(in, data + wrote, len - wrote)) {
        sandbox_end(in->stream->sandbox, "out of memory for what a program is to read");
    }
}

void pipe_in_end(pipe_in_t *in) {
    in->ending = true;
    if (in->len == 0) pipe_in_close(in);
}
