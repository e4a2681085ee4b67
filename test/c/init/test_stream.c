/*
 * The channel and its streams, with the requests of talks.h: who may send how much, what an ended
 * stream still hears, what is held up and goes on, what ends the sandbox.
 */
#include "../test.h"

#include <errno.h>
#include <unistd.h>

#include "far.h"
#include "heap.h"
#include "sandbox.h"
#include "talks.h"

static void check_log(far_t *far, const char *text) {
    wire_frame_t frame = far_expect(far, WIRE_LOG, 0);
    wire_reader_t reader = wire_read(&frame);
    char *line = wire_read_text(&reader);
    CHECK(line != NULL && strstr(line, text) != NULL);
    free(line);
    CHECK(!far_try_next(far, &frame));
}

/* ---- facts ---- */

TEST("what is asked is answered in order, also what came together with BOOT") {
    far_t far;
    wire_writer_t writer;
    wire_decoder_t begun;
    size_t room;
    wire_writer_init(&writer, 1000);
    wire_begin(&writer, NOW, 0, 1);
    CHECK(wire_end(&writer));
    wire_decoder_init(&begun);
    uint8_t *at = wire_decoder_room(&begun, writer.len, &room);
    CHECK(at != NULL);
    memcpy(at, writer.data, writer.len);
    wire_decoder_wrote(&begun, writer.len);
    wire_writer_destroy(&writer);
    far = talks_begin_after(&begun);
    far_tell(&far, NOW, 0, 2);
    far_expect(&far, WIRE_DONE, 1);
    far_expect(&far, WIRE_DONE, 2);
    talks_finish(&far);
}

TEST("a request that nobody serves is answered") {
    far_t far = talks_begin();
    far_tell(&far, 49, 0, 3);
    CHECK_INT(far_expect_failed(&far, 3), ENOSYS);
    talks_finish(&far);
}

TEST("data goes to its stream, and an end ends it") {
    far_t far = talks_begin();
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
    talks_finish(&far);
    CHECK_INT(talks_destroyed, 2);
}

TEST("what crosses the end of a stream is ignored, and its number is free again") {
    far_t far = talks_begin();
    far_tell(&far, NOW, 0, 5);
    far_data(&far, 0, 5, "late", 4);
    far_credit(&far, 5, 100);
    far_tell(&far, WIRE_END, 0, 5);
    far_tell(&far, WIRE_SIGNAL, 0, 5);
    far_tell(&far, WIRE_CANCEL, 0, 5);
    far_tell(&far, NOW, 0, 5);
    far_expect(&far, WIRE_DONE, 5);
    far_expect(&far, WIRE_DONE, 5);
    talks_finish(&far);
}

TEST("a cancelled stream is done at once") {
    far_t far = talks_begin();
    far_tell(&far, DEAF, 0, 1);
    far_tell(&far, WIRE_CANCEL, 0, 1);
    far_expect(&far, WIRE_DONE, 1);
    far_tell(&far, DEAF, 0, 1);
    far_tell(&far, NOW, 0, 2);
    far_expect(&far, WIRE_DONE, 2);
    talks_finish(&far);
    CHECK_INT(talks_destroyed, 2);
}

TEST("a stream sends its window and no more, until there is credit") {
    far_t far = talks_begin();
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
    talks_finish(&far);
}

TEST("what a stream takes is credited, in steps") {
    static const char bytes[WIRE_MAX_DATA];
    far_t far = talks_begin();
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
    talks_finish(&far);
}

TEST("who sends more than the window loses the connection") {
    static const char bytes[WIRE_MAX_DATA];
    far_t far = talks_begin();
    far_tell(&far, DEAF, 0, 1);
    for (size_t sent = 0; sent < WIRE_WINDOW; sent += sizeof bytes)
        far_data(&far, 0, 1, bytes, sizeof bytes);
    far_tell(&far, NOW, 0, 2);
    far_expect(&far, WIRE_DONE, 2);
    far_data(&far, 0, 1, "x", 1);
    check_log(&far, "more data");
    talks_finish(&far);
    CHECK_INT(talks_destroyed, 1);
}

TEST("a credit past any window, a number in use, a frame of nobody's: each loses the connection") {
    far_t far = talks_begin();
    far_tell(&far, DEAF, 0, 1);
    far_credit(&far, 1, UINT32_MAX);
    check_log(&far, "credit");
    talks_finish(&far);

    far = talks_begin();
    far_tell(&far, DEAF, 0, 1);
    far_tell(&far, NOW, 0, 1);
    check_log(&far, "in use");
    talks_finish(&far);

    static const uint8_t types[] = {0, WIRE_BOOT, WIRE_BOOTED, WIRE_DONE, 255, 51};
    for (size_t i = 0; i < sizeof types; i++) {
        far = talks_begin();
        far_tell(&far, types[i], 0, 1);
        check_log(&far, "of type");
        talks_finish(&far);
    }
    far = talks_begin();
    far_tell(&far, NOW, 0, 0);
    check_log(&far, "in stream 0");
    talks_finish(&far);
}

