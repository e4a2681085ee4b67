/*
 * wire.c: frames out of bytes and bytes out of frames. Never touches a descriptor. What it reads it
 * believes nothing of: every length is checked before it is used. Any one thread.
 */
#include "wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KEPT (64u * 1024) /* of memory that is empty: a burst must not make idle sandboxes fat */

static uint32_t load_u32(const uint8_t *at) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static void store_u32(uint8_t *at, uint32_t value) {
    memcpy(at, &value, sizeof value);
}

/* Another size that holds `need` bytes, doubled, so that growing stays linear. */
static size_t grown(size_t capacity, size_t need) {
    size_t next = capacity < 1024 ? 1024 : capacity;
    while (next < need) next *= 2;
    return next;
}

/* ---- decoder ---- */

void wire_decoder_init(wire_decoder_t *decoder) {
    memset(decoder, 0, sizeof *decoder);
}

void wire_decoder_destroy(wire_decoder_t *decoder) {
    free(decoder->data);
    wire_decoder_init(decoder);
}

/* What was handed out moves out of the way. */
static void forget_taken(wire_decoder_t *decoder) {
    decoder->len -= decoder->taken;
    if (decoder->len > 0 && decoder->taken > 0)
        memmove(decoder->data, decoder->data + decoder->taken, decoder->len);
    decoder->taken = 0;
    if (decoder->len == 0 && decoder->capacity > KEPT) wire_decoder_destroy(decoder);
}

uint8_t *wire_decoder_room(wire_decoder_t *decoder, size_t want, size_t *room) {
    forget_taken(decoder);
    /* Whoever takes out the whole frames between reads never has more here than one of them. */
    if (want > WIRE_MAX_FRAME || decoder->len > WIRE_HEAD + 2 * (size_t)WIRE_MAX_FRAME) return NULL;
    size_t need = decoder->len + want;
    if (need > decoder->capacity) {
        size_t capacity = grown(decoder->capacity, need);
        uint8_t *data = realloc(decoder->data, capacity);
        if (data == NULL) return NULL;
        decoder->data = data;
        decoder->capacity = capacity;
    }
    *room = decoder->capacity - decoder->len;
    return decoder->data + decoder->len;
}

void wire_decoder_wrote(wire_decoder_t *decoder, size_t len) {
    decoder->len += len;
}

int wire_decoder_next(wire_decoder_t *decoder, wire_frame_t *frame) {
    const uint8_t *head = decoder->data + decoder->taken;
    size_t have = decoder->len - decoder->taken;
    if (have < WIRE_HEAD) return 0;
    size_t len = load_u32(head);
    bool zero = head[6] == 0 && head[7] == 0;
    if (!zero || len > (head[4] == WIRE_DATA ? WIRE_MAX_DATA : WIRE_MAX_FRAME)) return -EBADMSG;
    if (have - WIRE_HEAD < len) return 0;
    frame->type = head[4];
    frame->channel = head[5];
    frame->stream = load_u32(head + 8);
    frame->payload = head + WIRE_HEAD;
    frame->len = len;
    decoder->taken += WIRE_HEAD + len;
    return 1;
}

/* ---- fields ---- */

wire_reader_t wire_read(const wire_frame_t *frame) {
    return (wire_reader_t){.at = frame->payload, .end = frame->payload + frame->len};
}

/* The next len bytes, or NULL; from then on nothing more is read. */
static const uint8_t *take(wire_reader_t *reader, size_t len) {
    if (reader->bad || (size_t)(reader->end - reader->at) < len) {
        reader->bad = true;
        return NULL;
    }
    const uint8_t *at = reader->at;
    reader->at += len;
    return at;
}

uint32_t wire_read_u32(wire_reader_t *reader) {
    const uint8_t *at = take(reader, sizeof(uint32_t));
    return at != NULL ? load_u32(at) : 0;
}

int64_t wire_read_i64(wire_reader_t *reader) {
    int64_t value = 0;
    const uint8_t *at = take(reader, sizeof value);
    if (at != NULL) memcpy(&value, at, sizeof value);
    return value;
}

wire_string_t wire_read_string(wire_reader_t *reader) {
    size_t len = wire_read_u32(reader);
    const uint8_t *at = take(reader, len);
    if (at != NULL && memchr(at, 0, len) != NULL) reader->bad = true;
    if (reader->bad) return (wire_string_t){"", 0};
    return (wire_string_t){(const char *)at, len};
}

/* Memory for what is read; a reader without it reads no further. */
static void *memory_of(wire_reader_t *reader, size_t size) {
    void *memory = malloc(size);
    if (memory == NULL) reader->bad = reader->no_memory = true;
    return memory;
}

char *wire_read_text(wire_reader_t *reader) {
    wire_string_t string = wire_read_string(reader);
    if (reader->bad) return NULL;
    char *text = memory_of(reader, string.len + 1);
    if (text == NULL) return NULL;
    memcpy(text, string.data, string.len);
    text[string.len] = '\0';
    return text;
}

