/* Facts about rpc.c: envelopes in any cut, ends that are missing, and the codes of errors. */
#include "json.h"
#include "rpc.h"
#include "test.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* What a decoder handed out, as text: "<flags>:<message>|" for each frame. */
typedef struct {
    char text[4096];
    size_t len;
    size_t frames;
    size_t stop_at; /* the frame that the callback refuses; 0: none */
} seen_t;

static int see(void *context, uint8_t flags, const char *data, size_t len, e2b_err_t *err) {
    seen_t *seen = context;
    seen->frames++;
    if (seen->frames == seen->stop_at) return e2b_err_set(err, E2B_ERR_CANCELLED, "enough");
    int room = (int)(sizeof seen->text - seen->len);
    int written = snprintf(seen->text + seen->len, (size_t)room, "%d:%.*s|", flags, (int)len, data);
    if (written > 0 && written < room) seen->len += (size_t)written;
    return E2B_OK;
}

/* Feeds a stream in pieces of `cut` bytes, each an exact copy; answers the first error. */
static int feed(e2b_rpc_decoder_t *decoder, const void *stream, size_t len, size_t cut,
                seen_t *seen, e2b_err_t *err) {
    int code = E2B_OK;
    for (size_t at = 0; code == E2B_OK && at < len; at += cut) {
        size_t piece = len - at < cut ? len - at : cut;
        char *exact = test_exact((const char *)stream + at, piece);
        code = e2b_rpc_decoder_feed(decoder, exact, piece, see, seen, err);
        free(exact);
    }
    return code;
}

/* PROTOCOL 18.5, byte for byte. */
static const char hello_hex[] =
    "000000001f7b226576656e74223a7b227374617274223a7b22706964223a3130327d7d7d"
    "00000000287b226576656e74223a7b2264617461223a7b227374646f7574223a22614756736247384b227d7d7d"
    "000000003a7b226576656e74223a7b22656e64223a7b22657869746564223a747275652c22737461747573223a"
    "2265786974207374617475732030227d7d7d"
    "02000000027b7d";
static const char hello_seen[] = "0:{\"event\":{\"start\":{\"pid\":102}}}|"
                                 "0:{\"event\":{\"data\":{\"stdout\":\"aGVsbG8K\"}}}|"
                                 "0:{\"event\":{\"end\":{\"exited\":true,\"status\":\"exit status "
                                 "0\"}}}|"
                                 "2:{}|";

static size_t unhex(const char *hex, char *out) {
    size_t len = strlen(hex) / 2;
    for (size_t i = 0; i < len; i++) {
        unsigned byte;
        CHECK_INT(sscanf(hex + 2 * i, "%2x", &byte), 1);
        out[i] = (char)byte;
    }
    return len;
}

TEST("an envelope is flags, a big-endian length, and the message") {
    e2b_buf_t out;
    e2b_buf_init(&out, 1000);
    static const char message[] =
        "{\"process\":{\"cmd\":\"/bin/bash\",\"args\":[\"-l\",\"-c\",\"echo hello\"]},"
        "\"stdin\":false}";
    CHECK_INT(e2b_rpc_encode(&out, 0, message, strlen(message)), E2B_OK);
    CHECK_INT(out.len, 82);
    CHECK_MEM(out.data, 5, "\0\0\0\0\x4d", 5);
    CHECK_STR(out.data + 5, message);
    e2b_buf_reset(&out);
    char large[0x123];
    memset(large, 'x', sizeof large);
    CHECK_INT(e2b_rpc_encode(&out, E2B_RPC_END, large, sizeof large), E2B_OK);
    CHECK_MEM(out.data, 5, "\x02\0\0\x01\x23", 5);
    CHECK_INT(e2b_rpc_encode(&out, 0, NULL, 0), E2B_OK);
    CHECK_MEM(out.data + 5 + sizeof large, 5, "\0\0\0\0\0", 5);
    e2b_buf_destroy(&out);
}

