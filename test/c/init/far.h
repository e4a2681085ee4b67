/*
 * far.h: the backend's end of a channel, for tests: sends frames, and waits for those that come,
 * with a deadline. A frame that does not come in time ends the test run: nothing of it could be
 * trusted any more. Test thread.
 */
#ifndef E2B_INIT_TEST_FAR_H
#define E2B_INIT_TEST_FAR_H

#include "wire.h"

#define FAR_DEADLINE_MS 20000

typedef struct far {
    int fd; /* ours; blocking */
    wire_decoder_t decoder;
    wire_writer_t writer;
} far_t;

/* A pair of sockets: one is far's, the other, given, pid 1's. */
int far_open(far_t *far);
/* Over a connection that is there; taken. */
void far_adopt(far_t *far, int fd);
void far_close(far_t *far);

/* Fields are put into &far->writer between begin and send; or all at once without any. */
void far_begin(far_t *far, uint8_t type, uint8_t channel, uint32_t stream);
void far_send(far_t *far);
void far_tell(far_t *far, uint8_t type, uint8_t channel, uint32_t stream);
void far_credit(far_t *far, uint32_t stream, uint32_t bytes);
void far_data(far_t *far, uint8_t channel, uint32_t stream, const void *data, size_t len);

/* False: the far end has closed. */
bool far_try_next(far_t *far, wire_frame_t *frame);
/* The next frame, borrowed until the next call. */
wire_frame_t far_next(far_t *far);
/* The next one, which must be of this type and stream. */
wire_frame_t far_expect(far_t *far, uint8_t type, uint32_t stream);
/* The next one must be a FAILED. Its errno. */
int far_expect_failed(far_t *far, uint32_t stream);
/* Whether anything is there to be read now, or within `ms`. */
bool far_waits(far_t *far, int ms);

#endif
