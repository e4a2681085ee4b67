/*
 * base64.c: RFC 4648 base64, standard alphabet, straight into the caller's buffer. Pure, any
 * thread. All output of every process goes through the decoder, so its loop has one branch for
 * eight characters; the encoder only sees input and files. Must never read or write past the
 * lengths given: the text comes from the network and has no NUL.
 */
#include "base64.h"

#define BAD 0xFF /* both high bits are set; in a value never */

/* clang-format off */
static const uint8_t values[256] = {
    BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
    BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
    BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,  62, BAD, BAD, BAD,  63,
     52,  53,  54,  55,  56,  57,  58,  59,  60,  61, BAD, BAD, BAD, BAD, BAD, BAD,
    BAD,   0,   1,   2,   3,   4,   5,   6,   7,   8,   9,  10,  11,  12,  13,  14,
     15,  16,  17,  18,  19,  20,  21,  22,  23,  24,  25, BAD, BAD, BAD, BAD, BAD,
    BAD,  26,  27,  28,  29,  30,  31,  32,  33,  34,  35,  36,  37,  38,  39,  40,
     41,  42,  43,  44,  45,  46,  47,  48,  49,  50,  51, BAD, BAD, BAD, BAD, BAD,
    BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
    BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
    BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
    BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
    BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
    BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
    BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
    BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
};
/* clang-format on */

int e2b_base64_encode(e2b_buf_t *out, const void *data, size_t len) {
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (len > SIZE_MAX / 4 * 3 - 2) return E2B_ERR_RESPONSE_TOO_LARGE;
    int code = e2b_buf_reserve(out, (len + 2) / 3 * 4);
    if (code != E2B_OK) return code;
    const unsigned char *in = data;
    char *to = out->data + out->len;
    size_t i = 0;
    for (; len - i >= 3; i += 3, to += 4) {
        uint32_t bits = (uint32_t)in[i] << 16 | (uint32_t)in[i + 1] << 8 | in[i + 2];
        to[0] = alphabet[bits >> 18];
        to[1] = alphabet[bits >> 12 & 63];
        to[2] = alphabet[bits >> 6 & 63];
        to[3] = alphabet[bits & 63];
    }
    if (len - i > 0) {
        uint32_t bits = (uint32_t)in[i] << 16 | (len - i == 2 ? (uint32_t)in[i + 1] << 8 : 0);
        to[0] = alphabet[bits >> 18];
        to[1] = alphabet[bits >> 12 & 63];
        to[2] = len - i == 2 ? alphabet[bits >> 6 & 63] : '=';
        to[3] = '=';
        to += 4;
    }
    *to = '\0';
    out->len = (size_t)(to - out->data);
    return E2B_OK;
}

size_t e2b_base64_decoded_max(size_t len) {
    size_t rest = len % 4;
    return len / 4 * 3 + (rest > 1 ? rest - 1 : 0);
}

int e2b_base64_decode(e2b_buf_t *out, const char *text, size_t len) {
    /* Padding is all there or not there at all; what is left of it counts as a wrong character. */
    if (len > 0 && len % 4 == 0 && text[len - 1] == '=') len -= text[len - 2] == '=' ? 2 : 1;
    if (len % 4 == 1) return E2B_ERR_BAD_RESPONSE;
    int code = e2b_buf_reserve(out, e2b_base64_decoded_max(len));
    if (code != E2B_OK) return code;

    const unsigned char *in = (const unsigned char *)text;
    unsigned char *to = (unsigned char *)out->data + out->len;
    uint32_t bad = 0; /* the high bits of every value seen */
    size_t i = 0;
    for (; len - i >= 8; i += 8, to += 6) {
        uint32_t a = values[in[i]], b = values[in[i + 1]], c = values[in[i + 2]];
        uint32_t d = values[in[i + 3]], e = values[in[i + 4]], f = values[in[i + 5]];
        uint32_t g = values[in[i + 6]], h = values[in[i + 7]];
        bad |= a | b | c | d | e | f | g | h;
        to[0] = (unsigned char)(a << 2 | b >> 4);
        to[1] = (unsigned char)(b << 4 | c >> 2);
        to[2] = (unsigned char)(c << 6 | d);
        to[3] = (unsigned char)(e << 2 | f >> 4);
        to[4] = (unsigned char)(f << 4 | g >> 2);
        to[5] = (unsigned char)(g << 6 | h);
    }
    for (; len - i >= 4; i += 4, to += 3) {
        uint32_t a = values[in[i]], b = values[in[i + 1]], c = values[in[i + 2]];
        uint32_t d = values[in[i + 3]];
        bad |= a | b | c | d;
        to[0] = (unsigned char)(a << 2 | b >> 4);
        to[1] = (unsigned char)(b << 4 | c >> 2);
        to[2] = (unsigned char)(c << 6 | d);
    }
    if (len - i >= 2) {
        uint32_t a = values[in[i]], b = values[in[i + 1]];
        uint32_t c = len - i == 3 ? values[in[i + 2]] : 0;
        bad |= a | b | c;
        *to++ = (unsigned char)(a << 2 | b >> 4);
        if (len - i == 3) *to++ = (unsigned char)(b << 4 | c >> 2);
    }
    if ((bad & 0xC0) != 0) {
        out->data[out->len] = '\0';
        return E2B_ERR_BAD_RESPONSE;
    }
    *to = '\0';
    out->len = (size_t)(to - (unsigned char *)out->data);
    return E2B_OK;
}
