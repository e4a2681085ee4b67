/*
 * rpc.c: Connect's envelopes in both directions, its end message and its codes. Pure, any thread.
 * Must not trust a length before checking it, nor take memory for bytes that have not arrived.
 */
#include "rpc.h"

#include <stdio.h>
#include <string.h>

#include "json.h"

#define HEAD_SIZE 5
#define KEEP_PARTIAL                                                                               \
    (64u * 1024) /* events hold 32 KiB, 43 KiB in base64: one fits, and is reused */

int e2b_rpc_encode(e2b_buf_t *out, uint8_t flags, const void *message, size_t len) {
    if (len > UINT32_MAX || len > SIZE_MAX - HEAD_SIZE) return E2B_ERR_RESPONSE_TOO_LARGE;
    int code = e2b_buf_reserve(out, HEAD_SIZE + len);
    if (code != E2B_OK) return code;
    const unsigned char head[HEAD_SIZE] = {
        flags,
        (unsigned char)(len >> 24),
        (unsigned char)(len >> 16 & 0xFF),
        (unsigned char)(len >> 8 & 0xFF),
        (unsigned char)(len & 0xFF),
    };
    e2b_buf_append(out, head, sizeof head); /* cannot fail: reserved */
    return e2b_buf_append(out, message, len);
}

/* ---- decoder ---- */

void e2b_rpc_decoder_init(e2b_rpc_decoder_t *decoder, size_t max_frame) {
    memset(decoder, 0, sizeof *decoder);
    decoder->max_frame = max_frame;
    e2b_buf_init(&decoder->partial, max_frame);
}

void e2b_rpc_decoder_destroy(e2b_rpc_decoder_t *decoder) {
    e2b_buf_destroy(&decoder->partial);
}

/* The head is whole: may its frame come? */
static int check_head(e2b_rpc_decoder_t *decoder, e2b_err_t *err) {
    const unsigned char *head = decoder->head;
    if ((head[0] & ~(E2B_RPC_COMPRESSED | E2B_RPC_END)) != 0)
        return e2b_err_set(err, E2B_ERR_BAD_RESPONSE,
                           "The stream is not Connect: an envelope has unknown flags 0x%02x",
                           head[0]);
    if ((head[0] & E2B_RPC_COMPRESSED) != 0)
        return e2b_err_set(err, E2B_ERR_BAD_RESPONSE,
                           "The stream holds a compressed message, which was not asked for");
    decoder->frame_len =
        (size_t)head[1] << 24 | (size_t)head[2] << 16 | (size_t)head[3] << 8 | (size_t)head[4];
    if (decoder->frame_len > decoder->max_frame)
        return e2b_err_set(err, E2B_ERR_RESPONSE_TOO_LARGE,
                           "The stream announces a message of %zu bytes; at most %zu are taken",
                           decoder->frame_len, decoder->max_frame);
    return E2B_OK;
}

/* Keeps a piece of a frame that is not whole yet. */
static int keep_partial(e2b_rpc_decoder_t *decoder, const char *data, size_t len, e2b_err_t *err) {
    e2b_buf_t *partial = &decoder->partial;
    int code = E2B_OK;
    if (partial->len == 0) { /* the usual frame at once; a huge one only as it really comes */
        size_t room = decoder->frame_len < KEEP_PARTIAL ? decoder->frame_len : KEEP_PARTIAL - 1;
        code = e2b_buf_reserve(partial, room > len ? room : len);
    }
    if (code == E2B_OK) code = e2b_buf_append(partial, data, len);
    if (code != E2B_OK)
        return e2b_err_set(err, code, "Out of memory for a message of %zu bytes",
                           decoder->frame_len);
    return E2B_OK;
}

static int deliver(e2b_rpc_decoder_t *decoder, const char *data, e2b_rpc_frame_cb on_frame,
                   void *context, e2b_err_t *err) {
    uint8_t flags = decoder->head[0];
    decoder->head_len = 0;
    decoder->ended = (flags & E2B_RPC_END) != 0;
    return on_frame(context, flags, data, decoder->frame_len, err);
}

