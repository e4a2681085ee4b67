/*
 * channel.c: moves frames between the socket to the backend and the streams, round by round, and
 * gives each request to its handler. Must never wait for anything but the next round: a backend
 * that does not read stops what it is sent, and what it asks, and nothing else. Thread of pid 1.
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sandbox.h"

#define READ_BYTES (64u * 1024)
/* What waits to be sent while anybody may add to it by his own choice. */
#define ROOM (512u * 1024)
/* At which those that were held up go on. */
#define AGAIN (128u * 1024)
/* What one more answer, and the ends of all streams, come to beyond that. */
#define MOST (ROOM + 2u * WIRE_MAX_FRAME + WIRE_MAX_STREAMS * 64u)
#define LAST_WORDS_MS 200

static size_t waits(const channel_t *channel) {
    return channel->writer.len - channel->writer.sent;
}

size_t channel_room(channel_t *channel) {
    if (!channel->stuck && waits(channel) < ROOM) return ROOM - waits(channel);
    channel->stuck = true;
    return 0;
}

/* ---- reading ---- */

static void receive(channel_t *channel) {
    size_t room;
    uint8_t *at = wire_decoder_room(&channel->decoder, READ_BYTES, &room);
    if (at == NULL) {
        channel->sandbox->ending = true; /* without memory nothing goes on */
        return;
    }
    ssize_t len = recv(channel->source.fd, at, room, MSG_DONTWAIT);
    if (len > 0) wire_decoder_wrote(&channel->decoder, (size_t)len);
    bool later = len < 0 && (errno == EAGAIN || errno == EINTR);
    if (len <= 0 && !later) channel->lost = true;
}

static void on_ready(source_t *source, uint32_t events) {
    channel_t *channel = (channel_t *)source;
    if (events & (EPOLLHUP | EPOLLERR)) channel->lost = true;
    if ((events & EPOLLIN) && !channel->lost) receive(channel);
}

static void take_request(sandbox_t *sandbox, const wire_frame_t *frame) {
    if (frame->type <= WIRE_BOOT || frame->type >= WIRE_CANCEL || frame->stream == 0) {
        sandbox_end(sandbox, "the backend broke the rules: a frame of type %u in stream %u",
                    frame->type, frame->stream);
    } else if (sandbox->channel.requests[frame->type] == NULL) {
        answer_failed(sandbox, frame->stream, ENOSYS, "request %u", frame->type);
    } else {
        sandbox->channel.requests[frame->type](sandbox, frame);
    }
}

/* Of a stream that was there: nothing opens one by these. */
static bool crosses_its_end(uint8_t type) {
    return type == WIRE_DATA || type == WIRE_END || type == WIRE_CREDIT || type == WIRE_CANCEL ||
           type == WIRE_SIGNAL || type == WIRE_RESIZE;
}

static void take_frame(sandbox_t *sandbox, const wire_frame_t *frame) {
    stream_t *stream = stream_find(sandbox, frame->stream);
    if (crosses_its_end(frame->type)) {
        if (stream != NULL) stream_take(stream, frame);
    } else if (stream != NULL) {
        sandbox_end(sandbox, "the backend broke the rules: stream %u is in use", frame->stream);
    } else {
        take_request(sandbox, frame);
    }
}

/* All whole frames, as long as there is room for their answers. */
static void take_frames(sandbox_t *sandbox) {
    channel_t *channel = &sandbox->channel;
    while (!sandbox->ending && channel_room(channel) > 0) {
        wire_frame_t frame;
        int code = wire_decoder_next(&channel->decoder, &frame);
        if (code < 0) sandbox_end(sandbox, "the backend broke the rules: no frame");
        if (code <= 0) return;
        take_frame(sandbox, &frame);
    }
}

/* ---- writing ---- */

static void flush(channel_t *channel) {
    while (waits(channel) > 0 && !channel->lost) {
        const wire_writer_t *writer = &channel->writer;
        ssize_t len = send(channel->source.fd, writer->data + writer->sent, waits(channel),
                           MSG_DONTWAIT | MSG_NOSIGNAL);
        if (len > 0)
            wire_writer_sent(&channel->writer, (size_t)len);
        else if (errno == EAGAIN)
            return;
        else if (errno != EINTR)
            channel->lost = true;
    }
}

/* Whoever was held up goes on once most of it is gone. */
static void release(sandbox_t *sandbox) {
    channel_t *channel = &sandbox->channel;
    if (!channel->stuck || waits(channel) > AGAIN) return;
    channel->stuck = false;
    streams_tell_room(sandbox);
    take_frames(sandbox);
}

/* ---- life ---- */

int channel_open(sandbox_t *sandbox, int fd, wire_decoder_t *begun, const request_t *requests) {
    channel_t *channel = &sandbox->channel;
    channel->sandbox = sandbox;
    channel->requests = requests;
    channel->decoder = *begun;
    wire_decoder_init(begun);
    wire_writer_init(&channel->writer, MOST);
    int code = source_open(&channel->source, &sandbox->loop, fd, EPOLLIN, on_ready);
    if (code < 0) close(fd);
    return code;
}

void channel_run(sandbox_t *sandbox) {
    channel_t *channel = &sandbox->channel;
    for (;;) {
        take_frames(sandbox);
        streams_run_slices(sandbox);
        flush(channel);
        release(sandbox);
        streams_bury(sandbox);
        if (channel->lost || sandbox->ending) return;
        source_want(&channel->source, (channel->stuck ? 0u : (uint32_t)EPOLLIN) |
                                          (waits(channel) > 0 ? (uint32_t)EPOLLOUT : 0u));
        if (loop_round(&sandbox->loop, channel->again ? 0 : -1) < 0) return;
    }
}

void channel_close(sandbox_t *sandbox) {
    channel_t *channel = &sandbox->channel;
    int64_t deadline = loop_now_ms() + LAST_WORDS_MS;
    streams_close_all(sandbox);
    for (flush(channel); waits(channel) > 0 && !channel->lost; flush(channel)) {
        int64_t left = deadline - loop_now_ms();
        struct pollfd ready = {.fd = channel->source.fd, .events = POLLOUT};
        if (left <= 0 || poll(&ready, 1, (int)left) <= 0) break;
    }
    source_close(&channel->source);
    wire_decoder_destroy(&channel->decoder);
    wire_writer_destroy(&channel->writer);
}