TEST("bytes that are no frame lose the connection") {
    far_t far = talks_begin();
    CHECK_INT(write(far.fd, "\377\377\377\377\377\377\377\377\377\377\377\377", 12), 12);
    check_log(&far, "no frame");
    talks_finish(&far);
}

/* Many floods fill what may wait; then nothing is read; then all goes on, and nothing was lost. */
TEST("a far end that does not read is waited for, and loses no answer") {
    enum { FLOODS = 12, ASKED = 3000 };
    far_t far = talks_begin();
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
    talks_finish(&far);
    CHECK_INT(talks_destroyed, FLOODS);
}

TEST("answers in number wait for room, and none is missing") {
    far_t far = talks_begin();
    far_tell(&far, TELL, 0, 1);
    for (uint32_t i = 0; i < 100000; i++) {
        wire_frame_t frame = far_expect(&far, WIRE_ENTRY, 1);
        wire_reader_t reader = wire_read(&frame);
        CHECK_INT(wire_read_u32(&reader), i);
    }
    far_expect(&far, WIRE_DONE, 1);
    talks_finish(&far);
}

TEST("work in slices holds up nobody") {
    far_t far = talks_begin();
    far_tell(&far, SLICES, 0, 1);
    far_tell(&far, NOW, 0, 2);
    far_expect(&far, WIRE_DONE, 2);
    CHECK_INT(far_expect_failed(&far, 1), ECHRNG);
    talks_finish(&far);
}

TEST("alarms ring in the order of their times, and are silent when their stream has ended") {
    far_t far = talks_begin();
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
    talks_finish(&far);
}

TEST("a source that another one's callback closes in the same round is not told of") {
    for (int i = 0; i < 50; i++) {
        far_t far = talks_begin();
        far_tell(&far, PAIR, 0, 1);
        wire_frame_t frame = far_next(&far);
        CHECK_INT(frame.type, WIRE_ENTRY);
        wire_reader_t reader = wire_read(&frame);
        CHECK_INT(wire_read_u32(&reader), 0);
        far_tell(&far, NOW, 0, 9);
        far_expect(&far, WIRE_DONE, 9);
        talks_finish(&far);
        CHECK_INT(talks_destroyed, 2);
    }
}

TEST("streams whose slices close each other are each called or closed, not both") {
    far_t far = talks_begin();
    for (uint32_t i = 0; i < 50; i++) {
        far_tell(&far, CLOSER, 0, 10 + 2 * i);
        CHECK_INT(far_expect(&far, WIRE_ENTRY, 10 + 2 * i).len, 4);
        far_tell(&far, NOW, 0, 9);
        far_expect(&far, WIRE_DONE, 9);
    }
    talks_finish(&far);
    CHECK_INT(talks_destroyed, 100);
}

TEST("one stream too many is refused, and the others live") {
    far_t far = talks_begin();
    for (uint32_t i = 1; i <= WIRE_MAX_STREAMS; i++) far_tell(&far, DEAF, 0, i);
    far_tell(&far, DEAF, 0, WIRE_MAX_STREAMS + 1);
    CHECK_INT(far_expect_failed(&far, WIRE_MAX_STREAMS + 1), EMFILE);
    far_tell(&far, WIRE_CANCEL, 0, 77);
    far_expect(&far, WIRE_DONE, 77);
    far_tell(&far, DEAF, 0, WIRE_MAX_STREAMS + 1);
    far_tell(&far, NOW, 0, 77);
    far_expect(&far, WIRE_DONE, 77);
    talks_finish(&far);
    CHECK_INT(talks_destroyed, WIRE_MAX_STREAMS + 1);
}

TEST("the last words are sent before the end") {
    far_t far = talks_begin();
    far_tell(&far, DEAF, 0, 1);
    far_tell(&far, QUIT, 0, 2);
    far_expect(&far, WIRE_DONE, 2);
    check_log(&far, "asked to end by 2");
    talks_finish(&far);
    CHECK_INT(talks_destroyed, 1);
}

/* All that is asked waits already when pid 1's side begins, which runs here on the one thread. */
static void converse(void) {
    far_t far;
    wire_decoder_t begun;
    int fd = far_open(&far);
    wire_decoder_init(&begun);
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
    talks_destroyed = 0;
    sandbox_t sandbox = {.frozen = false};
    CHECK(loop_init(&sandbox.loop) == 0);
    if (channel_open(&sandbox, fd, &begun, talks_requests) == 0) channel_run(&sandbox);
    bool whole = heap_failures() == 0;
    channel_close(&sandbox);
    loop_destroy(&sandbox.loop);
    if (whole) CHECK(talks_destroyed >= 3);
    close(far.fd);
}

TEST("without memory a conversation ends, and nothing is left behind") {
    CHECK(heap_try_each_failure(converse) >= 6);
}

TEST_MAIN
