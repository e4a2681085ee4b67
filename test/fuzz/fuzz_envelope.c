/*
 * The envelope decoder: any bytes, in any cut, give the same frames, the same error, and the same
 * end; and the frames, encoded again, are the bytes that were taken. The first input byte seeds
 * the cuts.
 */
#include "fuzz.h"
#include "rpc.h"

#define MAX_FRAME 300 /* small, so that inputs of a few KiB reach the bound from both sides */

typedef struct {
    e2b_buf_t frames; /* as envelopes again */
    int code;         /* of the feed that failed, or 0 */
    int finish;
    char message[sizeof((e2b_err_t *)0)->message];
} outcome_t;

static int on_frame(void *context, uint8_t flags, const char *data, size_t len, e2b_err_t *err) {
    outcome_t *outcome = context;
    MUST(len <= MAX_FRAME);
    MUST((flags & ~E2B_RPC_END) == 0);
    MUST(e2b_rpc_encode(&outcome->frames, flags, data, len) == E2B_OK);
    if (len == 4 && memcmp(data, "stop", 4) == 0)
        return e2b_err_set(err, E2B_ERR_CANCELLED, "stopped");
    return E2B_OK;
}

/* dice 0: all at once; 1: byte by byte; else pieces of random lengths. */
static void decode(outcome_t *outcome, const uint8_t *data, size_t size, uint32_t dice) {
    e2b_rpc_decoder_t decoder;
    e2b_err_t err;
    bool at_once = dice == 0, bytewise = dice == 1;
    memset(outcome, 0, sizeof *outcome);
    e2b_err_init(&err);
    e2b_buf_init(&outcome->frames, size + 5);
    e2b_rpc_decoder_init(&decoder, MAX_FRAME);
    for (size_t at = 0; at < size && outcome->code == E2B_OK;) {
        dice = dice * 1664525u + 1013904223u;
        size_t piece = at_once ? size : bytewise ? 1 : (dice >> 16) % (dice & 0x8000 ? 400 : 8);
        piece = piece < size - at ? piece : size - at;
        char *exact = fuzz_exact(data + at, piece);
        outcome->code = e2b_rpc_decoder_feed(&decoder, exact, piece, on_frame, outcome, &err);
        MUST(err.code == outcome->code);
        free(exact);
        at += piece;
    }
    memcpy(outcome->message, err.message, sizeof err.message);
    outcome->finish = e2b_rpc_decoder_finish(&decoder, &err);
    if (outcome->code != E2B_OK) MUST(outcome->finish == outcome->code);
    e2b_rpc_decoder_destroy(&decoder);
}

static void must_be_equal(const outcome_t *a, const outcome_t *b) {
    MUST(a->code == b->code);
    MUST(a->finish == b->finish);
    MUST(strcmp(a->message, b->message) == 0);
    MUST(a->frames.len == b->frames.len);
    MUST(a->frames.len == 0 || memcmp(a->frames.data, b->frames.data, a->frames.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    outcome_t whole, bytewise, random;
    decode(&whole, data + 1, size - 1, 0);
    decode(&bytewise, data + 1, size - 1, 1);
    decode(&random, data + 1, size - 1, 2u + data[0]);
    must_be_equal(&whole, &bytewise);
    must_be_equal(&whole, &random);

    MUST(whole.frames.len <= size - 1);
    MUST(whole.frames.len == 0 || memcmp(whole.frames.data, data + 1, whole.frames.len) == 0);
    if (whole.finish == E2B_OK) /* nothing was left over */
        MUST(whole.frames.len == size - 1);

    e2b_buf_destroy(&whole.frames);
    e2b_buf_destroy(&bytewise.frames);
    e2b_buf_destroy(&random.frames);
    return 0;
}
