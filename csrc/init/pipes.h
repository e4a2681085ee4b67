/*
 * pipes.h: the two directions between a descriptor of a program (pipe or terminal) and its stream,
 * each within the stream's window. Zeroed memory is a closed pipe. Thread of pid 1.
 */
#ifndef E2B_INIT_PIPES_H
#define E2B_INIT_PIPES_H

#include "stream.h"

#define PIPE_MOST_READ (32u * 1024) /* bytes of one DATA frame of ours, as the hosted daemon's */

/* What the program writes. It is read while there is room, and no byte of it is ever dropped. */
typedef struct pipe_out {
    source_t source;
    stream_t *stream;
    uint8_t channel;
    size_t most; /* bytes of one DATA frame */
} pipe_out_t;

/* What the program reads. What it does not take yet waits here, within the stream's window; what it
 * never will, because it has closed its end, is thrown away. */
typedef struct pipe_in {
    source_t source;
    stream_t *stream;
    uint8_t channel;
    bool ending; /* closed when it is empty */
    uint8_t *data;
    size_t at, len; /* what waits: from `at`, as many */
} pipe_in_t;

/* fd is nonblocking, and taken, whatever comes of it. 0 or -errno. `ready` has the source in
 * pipe_out.source and must call pipe_out_pump(). */
int pipe_out_open(pipe_out_t *out, stream_t *stream, int fd, uint8_t channel, size_t most,
                  source_ready_t ready);
/* Passes on what is there; again when there is room again. At its end it closes, and tells END. */
void pipe_out_pump(pipe_out_t *out);
bool pipe_out_is_open(const pipe_out_t *out);

/* As above. The program's closing of its end is told as END on the channel, but for WIRE_PTY. */
int pipe_in_open(pipe_in_t *in, stream_t *stream, int fd, uint8_t channel);
/* Borrowed; credited once passed on or thrown away. */
void pipe_in_put(pipe_in_t *in, const uint8_t *data, size_t len);
/* Nothing more comes. */
void pipe_in_end(pipe_in_t *in);
void pipe_in_close(pipe_in_t *in);

#endif
