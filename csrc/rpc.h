/*
 * rpc.h: Connect RPC without a socket: envelopes out, an incremental decoder for envelopes in, the
 * scan of process events, and the codes. Fed bytes, never reads them; pure, any thread.
 * Everything the decoder and the scans read comes from the network and is not trusted.
 */
#ifndef E2B_RPC_H
#define E2B_RPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base64.h"
#include "buf.h"
#include "e2b.h"

#define E2B_RPC_COMPRESSED 0x01
#define E2B_RPC_END 0x02

/* Appends one envelope: flags, length big endian, message. */
int e2b_rpc_encode(e2b_buf_t *out, uint8_t flags, const void *message, size_t len);

/* One whole message; data is borrowed for the call. Not 0 stops the decoder with that code. */
typedef int (*e2b_rpc_frame_cb)(void *context, uint8_t flags, const char *data, size_t len,
                                e2b_err_t *err);

typedef struct e2b_rpc_decoder {
    unsigned char head[5];
    size_t head_len;   /* bytes of head seen */
    size_t frame_len;  /* announced, once head is whole */
    size_t max_frame;  /* a longer announcement is an error before any memory is taken */
    e2b_buf_t partial; /* the frame so far when it spans several feeds; freed above 64 KiB */
    bool ended;        /* the end envelope was seen */
    int failed;        /* sticky: the first error's code */
} e2b_rpc_decoder_t;

void e2b_rpc_decoder_init(e2b_rpc_decoder_t *decoder, size_t max_frame);
void e2b_rpc_decoder_destroy(e2b_rpc_decoder_t *decoder);

/* Takes any cut of the stream; a frame that lies whole in data is handed out without a copy.
 * Errors (E2B_ERR_BAD_RESPONSE, RESPONSE_TOO_LARGE, OUT_OF_MEMORY, or the callback's): unknown
 * flags, compressed frame, too long, bytes after the end envelope. */
int e2b_rpc_decoder_feed(e2b_rpc_decoder_t *decoder, const char *data, size_t len,
                         e2b_rpc_frame_cb on_frame, void *context, e2b_err_t *err);

/* At the end of the body: an error when it stopped inside a frame or without the end envelope. */
int e2b_rpc_decoder_finish(const e2b_rpc_decoder_t *decoder, e2b_err_t *err);

/* ---- events of process.Process/Start and Connect ---- */

typedef enum e2b_event_kind {
    E2B_EVENT_START,
    E2B_EVENT_STDOUT,
    E2B_EVENT_STDERR,
    E2B_EVENT_PTY,
    E2B_EVENT_END,
    E2B_EVENT_KEEPALIVE,
    E2B_EVENT_UNKNOWN, /* a kind that this version does not know: ignored, as the protocol asks */
} e2b_event_kind_t;

typedef struct e2b_event {
    e2b_event_kind_t kind;
    uint32_t pid;       /* START */
    const char *base64; /* STDOUT STDERR PTY: borrowed from the frame or from `tree` */
    size_t base64_len;
    int32_t exit_code; /* END; absent means 0 */
    bool exited;       /* END: false when a signal ended it */
    char status[64];   /* END: "exit status 3", "signal: killed" */
    void *tree;        /* what must be freed */
} e2b_event_t;

/* Reads one message. The usual data event, exactly as Go writes it, goes through a fast scan
 * without memory; everything else (other key order, escapes, blanks, snake_case names, further
 * fields) through cJSON. E2B_ERR_BAD_RESPONSE when it is no object with an event. */
int e2b_event_parse(e2b_event_t *event, const char *json, size_t len, e2b_err_t *err);
void e2b_event_destroy(e2b_event_t *event);

/* The end envelope: {} is success (E2B_OK). An error is turned into a code of the table by its
 * Connect code; fills err->message with the server's text, err->server_code with the Connect code,
 * err->outcome REJECTED. Text that is not such an object: BAD_RESPONSE. */
int e2b_rpc_end_parse(const char *json, size_t len, e2b_err_t *err);

/* E2B_ERR_* for a Connect code: not_found -> NOT_FOUND, deadline_exceeded -> TIMEOUT, canceled ->
 * CANCELLED, invalid_argument out_of_range failed_precondition -> BAD_REQUEST, already_exists
 * aborted -> CONFLICT, unauthenticated -> UNAUTHENTICATED, permission_denied -> PERMISSION_DENIED,
 * resource_exhausted -> RATE_LIMITED, unavailable -> SERVER_BUSY, others -> SERVER_ERROR. */
int e2b_rpc_code(const char *connect_code);

#endif