char **wire_read_list(wire_reader_t *reader, size_t *count) {
    *count = 0;
    uint32_t items = wire_read_u32(reader);
    /* Each item has at least its length, so a bad count cannot ask for more than came. */
    if ((size_t)(reader->end - reader->at) / sizeof(uint32_t) < items) reader->bad = true;
    wire_reader_t ahead = *reader;
    size_t bytes = 0;
    for (uint32_t i = 0; i < items && !ahead.bad; i++) bytes += wire_read_string(&ahead).len + 1;
    reader->bad = ahead.bad;
    if (reader->bad) return NULL;

    char **list = memory_of(reader, ((size_t)items + 1) * sizeof *list + bytes);
    if (list == NULL) return NULL;
    char *text = (char *)(list + items + 1);
    for (uint32_t i = 0; i < items; i++) {
        wire_string_t string = wire_read_string(reader);
        list[i] = memcpy(text, string.data, string.len);
        text[string.len] = '\0';
        text += string.len + 1;
    }
    list[items] = NULL;
    *count = items;
    return list;
}

int wire_read_result(const wire_reader_t *reader) {
    if (reader->no_memory) return -ENOMEM;
    return reader->bad || reader->at != reader->end ? -EBADMSG : 0;
}

bool wire_read_all(const wire_reader_t *reader) {
    return wire_read_result(reader) == 0;
}

/* ---- writer ---- */

void wire_writer_init(wire_writer_t *writer, size_t most) {
    memset(writer, 0, sizeof *writer);
    writer->most = most;
}

void wire_writer_destroy(wire_writer_t *writer) {
    free(writer->data);
    wire_writer_init(writer, writer->most);
}

/* What was sent moves out of the way. */
static void forget_sent(wire_writer_t *writer) {
    writer->len -= writer->sent;
    writer->frame -= writer->sent;
    if (writer->len > 0 && writer->sent > 0)
        memmove(writer->data, writer->data + writer->sent, writer->len);
    writer->sent = 0;
}

static bool make_room(wire_writer_t *writer, size_t len) {
    size_t waits = writer->len - writer->sent;
    if (len > writer->most || waits > writer->most - len) return false;
    if (writer->len + len <= writer->capacity) return true;
    forget_sent(writer);
    if (waits + len <= writer->capacity) return true;
    size_t capacity = grown(writer->capacity, waits + len);
    uint8_t *data = realloc(writer->data, capacity);
    if (data == NULL) return false;
    writer->data = data;
    writer->capacity = capacity;
    return true;
}

uint8_t *wire_put_raw(wire_writer_t *writer, size_t len) {
    if (writer->bad) return NULL;
    if (!make_room(writer, len)) {
        writer->bad = true;
        writer->len = writer->frame;
        return NULL;
    }
    uint8_t *at = writer->data + writer->len;
    writer->len += len;
    return at;
}

void wire_begin(wire_writer_t *writer, uint8_t type, uint8_t channel, uint32_t stream) {
    writer->frame = writer->len;
    uint8_t *head = wire_put_raw(writer, WIRE_HEAD);
    if (head == NULL) return;
    memset(head, 0, WIRE_HEAD);
    head[4] = type;
    head[5] = channel;
    store_u32(head + 8, stream);
}

void wire_put_u32(wire_writer_t *writer, uint32_t value) {
    uint8_t *at = wire_put_raw(writer, sizeof value);
    if (at != NULL) store_u32(at, value);
}

void wire_put_i64(wire_writer_t *writer, int64_t value) {
    uint8_t *at = wire_put_raw(writer, sizeof value);
    if (at != NULL) memcpy(at, &value, sizeof value);
}

void wire_put_string(wire_writer_t *writer, const char *data, size_t len) {
    if (len <= WIRE_MAX_FRAME) {
        wire_put_u32(writer, (uint32_t)len);
        uint8_t *at = wire_put_raw(writer, len);
        if (at != NULL && len > 0) memcpy(at, data, len);
    } else {
        wire_put_raw(writer, SIZE_MAX);
    }
}

void wire_put_text(wire_writer_t *writer, const char *text) {
    wire_put_string(writer, text, strlen(text));
}

bool wire_end(wire_writer_t *writer) {
    size_t len = writer->len - writer->frame - WIRE_HEAD;
    if (!writer->bad && len > WIRE_MAX_FRAME) {
        writer->bad = true;
        writer->len = writer->frame;
    }
    if (!writer->bad) store_u32(writer->data + writer->frame, (uint32_t)len);
    return !writer->bad;
}

void wire_writer_sent(wire_writer_t *writer, size_t len) {
    writer->sent += len;
    if (writer->sent < writer->len) return;
    writer->sent = writer->len = writer->frame = 0;
    if (writer->capacity <= KEPT) return;
    free(writer->data);
    writer->data = NULL;
    writer->capacity = 0;
}
