/*
 * The loop, the channel and its streams, with requests of this file's own: who may send how much,
 * what an ended stream still hears, what is held up and goes on, what ends the sandbox. Pid 1's
 * side runs on a thread of its own, with the requests; the facts are checked at the far end.
 */
#include "../test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "far.h"
#include "heap.h"
#include "sandbox.h"

/* ECHO answers what it gets and credits it; FLOOD sends as much as it may, for ever; SLICES counts
 * in slices; DEAF takes nothing and gives nothing back; TELL sends entries; QUIT ends the sandbox.
 */
enum { ECHO = 10, FLOOD, SLICES, DEAF, TELL, NOW, QUIT, ALARM, PAIR };

typedef struct talk {
    stream_t stream;
    uint32_t count;
    loop_alarm_t alarm;
    source_t source;
    struct talk *other;
} talk_t;

static int destroyed; /* written by pid 1's thread, read after it was joined */

static void on_destroy(stream_t *stream) {
    talk_t *talk = (talk_t *)stream;
    alarm_stop(&talk->alarm);
    source_close(&talk->source);
    destroyed++;
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

static const stream_class_t echo = {
    .what = "ECHO", .data = echo_data, .end = echo_end, .destroy = on_destroy};
static const stream_class_t flooding = {.what = "FLOOD", .window = flood, .destroy = on_destroy};
static const stream_class_t slices = {
    .what = "SLICES", .slice = count_slice, .destroy = on_destroy};
static const stream_class_t deaf = {.what = "DEAF", .data = swallow, .destroy = on_destroy};
static const stream_class_t telling = {.what = "TELL", .window = tell, .destroy = on_destroy};

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

static const request_t requests[WIRE_CANCEL] = {
    [ECHO] = echo_request, [FLOOD] = flood_request, [SLICES] = slices_request,
    [DEAF] = deaf_request, [TELL] = tell_request,   [NOW] = now_request,
    [QUIT] = quit_request, [ALARM] = alarm_request, [PAIR] = pair_request,
};

/* ---- pid 1's side ---- */

typedef struct side {
    pthread_t thread;
    int fd;
    wire_decoder_t begun;
} side_t;

static void *serve(void *argument) {
    side_t *side = argument;
    sandbox_t *sandbox = calloc(1, sizeof *sandbox);
    if (sandbox == NULL || loop_init(&sandbox->loop) < 0) abort();
    if (channel_open(sandbox, side->fd, &side->begun, requests) == 0) channel_run(sandbox);
    channel_close(sandbox);
    loop_destroy(&sandbox->loop);
    free(sandbox);
    return NULL;
}

static side_t side;

static far_t begin(void) {
    far_t far;
    destroyed = 0;
    side.fd = far_open(&far);
    wire_decoder_init(&side.begun);
    if (pthread_create(&side.thread, NULL, serve, &side) != 0) abort();
    return far;
}

static void finish(far_t *far) {
    far_close(far);
    pthread_join(side.thread, NULL);
}

static void check_log(far_t *far, const char *text) {
    wire_frame_t frame = far_expect(far, WIRE_LOG, 0);
    wire_reader_t reader = wire_read(&frame);
    char *line = wire_read_text(&reader);
    CHECK(line != NULL && strstr(line, text) != NULL);
    free(line);
    CHECK(far_at_end(far));
}

/* ---- facts ---- */

TEST("what is asked is answered in order, also what came together with BOOT") {
    far_t far;
    side.fd = far_open(&far);
    wire_writer_t writer;
    wire_writer_init(&writer, 1000);
    wire_begin(&writer, NOW, 0, 1);
    CHECK(wire_end(&writer));
    size_t room;
    wire_decoder_init(&side.begun);
    uint8_t *at = wire_decoder_room(&side.begun, writer.len, &room);
    memcpy(at, writer.data, writer.len);
    wire_decoder_wrote(&side.begun, writer.len);
    wire_writer_destroy(&writer);
    CHECK(pthread_create(&side.thread, NULL, serve, &side) == 0);
    far_tell(&far, NOW, 0, 2);
    far_expect(&far, WIRE_DONE, 1);
    far_expect(&far, WIRE_DONE, 2);
    finish(&far);
}

TEST("a request that nobody serves is answered") {
    far_t far = begin();
    far_tell(&far, 49, 0, 3);
    CHECK_INT(far_expect_failed(&far, 3), ENOSYS);
    finish(&far);
}

TEST("data goes to its stream, and an end ends it") {
    far_t far = begin();
    far_tell(&far, ECHO, 0, 1);
    far_tell(&far, ECHO, 0, 257); /* the same bucket */
    far_data(&far, 2, 257, "b", 1);
    far_data(&far, 1, 1, "a", 1);
    wire_frame_t frame = far_expect(&far, WIRE_DATA, 257);
    CHECK_INT(frame.channel, 2);
    CHECK_MEM(frame.payload, frame.len, "b", 1);
    far_expect(&far, WIRE_DATA, 1);
    far_tell(&far, WIRE_END, 0, 1);
    far_expect(&far, WIRE_END, 1);
    far_expect(&far, WIRE_DONE, 1);
    far_data(&far, 1, 257, "still", 5);
    far_expect(&far, WIRE_DATA, 257);
    finish(&far);
    CHECK_INT(destroyed, 2);
}

TEST("what crosses the end of a stream is ignored, and its number is free again") {
    far_t far = begin();
    far_tell(&far, NOW, 0, 5);
    far_data(&far, 0, 5, "late", 4);
    far_credit(&far, 5, 100);
    far_tell(&far, WIRE_END, 0, 5);
    far_tell(&far, WIRE_SIGNAL, 0, 5);
    far_tell(&far, WIRE_CANCEL, 0, 5);
    far_tell(&far, NOW, 0, 5);
    far_expect(&far, WIRE_DONE, 5);
    far_expect(&far, WIRE_DONE, 5);
    finish(&far);
}

TEST("a cancelled stream is done at once") {
    far_t far = begin();
    far_tell(&far, DEAF, 0, 1);
    far_tell(&far, WIRE_CANCEL, 0, 1);
    far_expect(&far, WIRE_DONE, 1);
    far_tell(&far, DEAF, 0, 1);
    far_tell(&far, NOW, 0, 2);
    far_expect(&far, WIRE_DONE, 2);
    finish(&far);
    CHECK_INT(destroyed, 2);
}

TEST("a stream sends its window and no more, until there is credit") {
    far_t far = begin();
    far_tell(&far, FLOOD, 0, 1);
    uint32_t got = 0;
    while (got < WIRE_WINDOW) got += (uint32_t)far_expect(&far, WIRE_DATA, 1).len;
    CHECK_INT(got, WIRE_WINDOW);
    far_tell(&far, NOW, 0, 2);
    far_expect(&far, WIRE_DONE, 2);
    CHECK(!far_waits(&far, 0));
    far_credit(&far, 1, 15000);
    CHECK_INT(far_expect(&far, WIRE_DATA, 1).len, 10000);
    CHECK_INT(far_expect(&far, WIRE_DATA, 1).len, 5000);
    far_tell(&far, NOW, 0, 3);
    far_expect(&far, WIRE_DONE, 3);
    finish(&far);
}

TEST("what a stream takes is credited, in steps") {
    static const char bytes[WIRE_MAX_DATA];
    far_t far = begin();
    far_tell(&far, ECHO, 0, 1);
    uint32_t credit = 0;
    for (int i = 0; i < 20; i++) {
        far_data(&far, 0, 1, bytes, sizeof bytes);
        far_credit(&far, 1, sizeof bytes);
        CHECK_INT(far_expect(&far, WIRE_DATA, 1).len, sizeof bytes);
        wire_frame_t frame = far_expect(&far, WIRE_CREDIT, 1);
        wire_reader_t reader = wire_read(&frame);
        credit += wire_read_u32(&reader);
    }
    CHECK_INT(credit, 20 * sizeof bytes);
    finish(&far);
}

TEST("who sends more than the window loses the connection") {
    static const char bytes[WIRE_MAX_DATA];
    far_t far = begin();
    far_tell(&far, DEAF, 0, 1);
    for (size_t sent = 0; sent < WIRE_WINDOW; sent += sizeof bytes)
        far_data(&far, 0, 1, bytes, sizeof bytes);
    far_tell(&far, NOW, 0, 2);
    far_expect(&far, WIRE_DONE, 2);
    far_data(&far, 0, 1, "x", 1);
    check_log(&far, "more data");
    finish(&far);
    CHECK_INT(destroyed, 1);
}

TEST("a credit past any window, a number in use, a frame of nobody's: each loses the connection") {
    far_t far = begin();
    far_tell(&far, DEAF, 0, 1);
    far_credit(&far, 1, UINT32_MAX);
    check_log(&far, "credit");
    finish(&far);

    far = begin();
    far_tell(&far, DEAF, 0, 1);
    far_tell(&far, NOW, 0, 1);
    check_log(&far, "in use");
    finish(&far);

    static const uint8_t types[] = {0, WIRE_BOOT, WIRE_BOOTED, WIRE_DONE, 255, 51};
    for (size_t i = 0; i < sizeof types; i++) {
        far = begin();
        far_tell(&far, types[i], 0, 1);
        check_log(&far, "of type");
        finish(&far);
    }
    far = begin();
    far_tell(&far, NOW, 0, 0);
    check_log(&far, "in stream 0");
    finish(&far);
}

TEST("bytes that are no frame lose the connection") {
    far_t far = begin();
    CHECK_INT(write(far.fd, "\377\377\377\377\377\377\377\377\377\377\377\377", 12), 12);
    check_log(&far, "no frame");
    finish(&far);
}

/* Many floods fill what may wait; then nothing is read; then all goes on, and nothing was lost. */
TEST("a far end that does not read is waited for, and loses no answer") {
    enum { FLOODS = 12, ASKED = 3000 };
    far_t far = begin();
    for (uint32_t i = 1; i <= FLOODS; i++) far_tell(&far, FLOOD, 0, i);
    for (uint32_t i = 0; i < ASKED; i++) {
        far_begin(&far, NOW, 0, 1000 + i);
        CHECK(wire_end(&far.writer));
    }
    far_tell(&far, NOW, 0, 1000 + ASKED); /* and all of them, in one piece */
    size_t bytes = 0, answers = 0;
    while (bytes < FLOODS * WIRE_WINDOW || answers <= ASKED) {
        wire_frame_t frame = far_next(&far);
        if (frame.type == WIRE_DATA) bytes += frame.len;
        if (frame.type == WIRE_DONE) CHECK_INT(frame.stream, 1000 + answers++);
    }
    CHECK_INT(bytes, FLOODS * WIRE_WINDOW);
    finish(&far);
    CHECK_INT(destroyed, FLOODS);
}

TEST("answers in number wait for room, and none is missing") {
    far_t far = begin();
    far_tell(&far, TELL, 0, 1);
    for (uint32_t i = 0; i < 100000; i++) {
        wire_frame_t frame = far_expect(&far, WIRE_ENTRY, 1);
        wire_reader_t reader = wire_read(&frame);
        CHECK_INT(wire_read_u32(&reader), i);
    }
    far_expect(&far, WIRE_DONE, 1);
    finish(&far);
}

TEST("work in slices holds up nobody") {
    far_t far = begin();
    far_tell(&far, SLICES, 0, 1);
    far_tell(&far, NOW, 0, 2);
    far_expect(&far, WIRE_DONE, 2);
    CHECK_INT(far_expect_failed(&far, 1), ECHRNG);
    finish(&far);
}

TEST("alarms ring in the order of their times, and are silent when their stream has ended") {
    far_t far = begin();
    const uint32_t delays[] = {30, 10, 20, 10000000};
    for (uint32_t i = 0; i < 4; i++) {
        far_begin(&far, ALARM, 0, i + 1);
        wire_put_u32(&far.writer, delays[i]);
        far_send(&far);
    }
    far_expect(&far, WIRE_DONE, 2);
    far_expect(&far, WIRE_DONE, 3);
    far_expect(&far, WIRE_DONE, 1);
    far_tell(&far, WIRE_CANCEL, 0, 4);
    far_expect(&far, WIRE_DONE, 4);
    finish(&far);
}

TEST("a source that another one's callback closes in the same round is not told of") {
    for (int i = 0; i < 50; i++) {
        far_t far = begin();
        far_tell(&far, PAIR, 0, 1);
        wire_frame_t frame = far_next(&far);
        CHECK_INT(frame.type, WIRE_ENTRY);
        wire_reader_t reader = wire_read(&frame);
        CHECK_INT(wire_read_u32(&reader), 0);
        far_tell(&far, NOW, 0, 9);
        far_expect(&far, WIRE_DONE, 9);
        finish(&far);
        CHECK_INT(destroyed, 2);
    }
}

TEST("one stream too many is refused, and the others live") {
    far_t far = begin();
    for (uint32_t i = 1; i <= WIRE_MAX_STREAMS; i++) far_tell(&far, DEAF, 0, i);
    far_tell(&far, DEAF, 0, WIRE_MAX_STREAMS + 1);
    CHECK_INT(far_expect_failed(&far, WIRE_MAX_STREAMS + 1), EMFILE);
    far_tell(&far, WIRE_CANCEL, 0, 77);
    far_expect(&far, WIRE_DONE, 77);
    far_tell(&far, DEAF, 0, WIRE_MAX_STREAMS + 1);
    far_tell(&far, NOW, 0, 77);
    far_expect(&far, WIRE_DONE, 77);
    finish(&far);
    CHECK_INT(destroyed, WIRE_MAX_STREAMS + 1);
}

TEST("the last words are sent before the end") {
    far_t far = begin();
    far_tell(&far, DEAF, 0, 1);
    far_tell(&far, QUIT, 0, 2);
    far_expect(&far, WIRE_DONE, 2);
    check_log(&far, "asked to end by 2");
    finish(&far);
    CHECK_INT(destroyed, 1);
}

/* All that is asked waits already when pid 1's side begins, which runs here on the one thread. */
static void converse(void) {
    far_t far;
    side.fd = far_open(&far);
    wire_decoder_init(&side.begun);
    long failures = heap_failures();
    if (failures != 0) abort();
    static const char ask[] = "0123456789";
    uint8_t frames[512];
    size_t len = 0;
    const struct {
        uint8_t type;
        uint32_t stream, bytes;
    } plan[] = {{ECHO, 1, 0}, {WIRE_DATA, 1, 10}, {SLICES, 2, 0}, {DEAF, 3, 0}, {WIRE_CANCEL, 3, 0},
                {NOW, 4, 0},  {WIRE_END, 1, 0},   {DEAF, 5, 0},   {QUIT, 6, 0}};
    for (size_t i = 0; i < sizeof plan / sizeof *plan; i++) {
        uint8_t *head = frames + len;
        memset(head, 0, WIRE_HEAD);
        memcpy(head, &plan[i].bytes, 4);
        head[4] = plan[i].type;
        memcpy(head + 8, &plan[i].stream, 4);
        memcpy(head + WIRE_HEAD, ask, plan[i].bytes);
        len += WIRE_HEAD + plan[i].bytes;
    }
    if (write(far.fd, frames, len) != (ssize_t)len) abort();
    destroyed = 0;
    sandbox_t sandbox = {.frozen = false};
    CHECK(loop_init(&sandbox.loop) == 0);
    if (channel_open(&sandbox, side.fd, &side.begun, requests) == 0) channel_run(&sandbox);
    bool whole = heap_failures() == 0;
    channel_close(&sandbox);
    loop_destroy(&sandbox.loop);
    if (whole) CHECK(destroyed >= 3);
    close(far.fd);
}

TEST("without memory a conversation ends, and nothing is left behind") {
    CHECK(heap_try_each_failure(converse) >= 6);
}

TEST_MAIN