TEST("an envelope that does not fit leaves no half of itself") {
    e2b_buf_t out;
    e2b_buf_init(&out, 10);
    CHECK_INT(e2b_rpc_encode(&out, 0, "123456", 6), E2B_ERR_RESPONSE_TOO_LARGE);
    CHECK_INT(out.len, 0);
    CHECK_INT(e2b_rpc_encode(&out, 0, "12345", 5), E2B_OK);
    volatile size_t beyond = (size_t)UINT32_MAX + 1;
    CHECK_INT(e2b_rpc_encode(&out, 0, "x", beyond), E2B_ERR_RESPONSE_TOO_LARGE);
    e2b_buf_destroy(&out);
}

TEST("the recorded stream reads the same in every cut") {
    char stream[400];
    size_t len = unhex(hello_hex, stream);
    for (size_t cut = 1; cut <= len; cut++) {
        e2b_rpc_decoder_t decoder;
        e2b_err_t err;
        seen_t seen = {0};
        e2b_err_init(&err);
        e2b_rpc_decoder_init(&decoder, E2B_MAX_FRAME);
        CHECK_INT(feed(&decoder, stream, len, cut, &seen, &err), E2B_OK);
        CHECK_STR(seen.text, hello_seen);
        CHECK_INT(e2b_rpc_decoder_finish(&decoder, &err), E2B_OK);
        CHECK_INT(err.code, E2B_OK);
        e2b_rpc_decoder_destroy(&decoder);
    }
}

static int count_in_place(void *context, uint8_t flags, const char *data, size_t len,
                          e2b_err_t *err) {
    (void)flags;
    (void)len;
    (void)err;
    const char **expected = context;
    return data == *expected ? E2B_OK : E2B_ERR_INVALID_ARGUMENT;
}

TEST("a frame that lies whole in the data is handed out where it lies, without memory") {
    static const char stream[] = "\0\0\0\0\x05hello";
    const char *expected = stream + 5;
    e2b_rpc_decoder_t decoder;
    e2b_rpc_decoder_init(&decoder, 100);
    e2b_alloc_fail_after(0);
    int code = e2b_rpc_decoder_feed(&decoder, stream, 10, count_in_place, &expected, NULL);
    if (code == E2B_OK) { /* the same when only the head came before */
        code = e2b_rpc_decoder_feed(&decoder, stream, 5, count_in_place, &expected, NULL);
        code = code == E2B_OK
                   ? e2b_rpc_decoder_feed(&decoder, stream + 5, 5, count_in_place, &expected, NULL)
                   : code;
    }
    e2b_alloc_fail_after(-1);
    CHECK_INT(code, E2B_OK);
    CHECK(decoder.partial.data == NULL);
    e2b_rpc_decoder_destroy(&decoder);
}

TEST("empty messages are messages") {
    e2b_rpc_decoder_t decoder;
    seen_t seen = {0};
    e2b_rpc_decoder_init(&decoder, 100);
    CHECK_INT(feed(&decoder, "\0\0\0\0\0\0\0\0\0\0\2\0\0\0\0", 15, 1, &seen, NULL), E2B_OK);
    CHECK_STR(seen.text, "0:|0:|2:|");
    CHECK_INT(e2b_rpc_decoder_finish(&decoder, NULL), E2B_OK);
    e2b_rpc_decoder_destroy(&decoder);
}

static void check_broken(const char *stream, size_t len, const char *seen_text, int code) {
    for (size_t cut = 1; cut <= len; cut++) {
        e2b_rpc_decoder_t decoder;
        e2b_err_t err;
        seen_t seen = {0};
        e2b_err_init(&err);
        e2b_rpc_decoder_init(&decoder, 16);
        CHECK_INT(feed(&decoder, stream, len, cut, &seen, &err), code);
        CHECK_INT(err.code, code);
        CHECK(err.message[0] != '\0');
        CHECK_STR(seen.text, seen_text);
        /* and stays broken */
        CHECK_INT(e2b_rpc_decoder_feed(&decoder, "\2\0\0\0\0", 5, see, &seen, &err), code);
        CHECK_STR(seen.text, seen_text);
        CHECK_INT(e2b_rpc_decoder_finish(&decoder, &err), code);
        e2b_rpc_decoder_destroy(&decoder);
    }
}

