/*
 * Frames and fields: there and back, in every cut, at every bound, and without memory.
 */
#include "../test.h"

#include <errno.h>

#include "heap.h"
#include "wire.h"

/* All that waits in the writer, whole frames or not, into the decoder, in pieces. */
static void carry(wire_writer_t *writer, wire_decoder_t *decoder, size_t piece) {
    while (writer->sent < writer->len) {
        size_t room = 0, len = writer->len - writer->sent;
        uint8_t *at = wire_decoder_room(decoder, piece, &room);
        CHECK(at != NULL && room >= piece);
        if (len > piece) len = piece;
        memcpy(at, writer->data + writer->sent, len);
        wire_decoder_wrote(decoder, len);
        wire_writer_sent(writer, len);
    }
}

static void put_sample(wire_writer_t *writer) {
    wire_begin(writer, WIRE_SPAWN, 0, 7);
    wire_put_u32(writer, 2);
    wire_put_text(writer, "echo");
    wire_put_text(writer, "");
    wire_put_i64(writer, -5);
    wire_put_text(writer, "/home");
    CHECK(wire_end(writer));
}

static void check_sample(const wire_frame_t *frame) {
    size_t count;
    CHECK_INT(frame->type, WIRE_SPAWN);
    CHECK_INT(frame->stream, 7);
    wire_reader_t reader = wire_read(frame);
    char **list = wire_read_list(&reader, &count);
    CHECK(list != NULL);
    CHECK_INT(count, 2);
    CHECK_STR(list[0], "echo");
    CHECK_STR(list[1], "");
    CHECK(list[2] == NULL);
    free(list);
    CHECK_INT(wire_read_i64(&reader), -5);
    char *text = wire_read_text(&reader);
    CHECK_STR(text, "/home");
    free(text);
    CHECK(wire_read_all(&reader));
}

TEST("frames come out as they went in, however they are cut") {
    for (size_t piece = 1; piece < 100; piece++) {
        wire_writer_t writer;
        wire_decoder_t decoder;
        wire_frame_t frame;
        wire_writer_init(&writer, 4096);
        wire_decoder_init(&decoder);
        put_sample(&writer);
        wire_begin(&writer, WIRE_DATA, WIRE_STDERR, 9);
        uint8_t *raw = wire_put_raw(&writer, 3);
        CHECK(raw != NULL);
        memcpy(raw, "abc", 3);
        CHECK(wire_end(&writer));
        carry(&writer, &decoder, piece);

        CHECK_INT(wire_decoder_next(&decoder, &frame), 1);
        check_sample(&frame);
        CHECK_INT(wire_decoder_next(&decoder, &frame), 1);
        CHECK_INT(frame.type, WIRE_DATA);
        CHECK_INT(frame.channel, WIRE_STDERR);
        CHECK_MEM(frame.payload, frame.len, "abc", 3);
        CHECK_INT(wire_decoder_next(&decoder, &frame), 0);
        wire_writer_destroy(&writer);
        wire_decoder_destroy(&decoder);
    }
}

TEST("a frame lies in bytes as the header says") {
    wire_writer_t writer;
    wire_writer_init(&writer, 100);
    wire_begin(&writer, WIRE_CREDIT, 3, 0x01020304);
    wire_put_u32(&writer, 0x0a0b0c0d);
    CHECK(wire_end(&writer));
    uint32_t words[4] = {4, 0, 0x01020304, 0x0a0b0c0d};
    ((uint8_t *)&words[1])[0] = WIRE_CREDIT;
    ((uint8_t *)&words[1])[1] = 3;
    CHECK_MEM(writer.data, writer.len, words, sizeof words);
    wire_writer_destroy(&writer);
}

/* What the decoder says to a head with these values. */
static int head_comes_to(uint32_t len, uint8_t type, uint8_t sixth, size_t *taken) {
    wire_decoder_t decoder;
    wire_frame_t frame;
    wire_decoder_init(&decoder);
    size_t room;
    uint8_t *at = wire_decoder_room(&decoder, WIRE_HEAD, &room);
    CHECK(at != NULL);
    memset(at, 0, WIRE_HEAD);
    memcpy(at, &len, sizeof len);
    at[4] = type;
    at[6] = sixth;
    wire_decoder_wrote(&decoder, WIRE_HEAD);
    int code = wire_decoder_next(&decoder, &frame);
    *taken = decoder.taken;
    wire_decoder_destroy(&decoder);
    return code;
}

