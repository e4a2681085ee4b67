/*
 * talks.c: requests that do nothing but try the channel and its streams, and a thread that serves
 * them. Pid 1's thread, but for talks_begin() and talks_finish().
 */
#include "talks.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "sandbox.h"

int talks_destroyed;

typedef struct talk {
    stream_t stream;
    uint32_t count;
    loop_alarm_t alarm;
    source_t source;
    struct talk *other;
} talk_t;

static void on_destroy(stream_t *stream) {
    talk_t *talk = (talk_t *)stream;
    alarm_stop(&talk->alarm);
    source_close(&talk->source);
    talks_destroyed++;
}

static void echo_data(stream_t *stream, uint8_t channel, const uint8_t *data, size_t len) {
    if (stream_room(stream) >= len) stream_send(stream, channel, data, len);
    stream_credit(stream, len);
}

static void echo_end(stream_t *stream, uint8_t channel) {
    stream_send_end(stream, channel);
    stream_done(stream);
    stream_done(stream); /* of an ended one: nothing */
    stream_send(stream, 0, "x", 1);
}

static void flood(stream_t *stream) {
    static const char bytes[10000];
    for (size_t room; (room = stream_room(stream)) > 0;)
        stream_send(stream, WIRE_STDOUT, bytes, room < sizeof bytes ? room : sizeof bytes);
}

static void count_slice(stream_t *stream) {
    talk_t *talk = (talk_t *)stream;
    if (++talk->count < 1000)
        stream_again(stream);
    else
        stream_fail(stream, ECHRNG, "count to %u", talk->count);
}

static void tell(stream_t *stream) {
    talk_t *talk = (talk_t *)stream;
    for (; talk->count < 100000; talk->count++) {
        if (!stream_may_tell(stream)) return;
        wire_put_u32(answer_begin(stream->sandbox, stream->id, WIRE_ENTRY), talk->count);
        answer_end(stream->sandbox);
    }
    stream_done(stream);
}

static void swallow(stream_t *stream, uint8_t channel, const uint8_t *data, size_t len) {
    (void)stream, (void)channel, (void)data, (void)len;
}

static void close_other(stream_t *stream) {
    talk_t *talk = (talk_t *)stream;
    if (stream->dead) abort();
    wire_put_u32(answer_begin(stream->sandbox, stream->id & ~1u, WIRE_ENTRY), 0);
    answer_end(stream->sandbox);
    stream_close(&talk->other->stream);
    stream_close(stream);
}

static const stream_class_t echo = {
    .what = "ECHO", .data = echo_data, .end = echo_end, .destroy = on_destroy};
static const stream_class_t flooding = {.what = "FLOOD", .window = flood, .destroy = on_destroy};
static const stream_class_t slices = {
    .what = "SLICES", .slice = count_slice, .destroy = on_destroy};
static const stream_class_t deaf = {.what = "DEAF", .data = swallow, .destroy = on_destroy};
static const stream_class_t telling = {.what = "TELL", .window = tell, .destroy = on_destroy};

static const stream_class_t closing = {
    .what = "CLOSER", .slice = close_other, .destroy = on_destroy};

static void echo_request(sandbox_t *sandbox, const wire_frame_t *frame) {
    stream_open(sandbox, frame, &echo, sizeof(talk_t));
}

static void flood_request(sandbox_t *sandbox, const wire_frame_t *frame) {
    stream_t *stream = stream_open(sandbox, frame, &flooding, sizeof(talk_t));
    if (stream != NULL) flood(stream);
}

static void slices_request(sandbox_t *sandbox, const wire_frame_t *frame) {
    stream_t *stream = stream_open(sandbox, frame, &slices, sizeof(talk_t));
    if (stream != NULL) stream_again(stream);
}

static void deaf_request(sandbox_t *sandbox, const wire_frame_t *frame) {
    stream_open(sandbox, frame, &deaf, sizeof(talk_t));
}

static void tell_request(sandbox_t *sandbox, const wire_frame_t *frame) {
    stream_t *stream = stream_open(sandbox, frame, &telling, sizeof(talk_t));
    if (stream != NULL) tell(stream);
}

static void now_request(sandbox_t *sandbox, const wire_frame_t *frame) {
    answer_done(sandbox, frame->stream);
}