TEST("unknown flags, compressed messages and bytes after the end are refused for good") {
    check_broken("\0\0\0\0\1a\4\0\0\0\1b", 12, "0:a|", E2B_ERR_BAD_RESPONSE);
    check_broken("\1\0\0\0\1a", 6, "", E2B_ERR_BAD_RESPONSE);
    check_broken("\3\0\0\0\1a", 6, "", E2B_ERR_BAD_RESPONSE);
    check_broken("<html>", 6, "", E2B_ERR_BAD_RESPONSE);
    check_broken("\2\0\0\0\2{}\0", 8, "2:{}|", E2B_ERR_BAD_RESPONSE);
    check_broken("\2\0\0\0\2{}\2\0\0\0\2{}", 14, "2:{}|", E2B_ERR_BAD_RESPONSE);
}

TEST("a message above the bound is refused by its announcement, before any memory is taken") {
    check_broken("\0\0\0\0\x11", 5, "", E2B_ERR_RESPONSE_TOO_LARGE);
    e2b_rpc_decoder_t decoder;
    seen_t seen = {0};
    e2b_rpc_decoder_init(&decoder, E2B_MAX_FRAME);
    e2b_alloc_fail_after(0);
    int code = e2b_rpc_decoder_feed(&decoder, "\0\xff\xff\xff\xff", 5, see, &seen, NULL);
    e2b_alloc_fail_after(-1);
    CHECK_INT(code, E2B_ERR_RESPONSE_TOO_LARGE);
    e2b_rpc_decoder_destroy(&decoder);
    e2b_rpc_decoder_init(&decoder, 16);
    CHECK_INT(feed(&decoder,
                   "\0\0\0\0\x10"
                   "0123456789abcdef",
                   21, 4, &seen, NULL),
              E2B_OK);
    CHECK_STR(seen.text, "0:0123456789abcdef|");
    e2b_rpc_decoder_destroy(&decoder);
}

TEST("memory grows with what arrives, not with what is announced") {
    e2b_rpc_decoder_t decoder;
    seen_t seen = {0};
    e2b_rpc_decoder_init(&decoder, E2B_MAX_FRAME);
    CHECK_INT(feed(&decoder, "\0\x04\0\0\0x", 6, 6, &seen, NULL), E2B_OK);
    CHECK(decoder.partial.cap <= 64 * 1024);
    e2b_rpc_decoder_destroy(&decoder);
}

static size_t feed_large(e2b_rpc_decoder_t *decoder, size_t len) {
    seen_t seen = {0};
    char *stream = calloc(1, len + 5);
    CHECK(stream != NULL);
    stream[1] = (char)(len >> 24);
    stream[2] = (char)(len >> 16);
    stream[3] = (char)(len >> 8);
    stream[4] = (char)len;
    int code = feed(decoder, stream, len + 5, 16384, &seen, NULL);
    free(stream);
    CHECK_INT(code, E2B_OK);
    return seen.frames;
}

TEST("the memory of an ordinary frame is used again, that of a large one is given back") {
    e2b_rpc_decoder_t decoder;
    e2b_rpc_decoder_init(&decoder, E2B_MAX_FRAME);
    CHECK_INT(feed_large(&decoder, 43736), 1);
    char *kept = decoder.partial.data;
    CHECK(kept != NULL);
    CHECK_INT(feed_large(&decoder, 43000), 1);
    CHECK(decoder.partial.data == kept);
    CHECK_INT(feed_large(&decoder, 1000000), 1);
    CHECK(decoder.partial.data == NULL);
    CHECK_INT(feed_large(&decoder, 43736), 1);
    e2b_rpc_decoder_destroy(&decoder);
}

