/*
 * far.c: see far.h. Its frames are made and read by wire.c, which has tests of its own. Test
 * thread.
 */
#include "far.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

_Noreturn static void give_up(const char *what) {
    fprintf(stderr, "  far end: %s\n", what);
    abort();
}

void far_adopt(far_t *far, int fd) {
    memset(far, 0, sizeof *far);
    far->fd = fd;
    wire_decoder_init(&far->decoder);
    wire_writer_init(&far->writer, 64u * 1024 * 1024);
}

int far_open(far_t *far) {
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) give_up("no sockets");
    far_adopt(far, fds[0]);
    return fds[1];
}

void far_close(far_t *far) {
    close(far->fd);
    wire_decoder_destroy(&far->decoder);
    wire_writer_destroy(&far->writer);
}

void far_begin(far_t *far, uint8_t type, uint8_t channel, uint32_t stream) {
    wire_begin(&far->writer, type, channel, stream);
}

void far_send(far_t *far) {
    wire_writer_t *writer = &far->writer;
    if (!wire_end(writer)) give_up("no memory for a frame");
    while (writer->sent < writer->len) {
        struct pollfd ready = {.fd = far->fd, .events = POLLOUT};
        if (poll(&ready, 1, FAR_DEADLINE_MS) != 1) give_up("nobody reads what is sent");
        ssize_t len = send(far->fd, writer->data + writer->sent, writer->len - writer->sent,
                           MSG_NOSIGNAL | MSG_DONTWAIT);
        if (len < 0 && errno == EPIPE) len = (ssize_t)(writer->len - writer->sent);
        if (len > 0) wire_writer_sent(writer, (size_t)len);
    }
}

void far_tell(far_t *far, uint8_t type, uint8_t channel, uint32_t stream) {
    far_begin(far, type, channel, stream);
    far_send(far);
}

void far_credit(far_t *far, uint32_t stream, uint32_t bytes) {
    far_begin(far, WIRE_CREDIT, 0, stream);
    wire_put_u32(&far->writer, bytes);
    far_send(far);
}

void far_data(far_t *far, uint8_t channel, uint32_t stream, const void *data, size_t len) {
    far_begin(far, WIRE_DATA, channel, stream);
    uint8_t *room = wire_put_raw(&far->writer, len);
    if (room == NULL) give_up("no memory for data");
    memcpy(room, data, len);
    far_send(far);
}

bool far_waits(far_t *far, int ms) {
    struct pollfd ready = {.fd = far->fd, .events = POLLIN};
    return far->decoder.len > far->decoder.taken || poll(&ready, 1, ms) == 1;
}

/* False at the end. */
static bool receive(far_t *far) {
    size_t room;
    uint8_t *at = wire_decoder_room(&far->decoder, 64 * 1024, &room);
    struct pollfd ready = {.fd = far->fd, .events = POLLIN};
    if (at == NULL) give_up("no memory to receive");
    if (poll(&ready, 1, FAR_DEADLINE_MS) != 1) give_up("nothing comes");
    ssize_t len = recv(far->fd, at, room, 0);
    if (len > 0) wire_decoder_wrote(&far->decoder, (size_t)len);
    return len > 0;
}

bool far_try_next(far_t *far, wire_frame_t *frame) {
    for (;;) {
        int code = wire_decoder_next(&far->decoder, frame);
        if (code == 1) return true;
        if (code < 0) give_up("what came is no frame");
        if (!receive(far)) return false;
    }
}

wire_frame_t far_next(far_t *far) {
    wire_frame_t frame;
    if (!far_try_next(far, &frame)) give_up("it has ended where a frame was to come");
    return frame;
}

wire_frame_t far_expect(far_t *far, uint8_t type, uint32_t stream) {
    wire_frame_t frame = far_next(far);
    if (frame.type == type && frame.stream == stream) return frame;
    fprintf(stderr, "  type %u in stream %u came, not %u in %u\n", frame.type, frame.stream, type,
            stream);
    if (frame.type == WIRE_FAILED || frame.type == WIRE_LOG) {
        wire_reader_t reader = wire_read(&frame);
        uint32_t error = frame.type == WIRE_FAILED ? wire_read_u32(&reader) : 0;
        wire_string_t what = wire_read_string(&reader);
        fprintf(stderr, "  %s: %.*s\n", strerror((int)error), (int)what.len, what.data);
    }
    give_up("another frame than expected");
}

int far_expect_failed(far_t *far, uint32_t stream) {
    wire_frame_t frame = far_expect(far, WIRE_FAILED, stream);
    wire_reader_t reader = wire_read(&frame);
    int error = (int)wire_read_u32(&reader);
    wire_read_string(&reader);
    if (!wire_read_all(&reader)) give_up("a FAILED of another form");
    return error;
}