/* Takes the next piece of the stream, at least one byte of it; *taken says how much. */
static int step(e2b_rpc_decoder_t *decoder, const char *data, size_t len, size_t *taken,
                e2b_rpc_frame_cb on_frame, void *context, e2b_err_t *err) {
    *taken = 0;
    if (decoder->head_len < HEAD_SIZE) {
        if (decoder->ended)
            return e2b_err_set(err, E2B_ERR_BAD_RESPONSE,
                               "The stream goes on after its end message");
        size_t piece = HEAD_SIZE - decoder->head_len < len ? HEAD_SIZE - decoder->head_len : len;
        memcpy(decoder->head + decoder->head_len, data, piece);
        decoder->head_len += piece;
        *taken = piece;
        if (decoder->head_len < HEAD_SIZE) return E2B_OK;
        int code = check_head(decoder, err);
        if (code != E2B_OK) return code;
    }

    const char *frame = data + *taken;
    size_t missing = decoder->frame_len - decoder->partial.len;
    size_t piece = len - *taken < missing ? len - *taken : missing;
    if (piece == decoder->frame_len) { /* whole where it lies, or empty */
        *taken += piece;
        return deliver(decoder, frame, on_frame, context, err);
    }
    if (piece > 0) {
        int code = keep_partial(decoder, frame, piece, err);
        if (code != E2B_OK) return code;
        *taken += piece;
    }
    if (piece < missing) return E2B_OK;
    int code = deliver(decoder, decoder->partial.data, on_frame, context, err);
    if (decoder->partial.cap > KEEP_PARTIAL)
        e2b_buf_destroy(&decoder->partial);
    else
        e2b_buf_reset(&decoder->partial);
    return code;
}

int e2b_rpc_decoder_feed(e2b_rpc_decoder_t *decoder, const char *data, size_t len,
                         e2b_rpc_frame_cb on_frame, void *context, e2b_err_t *err) {
    if (decoder->failed != E2B_OK)
        return e2b_err_set(err, decoder->failed, "The stream has failed before");
    for (size_t at = 0, taken; at < len; at += taken) {
        int code = step(decoder, data + at, len - at, &taken, on_frame, context, err);
        if (code != E2B_OK) {
            decoder->failed = code;
            return code;
        }
    }
    return E2B_OK;
}

int e2b_rpc_decoder_finish(const e2b_rpc_decoder_t *decoder, e2b_err_t *err) {
    if (decoder->failed != E2B_OK)
        return e2b_err_set(err, decoder->failed, "The stream has failed before");
    if (decoder->ended) return E2B_OK;
    if (err != NULL) err->outcome = E2B_OUTCOME_INTERRUPTED;
    return e2b_err_set(err, E2B_ERR_CONNECTION_LOST,
                       decoder->head_len > 0 ? "The stream was cut off inside a message"
                                             : "The stream ended without its end message");
}

/* ---- end message and codes ---- */

int e2b_rpc_code(const char *connect_code) {
    static const struct {
        const char *name;
        int code;
    } codes[] = {
        {"not_found", E2B_ERR_NOT_FOUND},
        {"deadline_exceeded", E2B_ERR_TIMEOUT},
        {"canceled", E2B_ERR_CANCELLED},
        {"invalid_argument", E2B_ERR_BAD_REQUEST},
        {"out_of_range", E2B_ERR_BAD_REQUEST},
        {"failed_precondition", E2B_ERR_BAD_REQUEST},
        {"already_exists", E2B_ERR_CONFLICT},
        {"aborted", E2B_ERR_CONFLICT},
        {"unauthenticated", E2B_ERR_UNAUTHENTICATED},
        {"permission_denied", E2B_ERR_PERMISSION_DENIED},
        {"resource_exhausted", E2B_ERR_RATE_LIMITED},
        {"unavailable", E2B_ERR_SERVER_BUSY},
    };
    for (size_t i = 0; connect_code != NULL && i < sizeof codes / sizeof codes[0]; i++)
        if (strcmp(connect_code, codes[i].name) == 0) return codes[i].code;
    return E2B_ERR_SERVER_ERROR;
}

int e2b_rpc_end_parse(const char *json, size_t len, e2b_err_t *err) {
    int code = E2B_OK;
    const cJSON *error = NULL;
    const char *connect_code = "";
    const char *message = "";
    cJSON *root = e2b_json_parse(json, len);
    if (!cJSON_IsObject(root) || e2b_json_object(root, "error", &error) == E2B_JSON_WRONG ||
        e2b_json_string(error, "code", &connect_code) == E2B_JSON_WRONG) {
        code = e2b_err_set(err, E2B_ERR_BAD_RESPONSE, "The stream's end message is not valid");
        goto done;
    }
    if (error == NULL) goto done;
    code = e2b_rpc_code(connect_code);
    (void)e2b_json_string(error, "message", &message); /* without a usable one the code must do */
    e2b_err_set(err, code, "%s", message[0] != '\0' ? message : "The sandbox gave no reason");
    if (err != NULL) {
        err->outcome = E2B_OUTCOME_REJECTED;
        snprintf(err->server_code, sizeof err->server_code, "%s", connect_code);
    }

done:
    cJSON_Delete(root);
    return code;
}