TEST("a frame longer than any, or with a head that is none of ours, loses the connection") {
    size_t taken;
    CHECK_INT(head_comes_to(0, WIRE_THAW, 0, &taken), 1);
    CHECK_INT(taken, WIRE_HEAD);
    CHECK_INT(head_comes_to(WIRE_MAX_FRAME, WIRE_WRITE, 0, &taken), 0);
    CHECK_INT(taken, 0);
    CHECK_INT(head_comes_to(WIRE_MAX_FRAME + 1, WIRE_WRITE, 0, &taken), -EBADMSG);
    CHECK_INT(head_comes_to(WIRE_MAX_DATA, WIRE_DATA, 0, &taken), 0);
    CHECK_INT(head_comes_to(WIRE_MAX_DATA + 1, WIRE_DATA, 0, &taken), -EBADMSG);
    CHECK_INT(head_comes_to(0, WIRE_THAW, 1, &taken), -EBADMSG);
}

static wire_frame_t payload(const void *data, size_t len) {
    return (wire_frame_t){.type = WIRE_STAT, .payload = data, .len = len};
}

TEST("a field past the end is empty, and so is every one after it") {
    uint32_t word = 5;
    wire_frame_t frame = payload(&word, sizeof word);
    wire_reader_t reader = wire_read(&frame);
    CHECK_INT(wire_read_i64(&reader), 0);
    CHECK_INT(wire_read_u32(&reader), 0);
    CHECK_INT(wire_read_string(&reader).len, 0);
    CHECK(wire_read_text(&reader) == NULL);
    CHECK(reader.bad);
    CHECK_INT(wire_read_result(&reader), -EBADMSG);
}

TEST("what follows the last field is an error") {
    uint32_t words[2] = {5, 6};
    wire_frame_t frame = payload(words, sizeof words);
    wire_reader_t reader = wire_read(&frame);
    CHECK_INT(wire_read_u32(&reader), 5);
    CHECK(!wire_read_all(&reader));
    CHECK_INT(wire_read_u32(&reader), 6);
    CHECK(wire_read_all(&reader));
}

TEST("a string with a NUL inside is bad") {
    char bytes[] = "\3\0\0\0a\0b";
    wire_frame_t frame = payload(bytes, 7);
    wire_reader_t reader = wire_read(&frame);
    CHECK_INT(wire_read_string(&reader).len, 0);
    CHECK(reader.bad);
}

TEST("a list that claims more than there is asks for no memory") {
    uint32_t words[2] = {UINT32_MAX, 0};
    size_t count;
    wire_frame_t frame = payload(words, sizeof words);
    wire_reader_t reader = wire_read(&frame);
    CHECK(wire_read_list(&reader, &count) == NULL);
    CHECK_INT(wire_read_result(&reader), -EBADMSG);
    words[0] = 2;
    reader = wire_read(&frame);
    CHECK(wire_read_list(&reader, &count) == NULL);
    CHECK_INT(wire_read_result(&reader), -EBADMSG);
}

TEST("an empty list is a list") {
    uint32_t word = 0;
    size_t count = 9;
    wire_frame_t frame = payload(&word, sizeof word);
    wire_reader_t reader = wire_read(&frame);
    char **list = wire_read_list(&reader, &count);
    CHECK(list != NULL && list[0] == NULL);
    CHECK_INT(count, 0);
    free(list);
}