TEST("a body that stops inside a message, or without the end message, is a lost connection") {
    char stream[400];
    size_t len = unhex(hello_hex, stream);
    for (size_t stop = 0; stop < len; stop++) {
        e2b_rpc_decoder_t decoder;
        e2b_err_t err;
        seen_t seen = {0};
        e2b_err_init(&err);
        e2b_rpc_decoder_init(&decoder, E2B_MAX_FRAME);
        CHECK_INT(feed(&decoder, stream, stop, 11, &seen, &err), E2B_OK);
        CHECK_INT(e2b_rpc_decoder_finish(&decoder, &err), E2B_ERR_CONNECTION_LOST);
        CHECK_INT(err.outcome, E2B_OUTCOME_INTERRUPTED);
        e2b_rpc_decoder_destroy(&decoder);
    }
}

TEST("an error of the callback stops the decoder with that error") {
    char stream[400];
    size_t len = unhex(hello_hex, stream);
    for (size_t cut = 1; cut <= len; cut++) {
        e2b_rpc_decoder_t decoder;
        e2b_err_t err;
        seen_t seen = {.stop_at = 2};
        e2b_err_init(&err);
        e2b_rpc_decoder_init(&decoder, E2B_MAX_FRAME);
        CHECK_INT(feed(&decoder, stream, len, cut, &seen, &err), E2B_ERR_CANCELLED);
        CHECK_STR(err.message, "enough");
        CHECK_INT(seen.frames, 2);
        CHECK_INT(feed(&decoder, stream, len, cut, &seen, &err), E2B_ERR_CANCELLED);
        CHECK_INT(seen.frames, 2);
        e2b_rpc_decoder_destroy(&decoder);
    }
}

static bool decode_in_pieces(void) {
    static const char stream[] = "\0\0\0\0\x05hello\0\0\0\0\x64"
                                 "0123456789012345678901234567890123456789012345678901234567890123"
                                 "456789012345678901234567890123456789\2\0\0\0\2{}";
    e2b_rpc_decoder_t decoder;
    e2b_err_t err;
    seen_t seen = {0};
    e2b_err_init(&err);
    e2b_rpc_decoder_init(&decoder, 1000);
    int code = feed(&decoder, stream, sizeof stream - 1, 3, &seen, &err);
    CHECK_INT(err.code, code);
    CHECK(code == E2B_OK || code == E2B_ERR_OUT_OF_MEMORY);
    CHECK_INT(e2b_rpc_decoder_finish(&decoder, NULL), code);
    CHECK_INT(seen.frames == 3, code == E2B_OK);
    e2b_rpc_decoder_destroy(&decoder);
    return code == E2B_OK;
}

TEST("decoding survives every failed allocation") {
    CHECK_INT(test_out_of_memory(decode_in_pieces), 2);
}

/* ---- end message and codes ---- */

static int parse_end(const char *json, e2b_err_t *err) {
    char *exact = test_exact(json, strlen(json));
    int code = e2b_rpc_end_parse(exact, strlen(json), err);
    free(exact);
    return code;
}

TEST("an end message without an error is success") {
    static const char *const good[] = {"{}", " {} ", "{\"error\":null}",
                                       "{\"metadata\":{\"a\":[\"b\"]}}"};
    for (size_t i = 0; i < COUNT(good); i++) {
        e2b_err_t err;
        e2b_err_init(&err);
        CHECK_INT(parse_end(good[i], &err), E2B_OK);
        CHECK_INT(err.code, E2B_OK);
        CHECK_STR(err.server_code, "");
    }
}

TEST("an error in the end message keeps the server's words and code") {
    e2b_err_t err;
    e2b_err_init(&err);
    CHECK_INT(parse_end("{\"error\":{\"code\":\"invalid_argument\","
                        "\"message\":\"cwd '/nope' does not exist\"}}",
                        &err),
              E2B_ERR_BAD_REQUEST);
    CHECK_INT(err.code, E2B_ERR_BAD_REQUEST);
    CHECK_INT(err.outcome, E2B_OUTCOME_REJECTED);
    CHECK_STR(err.message, "cwd '/nope' does not exist");
    CHECK_STR(err.server_code, "invalid_argument");
    CHECK_INT(parse_end("{\"error\":{\"code\":\"not_found\"}}", NULL), E2B_ERR_NOT_FOUND);
}

