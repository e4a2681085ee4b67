/*
 * base64: what is encoded decodes to itself, with and without padding; and for any text the
 * decoder says what a slow and obvious one says.
 */
#include "fuzz.h"
#include "rpc.h"

static int value_of(char c) {
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = memchr(alphabet, c, 64);
    return at != NULL ? (int)(at - alphabet) : -1;
}

/* One bit after the other. True when text is acceptable; *out then holds *out_len bytes. */
static bool decode_slowly(const char *text, size_t len, unsigned char *out, size_t *out_len) {
    size_t end = len;
    while (end > 0 && text[end - 1] == '=') end--;
    size_t padding = len - end;
    if (end % 4 == 1 || padding > 2 || (padding > 0 && len % 4 != 0)) return false;
    size_t bits = 0;
    *out_len = end * 6 / 8;
    memset(out, 0, *out_len + 1);
    for (size_t i = 0; i < end; i++) {
        int value = value_of(text[i]);
        if (value < 0) return false;
        for (int bit = 5; bit >= 0; bit--, bits++)
            if ((value >> bit & 1) != 0)
                out[bits / 8] = (unsigned char)(out[bits / 8] | 0x80 >> bits % 8);
    }
    return true;
}

static void any_text(const char *text, size_t size) {
    e2b_buf_t out;
    e2b_buf_init(&out, e2b_base64_decoded_max(size) + 1);
    MUST(e2b_buf_puts(&out, "x") == E2B_OK);
    unsigned char *expected = malloc(size + 1);
    MUST(expected != NULL);
    size_t expected_len = 0;
    bool good = decode_slowly(text, size, expected, &expected_len);
    int code = e2b_base64_decode(&out, text, size);
    MUST(code == (good ? E2B_OK : E2B_ERR_BAD_RESPONSE));
    MUST(out.data[0] == 'x' && out.data[out.len] == '\0');
    MUST(out.len == 1 + (good ? expected_len : 0));
    if (good) MUST(memcmp(out.data + 1, expected, expected_len) == 0);
    free(expected);
    e2b_buf_destroy(&out);
}

static void there_and_back(const char *bytes, size_t size) {
    e2b_buf_t text, back;
    e2b_buf_init(&text, (size + 2) / 3 * 4);
    e2b_buf_init(&back, size);
    MUST(e2b_base64_encode(&text, bytes, size) == E2B_OK);
    size_t bare = text.len;
    while (bare > 0 && text.data[bare - 1] == '=') bare--;
    for (int padded = 0; padded < 2; padded++) {
        size_t len = padded ? text.len : bare;
        char *exact = fuzz_exact(text.data, len);
        e2b_buf_reset(&back);
        MUST(e2b_base64_decode(&back, exact, len) == E2B_OK);
        MUST(back.len == size && (size == 0 || memcmp(back.data, bytes, size) == 0));
        free(exact);
    }
    e2b_buf_destroy(&text);
    e2b_buf_destroy(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *exact = fuzz_exact(data, size);
    any_text(exact, size);
    there_and_back(exact, size);
    free(exact);
    return 0;
}
