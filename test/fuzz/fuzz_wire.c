/*
 * The decoder of csrc/init, which reads what the backend writes: any bytes, in any cut, give the
 * same frames and the same end; a frame written again is the bytes that were taken; and no reading
 * of a payload leaves it, whatever fields it is asked for. The first two input bytes seed the cuts
 * and the fields.
 */
#include <errno.h>

#include "fuzz.h"
#include "wire.h"

typedef struct outcome {
    wire_writer_t frames; /* written again */
    int end;
} outcome_t;

/* Fields in an order of their own; the bytes of what is believed stay inside of the payload. */
static void read_fields(const wire_frame_t *frame, uint32_t dice) {
    wire_frame_t own = *frame;
    char *exact = fuzz_exact(frame->payload, frame->len);
    own.payload = (const uint8_t *)exact;
    wire_reader_t reader = wire_read(&own);
    for (int i = 0; i < 12 && !reader.bad; i++, dice >>= 2) {
        size_t left = (size_t)(reader.end - reader.at), count = 0;
        char *text = NULL, **list = NULL;
        if ((dice & 3) == 0) wire_read_u32(&reader);
        if ((dice & 3) == 1) wire_read_i64(&reader);
        if ((dice & 3) == 2) text = wire_read_text(&reader);
        if ((dice & 3) == 3) list = wire_read_list(&reader, &count);
        if (text != NULL) MUST(strlen(text) <= left);
        for (size_t item = 0; item < count; item++) MUST(strlen(list[item]) <= left);
        MUST(list == NULL || list[count] == NULL);
        MUST(reader.at <= reader.end);
        free(text);
        free(list);
    }
    MUST(wire_read_all(&reader) == (!reader.bad && reader.at == reader.end));
    free(exact);
}

static void decode(outcome_t *outcome, const uint8_t *data, size_t size, uint32_t dice) {
    wire_decoder_t decoder;
    bool at_once = dice == 0;
    outcome->end = 0;
    wire_writer_init(&outcome->frames, size);
    wire_decoder_init(&decoder);
    for (size_t at = 0; at < size && outcome->end == 0;) {
        dice = dice * 1664525u + 1013904223u;
        size_t piece = at_once ? size : 1 + (dice >> 16) % 40, room = 0;
        if (piece > size - at) piece = size - at;
        uint8_t *into = wire_decoder_room(&decoder, piece, &room);
        MUST(into != NULL && room >= piece);
        memcpy(into, data + at, piece);
        wire_decoder_wrote(&decoder, piece);
        at += piece;
        wire_frame_t frame;
        while ((outcome->end = wire_decoder_next(&decoder, &frame)) == 1) {
            wire_begin(&outcome->frames, frame.type, frame.channel, frame.stream);
            uint8_t *copy = wire_put_raw(&outcome->frames, frame.len);
            MUST(copy != NULL);
            if (frame.len > 0) memcpy(copy, frame.payload, frame.len);
            MUST(wire_end(&outcome->frames));
            read_fields(&frame, dice);
        }
        MUST(outcome->end == 0 || outcome->end == -EBADMSG);
    }
    wire_decoder_destroy(&decoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    uint32_t dice = 1 + (uint32_t)(data[0] << 8 | data[1]);
    outcome_t whole, cut;
    decode(&whole, data + 2, size - 2, 0);
    decode(&cut, data + 2, size - 2, dice);
    MUST(whole.end == cut.end);
    MUST(whole.frames.len == cut.frames.len && whole.frames.len <= size - 2);
    MUST(whole.frames.len == 0 || memcmp(whole.frames.data, cut.frames.data, cut.frames.len) == 0);
    MUST(whole.frames.len == 0 || memcmp(whole.frames.data, data + 2, whole.frames.len) == 0);
    wire_writer_destroy(&whole.frames);
    wire_writer_destroy(&cut.frames);
    return 0;
}
