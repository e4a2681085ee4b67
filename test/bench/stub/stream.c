/*
 * stream.c: the output of started processes: ten frames of 100 bytes, one every FRAME_MS, each
 * written by itself, so that a client that keeps up is woken for every one of them. Looks at no
 * request.
 */
#include "stub.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define FRAME_MS 50
#define FRAMES 10
#define EVENTS (FRAMES + 3) /* start, the frames, end, end of stream */

/* Streams, the earliest due first: with one interval for all, appending keeps the order. */
static connection_t *due_first, **due_last = &due_first;
static char event_chunks[EVENTS][512];
static size_t event_lens[EVENTS];
static uint64_t frames;

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* One envelope of Connect, as one chunk of HTTP. */
static void make_event(int index, unsigned char flags, const char *json) {
    size_t len = strlen(json), room = sizeof event_chunks[index];
    char *to = event_chunks[index];
    size_t at = (size_t)snprintf(to, room, "%zx\r\n", len + 5);
    const unsigned char head[] = {flags, 0, 0, (unsigned char)(len >> 8), (unsigned char)len};
    memcpy(to + at, head, sizeof head);
    at += sizeof head;
    at += (size_t)snprintf(to + at, room - at, "%s\r\n%s", json, flags ? "0\r\n\r\n" : "");
    event_lens[index] = at;
}

void make_events(void) {
    /* 33 times "out", and a newline: 100 bytes. */
    char base64[137] = "", frame[256];
    for (int i = 0; i < 33; i++) memcpy(base64 + i * 4, "b3V0", 4);
    memcpy(base64 + 132, "Cg==", 5);
    snprintf(frame, sizeof frame, "{\"event\":{\"data\":{\"stdout\":\"%s\"}}}", base64);
    make_event(0, 0, "{\"event\":{\"start\":{\"pid\":1234}}}");
    for (int i = 1; i <= FRAMES; i++) make_event(i, 0, frame);
    make_event(FRAMES + 1, 0,
               "{\"event\":{\"end\":{\"exited\":true,\"status\":\"exit status 0\"}}}");
    make_event(FRAMES + 2, 2, "{}");
}

static void next_frame(connection_t *c) {
    unsigned index = c->next_event++;
    send_all(c, event_chunks[index], event_lens[index]);
    frames++;
    if (index == 0 || index == FRAMES + 1) { /* these bring the following one with them */
        next_frame(c);
        return;
    }
    if (c->next_event == EVENTS) return;
    c->due_ms = now_ms() + FRAME_MS;
    c->next_due = NULL;
    *due_last = c;
    due_last = &c->next_due;
}

void stop_stream(connection_t *c) {
    for (connection_t **link = &due_first; *link; link = &(*link)->next_due) {
        if (*link != c) continue;
        *link = c->next_due;
        if (due_last == &c->next_due) due_last = link;
        return;
    }
}

void start_stream(connection_t *c) {
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: application/connect+json\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n";
    send_all(c, head, sizeof head - 1);
    c->next_event = 0;
    next_frame(c);
}

uint64_t frames_sent(void) {
    return frames;
}

int milliseconds_until_due(void) {
    if (!due_first) return -1;
    int64_t left = due_first->due_ms - now_ms();
    return left < 0 ? 0 : (int)left;
}

void send_due_frames(void) {
    if (!due_first) return;
    int64_t now = now_ms();
    for (connection_t *c; (c = due_first) != NULL && c->due_ms <= now;) {
        due_first = c->next_due;
        if (!due_first) due_last = &due_first;
        next_frame(c);
    }
}
