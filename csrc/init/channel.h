/*
 * channel.h: the socket to the backend and what waits on either side of it; between channel.c,
 * which moves bytes, and stream.c, which knows whose they are. All others use stream.h. Thread of
 * pid 1.
 */
#ifndef E2B_INIT_CHANNEL_H
#define E2B_INIT_CHANNEL_H

#include "stream.h"

#define STREAM_BUCKETS 256u

typedef struct channel {
    source_t source; /* first: on_ready() has the channel by it */
    sandbox_t *sandbox;
    wire_decoder_t decoder;
    wire_writer_t writer;
    const request_t *requests;
    stream_t *first, *hash[STREAM_BUCKETS];
    stream_t *cursor; /* the next one while all are walked through */
    stream_t *dead;   /* until the round is over */
    uint32_t streams;
    bool lost;  /* the far end is gone */
    bool stuck; /* much waits to be sent: nothing is read, nobody has room */
    bool again; /* some stream wants a slice */
} channel_t;

/* ---- channel.c ---- */

/* fd and `begun` (what was read already after BOOT) are taken, whatever comes of it. `requests` has
 * WIRE_CANCEL entries, by type; one that is NULL is answered with ENOSYS. 0 or -errno. */
int channel_open(sandbox_t *sandbox, int fd, wire_decoder_t *begun, const request_t *requests);
/* Until the far end is gone or sandbox_end(). */
void channel_run(sandbox_t *sandbox);
/* Destroys all streams, and sends what waits if that is soon done. */
void channel_close(sandbox_t *sandbox);
/* Bytes that may be added to what waits; 0 holds up whoever asked until there is room again. */
size_t channel_room(channel_t *channel);

/* ---- stream.c ---- */

stream_t *stream_find(sandbox_t *sandbox, uint32_t id);
/* A frame of an open stream. */
void stream_take(stream_t *stream, const wire_frame_t *frame);
/* Calls window() of those that were held up. */
void streams_tell_room(sandbox_t *sandbox);
void streams_run_slices(sandbox_t *sandbox);
void streams_close_all(sandbox_t *sandbox);
/* Frees those that have ended. */
void streams_bury(sandbox_t *sandbox);

#endif