static void quit_request(sandbox_t *sandbox, const wire_frame_t *frame) {
    answer_done(sandbox, frame->stream);
    sandbox_end(sandbox, "asked to end by %u", frame->stream);
    sandbox_end(sandbox, "and again");
}

static void on_alarm(loop_alarm_t *alarm) {
    talk_t *talk = (talk_t *)((char *)alarm - offsetof(talk_t, alarm));
    stream_done(&talk->stream);
}

/* u32 milliseconds; DONE after them. */
static void alarm_request(sandbox_t *sandbox, const wire_frame_t *frame) {
    wire_reader_t reader = wire_read(frame);
    uint32_t delay_ms = wire_read_u32(&reader);
    talk_t *talk = stream_open(sandbox, frame, &deaf, sizeof *talk);
    if (talk != NULL) alarm_set(&talk->alarm, &sandbox->loop, delay_ms, on_alarm);
}

static void on_pair(source_t *source, uint32_t events) {
    talk_t *talk = (talk_t *)((char *)source - offsetof(talk_t, source));
    (void)events;
    talk->other->count++;
    source_close(&talk->other->source);
    wire_writer_t *writer = answer_begin(talk->stream.sandbox, talk->stream.id, WIRE_ENTRY);
    wire_put_u32(writer, talk->count);
    answer_end(talk->stream.sandbox);
    stream_close(&talk->stream);
}

static bool open_readable(talk_t *talk) {
    int fds[2];
    if (talk == NULL || pipe2(fds, O_CLOEXEC) < 0) return false;
    close(fds[1]); /* its end is an event */
    return source_open(&talk->source, &talk->stream.sandbox->loop, fds[0], EPOLLIN, on_pair) == 0;
}

/* Two streams whose sources are both ready in one round: whichever comes first closes the
 * other's.*/
static void pair_request(sandbox_t *sandbox, const wire_frame_t *frame) {
    wire_frame_t second = *frame;
    second.stream++;
    talk_t *left = stream_open(sandbox, frame, &deaf, sizeof *left);
    talk_t *right = stream_open(sandbox, &second, &deaf, sizeof *right);
    if (!open_readable(left) || !open_readable(right)) abort();
    left->other = right;
    right->other = left;
}

/* Two streams whose slices are due in one round. */
static void closer_request(sandbox_t *sandbox, const wire_frame_t *frame) {
    wire_frame_t second = *frame;
    second.stream++;
    talk_t *left = stream_open(sandbox, frame, &closing, sizeof *left);
    talk_t *right = stream_open(sandbox, &second, &closing, sizeof *right);
    if (left == NULL || right == NULL) abort();
    left->other = right;
    right->other = left;
    stream_again(&left->stream);
    stream_again(&right->stream);
}

const request_t talks_requests[WIRE_CANCEL] = {
    [ECHO] = echo_request,     [FLOOD] = flood_request, [SLICES] = slices_request,
    [DEAF] = deaf_request,     [TELL] = tell_request,   [NOW] = now_request,
    [QUIT] = quit_request,     [ALARM] = alarm_request, [PAIR] = pair_request,
    [CLOSER] = closer_request,
};

/* ---- the thread ---- */

static struct {
    pthread_t thread;
    int fd;
    wire_decoder_t begun;
} side;

static void *serve(void *argument) {
    (void)argument;
    sandbox_t *sandbox = calloc(1, sizeof *sandbox);
    if (sandbox == NULL || loop_init(&sandbox->loop) < 0) abort();
    if (channel_open(sandbox, side.fd, &side.begun, talks_requests) == 0) channel_run(sandbox);
    channel_close(sandbox);
    loop_destroy(&sandbox->loop);
    free(sandbox);
    return NULL;
}

far_t talks_begin_after(const wire_decoder_t *begun) {
    far_t far;
    talks_destroyed = 0;
    side.fd = far_open(&far);
    side.begun = *begun;
    if (pthread_create(&side.thread, NULL, serve, NULL) != 0) abort();
    return far;
}

far_t talks_begin(void) {
    wire_decoder_t begun;
    wire_decoder_init(&begun);
    return talks_begin_after(&begun);
}

void talks_finish(far_t *far) {
    far_close(far);
    pthread_join(side.thread, NULL);
}
