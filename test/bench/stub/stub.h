/*
 * stub.h: what the four parts of the benchmark's far end share. One thread; nothing here is meant
 * for anything but the benchmark.
 */
#ifndef E2B_BENCH_STUB_H
#define E2B_BENCH_STUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_HEAD 16384

typedef enum state { HEAD, BODY, CHUNK_SIZE, CHUNK, CHUNK_END, TRAILER } state_t;

/* What a started process prints: ten frames, nothing, a frame now and then for ever, 100 MB. */
typedef enum output { TEN_FRAMES, SILENCE, TICKS, FLOOD } output_t;

/* A body that is larger than a socket takes at once: one block, again and again, then its end. */
typedef struct pour {
    const char *block, *tail;
    size_t block_len, tail_len;
    uint64_t blocks;
    size_t at; /* in the block, or in the tail */
    bool blocked;
} pour_t;

typedef struct connection {
    int fd;
    state_t state;
    size_t left; /* of the body, or of the chunk */
    size_t len;
    char in[MAX_HEAD + 1];
    /* Of the request that is being read: */
    bool has_key, has_token, is_connect_json;
    bool starts; /* a stream */
    bool uploads, downloads;
    char answer[2048];
    size_t answer_len;
    /* Of the stream that is being written: */
    output_t output;
    unsigned next_event;
    int64_t due_ms;
    struct connection *next_due;
    pour_t pour;
} connection_t;

/* stub.c */
void die(const char *what);
void send_all(connection_t *c, const char *data, size_t len);
void watch_room(connection_t *c, bool watched); /* on_room() once its socket takes more */
uint64_t connections_accepted(void);

/* routes.c: notes in c what the request will be answered with once its body has been read. */
void expect_key(const char *api_key);
void read_header(connection_t *c, const char *name, const char *value);
void route(connection_t *c, const char *method, const char *path);
void read_start(connection_t *c, const char *body, size_t len);
void count_upload(size_t len);

/* stream.c */
void make_events(void);
void start_stream(connection_t *c);
void stop_stream(connection_t *c);
void send_due_frames(void);
int milliseconds_until_due(void);
uint64_t frames_sent(void);

/* pour.c */
void make_blocks(void);
void pour_output(connection_t *c, const char *tail, size_t tail_len);
void pour_file(connection_t *c);
void on_room(connection_t *c);

#endif
