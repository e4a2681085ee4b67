/* Facts about base64.c: the vectors of RFC 4648, what is refused, and that refusing costs nothing.
 */
#include "rpc.h"
#include "test.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static const char *const vectors[][2] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    {"hello\n", "aGVsbG8K"},
};

TEST("the vectors of RFC 4648 encode and decode, with and without padding") {
    for (size_t i = 0; i < COUNT(vectors); i++) {
        e2b_buf_t out;
        e2b_buf_init(&out, 100);
        CHECK_INT(e2b_base64_encode(&out, vectors[i][0], strlen(vectors[i][0])), E2B_OK);
        CHECK_STR(out.data, vectors[i][1]);
        size_t len = strlen(vectors[i][1]);
        for (;;) {
            char *exact = test_exact(vectors[i][1], len);
            e2b_buf_reset(&out);
            CHECK_INT(e2b_base64_decode(&out, exact, len), E2B_OK);
            CHECK_STR(out.data, vectors[i][0]);
            CHECK(out.len <= e2b_base64_decoded_max(len));
            free(exact);
            if (len == 0 || vectors[i][1][len - 1] != '=') break;
            len = strcspn(vectors[i][1], "=");
        }
        e2b_buf_destroy(&out);
    }
}

TEST("a wrong character is refused wherever it stands in a long text, and a right one never") {
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char text[300];
    e2b_buf_t out;
    e2b_buf_init(&out, 1000);
    CHECK_INT(e2b_buf_puts(&out, "before"), E2B_OK);
    for (size_t i = 0; i < sizeof text; i++) text[i] = alphabet[i % 64];
    for (size_t at = 0; at + 1 < sizeof text; at++) {
        for (int byte = 0; byte < 256; byte++) {
            char was = text[at];
            text[at] = (char)byte;
            bool right = byte != 0 && strchr(alphabet, byte) != NULL;
            int code = e2b_base64_decode(&out, text, sizeof text);
            CHECK_INT(code, right ? E2B_OK : E2B_ERR_BAD_RESPONSE);
            CHECK_INT(out.len, right ? 6 + sizeof text / 4 * 3 : 6);
            out.len = 6;
            text[at] = was;
        }
    }
    e2b_buf_destroy(&out);
}

TEST("every length and every byte survives the way there and back") {
    unsigned char bytes[300];
    e2b_buf_t text, back;
    e2b_buf_init(&text, 1000);
    e2b_buf_init(&back, 1000);
    for (size_t len = 0; len <= sizeof bytes; len++) {
        for (size_t i = 0; i < len; i++) bytes[i] = (unsigned char)(i * 167 + len);
        e2b_buf_reset(&text);
        e2b_buf_reset(&back);
        char *exact = test_exact((char *)bytes, len);
        CHECK_INT(e2b_base64_encode(&text, exact, len), E2B_OK);
        free(exact);
        CHECK_INT(text.len, (len + 2) / 3 * 4);
        exact = test_exact(text.data, text.len);
        CHECK_INT(e2b_base64_decode(&back, exact, text.len), E2B_OK);
        free(exact);
        CHECK_MEM(back.data, back.len, bytes, len);
        CHECK_INT(back.data[back.len], 0);
    }
    e2b_buf_destroy(&text);
    e2b_buf_destroy(&back);
}

static void check_refused(const char *text, size_t len) {
    e2b_buf_t out;
    e2b_buf_init(&out, 100);
    CHECK_INT(e2b_buf_puts(&out, "before"), E2B_OK);
    char *exact = test_exact(text, len);
    CHECK_INT(e2b_base64_decode(&out, exact, len), E2B_ERR_BAD_RESPONSE);
    free(exact);
    CHECK_STR(out.data, "before");
    CHECK_INT(out.len, 6);
    e2b_buf_destroy(&out);
}

TEST("wrong padding, lengths and data after padding are refused, and the buffer keeps its text") {
    static const char *const bad[] = {
        "A",    "AAAAA",    "=",        "==",    "====", "A===",   "AA=",       "AAA==",    "AAAA=",
        "AA=A", "AA==AAAA", "Zg==Zg==", "AAA=A", "=AAA", "AAAA==", "AAAAAAAAA", "AAAAAAA=="};
    for (size_t i = 0; i < COUNT(bad); i++) check_refused(bad[i], strlen(bad[i]));
}

TEST("every byte outside the alphabet is refused at every place") {
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int c = 0; c < 256; c++) {
        if (memchr(alphabet, c, 64) != NULL) continue;
        for (size_t len = 2; len <= 23; len++) {
            if (len % 4 == 1) continue;
            for (size_t place = 0; place < len; place++) {
                char text[24];
                memset(text, 'A', len);
                text[place] = (char)c;
                if (c == '=' && place == len - 1 && len % 4 == 0) continue; /* that is padding */
                check_refused(text, len);
            }
        }
    }
}

TEST("decoding appends, and takes no more room than it needs") {
    e2b_buf_t out;
    e2b_buf_init(&out, 8);
    CHECK_INT(e2b_buf_puts(&out, "ab"), E2B_OK);
    CHECK_INT(e2b_base64_decode(&out, "Zm9vYg==", 8), E2B_OK);
    CHECK_STR(out.data, "abfoob");
    CHECK_INT(e2b_base64_decode(&out, "Zm8=", 4), E2B_OK);
    CHECK_STR(out.data, "abfoobfo");
    CHECK_INT(e2b_base64_decode(&out, "Zg", 2), E2B_ERR_RESPONSE_TOO_LARGE);
    CHECK_INT(e2b_base64_encode(&out, "f", 1), E2B_ERR_RESPONSE_TOO_LARGE);
    CHECK_STR(out.data, "abfoobfo");
    e2b_buf_destroy(&out);
}

TEST("an impossible length is refused before anything is counted wrongly") {
    e2b_buf_t out;
    e2b_buf_init(&out, SIZE_MAX);
    volatile size_t len = SIZE_MAX;
    CHECK_INT(e2b_base64_encode(&out, "x", len), E2B_ERR_RESPONSE_TOO_LARGE);
    CHECK(e2b_base64_decoded_max(len) <= len);
    CHECK_INT(e2b_base64_decoded_max(0), 0);
    CHECK_INT(e2b_base64_decoded_max(4), 3);
    e2b_buf_destroy(&out);
}

static bool code_and_decode(void) {
    e2b_buf_t text, back;
    e2b_buf_init(&text, 1000);
    e2b_buf_init(&back, 1000);
    int code = e2b_base64_encode(&text, "0123456789", 10);
    if (code == E2B_OK) code = e2b_base64_decode(&back, text.data, text.len);
    CHECK(code == E2B_OK || code == E2B_ERR_OUT_OF_MEMORY);
    if (code != E2B_OK) CHECK_INT(back.len, 0);
    e2b_buf_destroy(&text);
    e2b_buf_destroy(&back);
    return code == E2B_OK;
}

TEST("coding survives every failed allocation") {
    CHECK_INT(test_out_of_memory(code_and_decode), 2);
}

TEST_MAIN