TEST("an error without a message, or with a new code, is still an error") {
    static const char *const cases[] = {"{\"error\":{}}", "{\"error\":{\"code\":\"brand_new\"}}",
                                        "{\"error\":{\"message\":\"\"}}",
                                        "{\"error\":{\"message\":[1]}}"};
    for (size_t i = 0; i < COUNT(cases); i++) {
        e2b_err_t err;
        e2b_err_init(&err);
        CHECK_INT(parse_end(cases[i], &err), E2B_ERR_SERVER_ERROR);
        CHECK(err.message[0] != '\0');
    }
}

TEST("a server code that is too long is cut") {
    e2b_err_t err;
    char json[300];
    e2b_err_init(&err);
    snprintf(json, sizeof json, "{\"error\":{\"code\":\"%0200d\"}}", 0);
    CHECK_INT(parse_end(json, &err), E2B_ERR_SERVER_ERROR);
    CHECK_INT(strlen(err.server_code), sizeof err.server_code - 1);
}

TEST("an end message that is none is a bad answer") {
    static const char *const bad[] = {"",
                                      "null",
                                      "[]",
                                      "{",
                                      "{}x",
                                      "{\"error\":\"text\"}",
                                      "<html>",
                                      "{\"error\":[]}",
                                      "{\"error\":{\"code\":404}}"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        e2b_err_t err;
        e2b_err_init(&err);
        CHECK_INT(parse_end(bad[i], &err), E2B_ERR_BAD_RESPONSE);
        CHECK_INT(err.code, E2B_ERR_BAD_RESPONSE);
    }
}

TEST("every Connect code has its place in our table") {
    static const struct {
        const char *name;
        int code;
    } codes[] = {{"canceled", E2B_ERR_CANCELLED},
                 {"unknown", E2B_ERR_SERVER_ERROR},
                 {"invalid_argument", E2B_ERR_BAD_REQUEST},
                 {"deadline_exceeded", E2B_ERR_TIMEOUT},
                 {"not_found", E2B_ERR_NOT_FOUND},
                 {"already_exists", E2B_ERR_CONFLICT},
                 {"permission_denied", E2B_ERR_PERMISSION_DENIED},
                 {"resource_exhausted", E2B_ERR_RATE_LIMITED},
                 {"failed_precondition", E2B_ERR_BAD_REQUEST},
                 {"aborted", E2B_ERR_CONFLICT},
                 {"out_of_range", E2B_ERR_BAD_REQUEST},
                 {"unimplemented", E2B_ERR_SERVER_ERROR},
                 {"internal", E2B_ERR_SERVER_ERROR},
                 {"unavailable", E2B_ERR_SERVER_BUSY},
                 {"data_loss", E2B_ERR_SERVER_ERROR},
                 {"unauthenticated", E2B_ERR_UNAUTHENTICATED}};
    for (size_t i = 0; i < COUNT(codes); i++) CHECK_INT(e2b_rpc_code(codes[i].name), codes[i].code);
    CHECK_INT(e2b_rpc_code(NULL), E2B_ERR_SERVER_ERROR);
    CHECK_INT(e2b_rpc_code(""), E2B_ERR_SERVER_ERROR);
    CHECK_INT(e2b_rpc_code("NOT_FOUND"), E2B_ERR_SERVER_ERROR);
}

static bool parse_error_end(void) {
    e2b_err_t err;
    e2b_err_init(&err);
    int code = parse_end("{\"error\":{\"code\":\"not_found\",\"message\":\"gone\"}}", &err);
    CHECK(code == E2B_ERR_NOT_FOUND || code == E2B_ERR_BAD_RESPONSE);
    CHECK_INT(err.code, code);
    return code == E2B_ERR_NOT_FOUND;
}

TEST("reading an end message survives every failed allocation") {
    test_json_uses_our_heap();
    CHECK(test_out_of_memory(parse_error_end) > 4);
}

TEST_MAIN
