/*
 * stream.c: the output of started processes: ten frames of 100 bytes, one every FRAME_MS, each
 * written by itself, so that a client that keeps up is woken for every one of them; or the same
 * frame every TICK_MS for ever; or nothing but the start. Looks at no request.
 */
#include "stub.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define FRAME_MS 50
#define TICK_MS 100
#define FRAMES 10
#define EVENTS (FRAMES + 3) /* start, the frames, end, end of stream */

/* Streams, the earliest due first: with one interval for all of a queue, appending keeps the order.
 */
typedef struct queue {
    connection_t *first, **last;
    int interval_ms;
} queue_t;
static queue_t queues[] = {
    [TEN_FRAMES] = {NULL, &queues[TEN_FRAMES].first, FRAME_MS},
    [SILENCE] = {NULL, &queues[SILENCE].first, FRAME_MS}, /* stays empty */
    [TICKS] = {NULL, &queues[TICKS].first, TICK_MS},
};
#define QUEUES (sizeof queues / sizeof queues[0])
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

static void send_event(connection_t *c, unsigned index) {
    send_all(c, event_chunks[index], event_lens[index]);
    frames++;
}

static void set_due(connection_t *c) {
    queue_t *queue = &queues[c->output];
    c->due_ms = now_ms() + queue->interval_ms;
    c->next_due = NULL;
    *queue->last = c;
    queue->last = &c->next_due;
}

static void next_frame(connection_t *c) {
    send_event(c, c->next_event);
    if (c->output == TICKS) {
        set_due(c);
    } else if (c->next_event < FRAMES) {
        c->next_event++;
        set_due(c);
    } else { /* the last one brings the end with it */
        send_event(c, FRAMES + 1);
        send_event(c, FRAMES + 2);
    }
}

void stop_stream(connection_t *c) {
    if (c->output >= QUEUES) return;
    queue_t *queue = &queues[c->output];
    for (connection_t **link = &queue->first; *link; link = &(*link)->next_due) {
        if (*link != c) continue;
        *link = c->next_due;
        if (queue->last == &c->next_due) queue->last = link;
        return;
    }
}

void start_stream(connection_t *c) {
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: application/connect+json\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n";
    static char ends[2 * sizeof event_chunks[0]];
    send_all(c, head, sizeof head - 1);
    send_event(c, 0);
    if (c->output == FLOOD) {
        size_t end_len = event_lens[FRAMES + 1], last_len = event_lens[FRAMES + 2];
        memcpy(ends, event_chunks[FRAMES + 1], end_len);
        memcpy(ends + end_len, event_chunks[FRAMES + 2], last_len);
        pour_output(c, ends, end_len + last_len);
    } else if (c->output != SILENCE) {
        c->next_event = 1; /* of those that tick it stays the first one */
        next_frame(c);
    }
}

uint64_t frames_sent(void) {
    return frames;
}

int milliseconds_until_due(void) {
    int64_t due_ms = INT64_MAX;
    for (size_t i = 0; i < QUEUES; i++) {
        if (queues[i].first && queues[i].first->due_ms < due_ms) due_ms = queues[i].first->due_ms;
    }
    if (due_ms == INT64_MAX) return -1;
    int64_t left = due_ms - now_ms();
    return left < 0 ? 0 : (int)left;
}

void send_due_frames(void) {
    for (size_t i = 0; i < QUEUES; i++) {
        queue_t *queue = &queues[i];
        if (!queue->first) continue;
        int64_t now = now_ms();
        for (connection_t *c; (c = queue->first) != NULL && c->due_ms <= now;) {
            queue->first = c->next_due;
            if (!queue->first) queue->last = &queue->first;
            next_frame(c);
        }
    }
}
