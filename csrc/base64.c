/*
 * base64.c: RFC 4648 base64, standard alphabet, straight into the caller's buffer. Pure, any
 * thread. All output of every process goes through the decoder, so its loop has one branch for
 * eight characters; the encoder only sees input and files. Must never read or write past the
 * lengths given: the text comes from the network and has no NUL.
 */
#include "base64.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define WIDE 32 /* characters at a time where the processor has AVX2 */
#endif

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

#ifdef WIDE
/* Decodes from the front as long as there are more than WIDE characters, so that what is stored
 * beyond each piece's 24 bytes is written again; stops before a piece with a wrong character.
 * Answers how many characters were taken. */
__attribute__((target("avx2"))) static size_t decode_wide(const unsigned char *in, size_t len,
                                                          unsigned char *to) {
    /* By the upper half of a character: its bit in `fits`, and what it takes to make it its value
     * (of '/' three less). By the lower half: with which upper halves it is in the alphabet. */
    const __m256i bit = _mm256_setr_epi8(0, 0, 1, 2, 4, 8, 16, 32, 0, 0, 0, 0, 0, 0, 0, 0, /**/
                                         0, 0, 1, 2, 4, 8, 16, 32, 0, 0, 0, 0, 0, 0, 0, 0);
    const __m256i offset =
        _mm256_setr_epi8(0, 0, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0, /**/
                         0, 0, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0);
    const __m256i fits =
        _mm256_setr_epi8(42, 62, 62, 62, 62, 62, 62, 62, 62, 62, 60, 21, 20, 20, 20, 21, /**/
                         42, 62, 62, 62, 62, 62, 62, 62, 62, 62, 60, 21, 20, 20, 20, 21);
    /* Of four bytes of a number, the upper three, the highest first. */
    const __m256i upper = _mm256_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1,
                                           2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
    const __m256i join = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7);
    const __m256i half = _mm256_set1_epi8(15), slash = _mm256_set1_epi8('/');
    size_t at = 0;
    for (; len - at > 2 * WIDE; at += WIDE, to += WIDE / 4 * 3) {
        __m256i text = _mm256_loadu_si256((const __m256i *)(const void *)(in + at));
        __m256i high = _mm256_and_si256(_mm256_srli_epi16(text, 4), half);
        __m256i low = _mm256_and_si256(text, half);
        __m256i fine =
            _mm256_and_si256(_mm256_shuffle_epi8(bit, high), _mm256_shuffle_epi8(fits, low));
        __m256i wrong = _mm256_cmpeq_epi8(fine, _mm256_setzero_si256());
        if (!_mm256_testz_si256(wrong, wrong)) break;
        __m256i value = _mm256_add_epi8(text, _mm256_shuffle_epi8(offset, high));
        __m256i three = _mm256_and_si256(_mm256_cmpeq_epi8(text, slash), _mm256_set1_epi8(3));
        value = _mm256_sub_epi8(value, three);
        /* a * 64 + b in each pair, then ab * 4096 + cd in each four. */
        __m256i pairs = _mm256_maddubs_epi16(value, _mm256_set1_epi32(0x01400140));
        __m256i fours = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x00011000));
        __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(fours, upper), join);
        _mm256_storeu_si256((__m256i *)(void *)to, bytes);
    }
    return at;
}
#endif

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
#ifdef WIDE
    if (__builtin_cpu_supports("avx2")) {
        i = decode_wide(in, len, to);
        to += i / 4 * 3;
    }
#endif
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