TEST("past its bound a writer undoes the frame under way and begins no further one") {
    wire_writer_t writer;
    wire_writer_init(&writer, 64);
    wire_begin(&writer, WIRE_DONE, 0, 1);
    CHECK(wire_end(&writer));
    wire_begin(&writer, WIRE_LOG, 0, 0);
    for (int i = 0; i < 20; i++) wire_put_u32(&writer, 1);
    CHECK(wire_put_raw(&writer, 1) == NULL);
    CHECK(!wire_end(&writer));
    CHECK(writer.bad);
    CHECK_INT(writer.len, WIRE_HEAD);
    wire_begin(&writer, WIRE_DONE, 0, 2);
    CHECK(!wire_end(&writer));
    CHECK_INT(writer.len, WIRE_HEAD);
    wire_writer_destroy(&writer);
}

TEST("the bound is on what waits, not on all that ever went through") {
    wire_writer_t writer;
    wire_writer_init(&writer, 64);
    for (uint32_t i = 0; i < 1000; i++) {
        wire_begin(&writer, WIRE_CREDIT, 0, i);
        wire_put_u32(&writer, i);
        CHECK(wire_end(&writer));
        if (i > 0) wire_writer_sent(&writer, 16); /* one always waits */
    }
    CHECK_INT(writer.len - writer.sent, 16);
    CHECK(writer.capacity <= 2048);
    wire_writer_destroy(&writer);
}

TEST("memory of a burst is given back once it is over") {
    wire_writer_t writer;
    wire_decoder_t decoder;
    wire_frame_t frame;
    wire_writer_init(&writer, WIRE_MAX_FRAME + WIRE_HEAD);
    wire_decoder_init(&decoder);
    wire_begin(&writer, WIRE_WRITE, 0, 1);
    uint8_t *raw = wire_put_raw(&writer, WIRE_MAX_FRAME);
    CHECK(raw != NULL);
    memset(raw, 0, WIRE_MAX_FRAME);
    CHECK(wire_end(&writer));
    carry(&writer, &decoder, 64 * 1024);
    CHECK(writer.capacity == 0);
    CHECK_INT(wire_decoder_next(&decoder, &frame), 1);
    CHECK_INT(frame.len, WIRE_MAX_FRAME);
    size_t room;
    CHECK(wire_decoder_room(&decoder, 1, &room) != NULL);
    CHECK(decoder.capacity <= 64 * 1024);
    wire_writer_destroy(&writer);
    wire_decoder_destroy(&decoder);
}

TEST("a decoder whose frames nobody takes out stops growing") {
    wire_decoder_t decoder;
    size_t room, all = 0;
    wire_decoder_init(&decoder);
    while (wire_decoder_room(&decoder, WIRE_MAX_FRAME, &room) != NULL) {
        wire_decoder_wrote(&decoder, room);
        all += room;
        CHECK(all < 64u * 1024 * 1024);
    }
    wire_decoder_destroy(&decoder);
}

static void there_and_back(void) {
    wire_writer_t writer;
    wire_decoder_t decoder;
    wire_frame_t frame;
    wire_writer_init(&writer, 4096);
    wire_decoder_init(&decoder);
    wire_begin(&writer, WIRE_MKDIR, 0, 1);
    wire_put_u32(&writer, 1);
    wire_put_text(&writer, "item");
    wire_put_text(&writer, "text");
    size_t room;
    uint8_t *at = NULL;
    if (wire_end(&writer)) at = wire_decoder_room(&decoder, writer.len, &room);
    if (at != NULL) {
        memcpy(at, writer.data, writer.len);
        wire_decoder_wrote(&decoder, writer.len);
        CHECK_INT(wire_decoder_next(&decoder, &frame), 1);
        wire_reader_t reader = wire_read(&frame);
        size_t count;
        char **list = wire_read_list(&reader, &count);
        char *text = wire_read_text(&reader);
        CHECK((list == NULL || text == NULL) == (heap_failures() > 0));
        CHECK_INT(wire_read_result(&reader), heap_failures() > 0 ? -ENOMEM : 0);
        free(list);
        free(text);
    } else {
        CHECK(heap_failures() > 0);
    }
    wire_writer_destroy(&writer);
    wire_decoder_destroy(&decoder);
}

TEST("without memory everything says so, and nothing is left behind") {
    CHECK_INT(heap_try_each_failure(there_and_back), 4);
}

TEST_MAIN
