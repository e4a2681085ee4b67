/* Facts about buf.c: bounds that hold, failures that change nothing, tails in order. */
#include "buf.h"
#include "e2b.h"
#include "test.h"

/* ---- e2b_buf ---- */

TEST("a buffer grows up to its maximum and is NUL-terminated after every append") {
    e2b_buf_t buf;
    e2b_buf_init(&buf, 1000);
    for (size_t i = 0; i < 1000; i++) {
        char c = (char)('a' + i % 26);
        CHECK_INT(e2b_buf_append(&buf, &c, 1), E2B_OK);
        CHECK_INT(buf.len, i + 1);
        CHECK_INT(buf.data[buf.len], 0);
        CHECK(buf.cap > buf.len && buf.cap <= 1001);
    }
    for (size_t i = 0; i < 1000; i++) CHECK_INT(buf.data[i], 'a' + i % 26);
    e2b_buf_destroy(&buf);
}

TEST("an append past the maximum is refused and changes nothing") {
    e2b_buf_t buf;
    e2b_buf_init(&buf, 5);
    CHECK_INT(e2b_buf_puts(&buf, "abc"), E2B_OK);
    CHECK_INT(e2b_buf_append(&buf, "defg", 3), E2B_ERR_RESPONSE_TOO_LARGE);
    CHECK_INT(e2b_buf_puts(&buf, "def"), E2B_ERR_RESPONSE_TOO_LARGE);
    CHECK_INT(e2b_buf_printf(&buf, "%d", 123), E2B_ERR_RESPONSE_TOO_LARGE);
    CHECK_INT(e2b_buf_reserve(&buf, SIZE_MAX), E2B_ERR_RESPONSE_TOO_LARGE);
    CHECK_MEM(buf.data, buf.len, "abc", 3);
    CHECK_INT(e2b_buf_puts(&buf, "de"), E2B_OK);
    CHECK_STR(buf.data, "abcde");
    e2b_buf_destroy(&buf);
}

TEST("a buffer without a useful bound still refuses what cannot be counted") {
    e2b_buf_t buf;
    e2b_buf_init(&buf, SIZE_MAX);
    CHECK_INT(e2b_buf_puts(&buf, "abc"), E2B_OK);
    CHECK_INT(e2b_buf_reserve(&buf, SIZE_MAX - 3), E2B_ERR_RESPONSE_TOO_LARGE);
    CHECK_STR(buf.data, "abc");
    e2b_buf_destroy(&buf);
}

TEST("appending nothing is fine, also from NULL and to a full buffer") {
    e2b_buf_t buf;
    e2b_buf_init(&buf, 0);
    CHECK_INT(e2b_buf_append(&buf, NULL, 0), E2B_OK);
    CHECK_INT(e2b_buf_puts(&buf, ""), E2B_OK);
    CHECK_INT(e2b_buf_puts(&buf, "a"), E2B_ERR_RESPONSE_TOO_LARGE);
    CHECK_INT(buf.len, 0);
    e2b_buf_destroy(&buf);
}

TEST("reserved room can be written, with a NUL behind it, even when it is none") {
    e2b_buf_t buf;
    e2b_buf_init(&buf, 300);
    CHECK_INT(e2b_buf_reserve(&buf, 0), E2B_OK);
    CHECK_STR(buf.data, "");
    CHECK_INT(e2b_buf_reserve(&buf, 300), E2B_OK);
    memset(buf.data, 'x', 300);
    buf.data[300] = '\0';
    e2b_buf_destroy(&buf);
}

TEST("growth doubles: few allocations for many appends") {
    e2b_buf_t buf;
    e2b_buf_init(&buf, 1 << 20);
    size_t changes = 0, cap = 0;
    for (size_t i = 0; i < (1 << 20); i++) {
        CHECK_INT(e2b_buf_append(&buf, "x", 1), E2B_OK);
        changes += buf.cap != cap;
        cap = buf.cap;
    }
    CHECK(changes <= 16);
    e2b_buf_destroy(&buf);
}

TEST("printf appends what it formats, whatever its length") {
    e2b_buf_t buf;
    e2b_buf_init(&buf, 10000);
    CHECK_INT(e2b_buf_printf(&buf, "%s=%d", "a", 7), E2B_OK);
    CHECK_INT(e2b_buf_printf(&buf, "%*d", 5000, 1), E2B_OK);
    CHECK_INT(e2b_buf_printf(&buf, "%s", ""), E2B_OK);
    CHECK_INT(buf.len, 5003);
    CHECK(memcmp(buf.data, "a=7  ", 5) == 0);
    CHECK_STR(buf.data + 5000, "  1");
    e2b_buf_destroy(&buf);
}

TEST("reset keeps the memory, destroy leaves a usable buffer with the same bound") {
    e2b_buf_t buf;
    e2b_buf_init(&buf, 10);
    e2b_buf_reset(&buf);
    CHECK(buf.data == NULL);
    CHECK_INT(e2b_buf_puts(&buf, "abc"), E2B_OK);
    char *data = buf.data;
    e2b_buf_reset(&buf);
    CHECK(buf.data == data && buf.len == 0 && data[0] == '\0');
    e2b_buf_destroy(&buf);
    CHECK(buf.data == NULL && buf.len == 0 && buf.cap == 0 && buf.max == 10);
    CHECK_INT(e2b_buf_puts(&buf, "0123456789"), E2B_OK);
    e2b_buf_destroy(&buf);
    CHECK(buf.data == NULL && buf.max == 10);
    e2b_buf_destroy(&buf);
}

TEST("a secret buffer grows, empties and gives as any other, and stays secret") {
    e2b_buf_t buf;
    e2b_buf_init_secret(&buf, 1000);
    for (int i = 0; i < 100; i++) CHECK_INT(e2b_buf_puts(&buf, "0123456789"), E2B_OK);
    CHECK_INT(buf.len, 1000);
    CHECK_INT(e2b_buf_puts(&buf, "x"), E2B_ERR_RESPONSE_TOO_LARGE);
    char *data = buf.data;
    e2b_buf_reset(&buf);
    for (int i = 0; i < 1000; i++) CHECK_INT(data[i], 0);
    CHECK_INT(e2b_buf_puts(&buf, "abc"), E2B_OK);
    size_t len;
    char *taken = e2b_buf_take(&buf, &len);
    CHECK_STR(taken, "abc");
    e2b_wipe_free(taken, len);
    CHECK(buf.secret && buf.max == 1000);
    e2b_buf_destroy(&buf);
    CHECK(buf.secret);
}

TEST("take gives the memory away and leaves the buffer empty and usable") {
    e2b_buf_t buf;
    size_t len = 99;
    e2b_buf_init(&buf, 10);
    char *taken = e2b_buf_take(&buf, &len);
    CHECK_STR(taken, "");
    CHECK_INT(len, 0);
    e2b_free(taken);
    CHECK_INT(e2b_buf_puts(&buf, "abc"), E2B_OK);
    taken = e2b_buf_take(&buf, &len);
    CHECK_STR(taken, "abc");
    CHECK_INT(len, 3);
    CHECK(buf.data == NULL && buf.len == 0 && buf.max == 10);
    CHECK_INT(e2b_buf_puts(&buf, "de"), E2B_OK);
    CHECK_STR(taken, "abc");
    e2b_free(taken);
    taken = e2b_buf_take(&buf, NULL);
    CHECK_STR(taken, "de");
    e2b_free(taken);
}

static bool fill_and_take(void) {
    e2b_buf_t buf;
    size_t len = 0;
    e2b_buf_init(&buf, 4096);
    char piece[100];
    memset(piece, 'p', sizeof piece);
    int code = E2B_OK;
    for (size_t i = 0; code == E2B_OK && i < 10; i++) {
        len = buf.len;
        code = e2b_buf_append(&buf, piece, sizeof piece);
        if (code == E2B_OK) {
            len = buf.len;
            code = e2b_buf_printf(&buf, "%200d", 1);
        }
        if (code == E2B_OK) {
            len = buf.len;
            code = e2b_buf_reserve(&buf, 500);
        }
    }
    CHECK(code == E2B_OK || code == E2B_ERR_OUT_OF_MEMORY);
    CHECK_INT(buf.len, len); /* as it was before the call that failed */
    CHECK(buf.data == NULL || buf.data[len] == '\0');
    if (code == E2B_OK) {
        char *text = e2b_buf_take(&buf, &len);
        CHECK(text != NULL && len == 3000);
        e2b_free(text);
    }
    e2b_buf_destroy(&buf);
    return code == E2B_OK;
}

static bool take_nothing(void) {
    e2b_buf_t buf;
    size_t len = 99;
    e2b_buf_init(&buf, 10);
    char *text = e2b_buf_take(&buf, &len);
    CHECK_INT(len, 0);
    e2b_free(text);
    return text != NULL;
}

TEST("a buffer that runs out of memory is as it was before") {
    CHECK(test_out_of_memory(fill_and_take) >= 4);
    CHECK_INT(test_out_of_memory(take_nothing), 1);
}

/* ---- e2b_tail ---- */

static char pattern(size_t position) {
    return (char)(position * 31 + position / 251);
}

/* What the tail should hold after `total` bytes of the pattern. */
static void check_tail(e2b_tail_t *tail, size_t total) {
    size_t len;
    const char *data = e2b_tail_get(tail, false, &len);
    size_t expected = total < tail->max ? total : tail->max;
    CHECK_INT(len, expected);
    for (size_t i = 0; i < len; i++) CHECK_INT(data[i], pattern(total - len + i));
    CHECK_INT(data[len], 0);
    CHECK_INT(tail->total, total);
    CHECK(e2b_tail_truncated(tail) == (total > tail->max));
    CHECK(tail->cap <= tail->max + 1);
}

TEST("a tail holds the last bytes, whatever the pieces and whenever one looks") {
    static const size_t maxima[] = {0, 1, 2, 3, 7, 64, 100};
    char piece[260];
    for (size_t m = 0; m < sizeof maxima / sizeof maxima[0]; m++) {
        for (unsigned seed = 1; seed <= 60; seed++) {
            e2b_tail_t tail;
            e2b_tail_init(&tail, maxima[m]);
            uint32_t dice = seed * 2654435761u;
            size_t total = 0;
            for (int i = 0; i < 40; i++) {
                dice = dice * 1664525u + 1013904223u;
                size_t len = (dice >> 16) % (seed % 3 == 0 ? 250 : 9);
                for (size_t b = 0; b < len; b++) piece[b] = pattern(total + b);
                CHECK_INT(e2b_tail_append(&tail, piece, len), E2B_OK);
                total += len;
                if ((dice >> 8) % 4 == 0) check_tail(&tail, total);
            }
            check_tail(&tail, total);
            check_tail(&tail, total);
            e2b_tail_destroy(&tail);
        }
    }
}

TEST("a large tail is put in order in place, wherever it was cut") {
    const size_t max = 40000;
    static const size_t extras[] = {1,     4095,  4096,  4097,  10000, 13333,
                                    19999, 20000, 20001, 30000, 35903, 39999};
    for (size_t e = 0; e < sizeof extras / sizeof extras[0]; e++) {
        e2b_tail_t tail;
        e2b_tail_init(&tail, max);
        size_t total = max + extras[e];
        char *bytes = malloc(total);
        CHECK(bytes != NULL);
        for (size_t i = 0; i < total; i++) bytes[i] = pattern(i);
        CHECK_INT(e2b_tail_append(&tail, bytes, max), E2B_OK);
        char *before = tail.data;
        CHECK_INT(e2b_tail_append(&tail, bytes + max, extras[e]), E2B_OK);
        check_tail(&tail, total);
        CHECK(tail.data == before);
        free(bytes);
        e2b_tail_destroy(&tail);
    }
}

TEST("a small tail of a large bound takes little memory") {
    e2b_tail_t tail;
    e2b_tail_init(&tail, E2B_DEFAULT_MAX_OUTPUT);
    CHECK_INT(e2b_tail_append(&tail, "hi\n", 3), E2B_OK);
    CHECK(tail.cap <= 64);
    e2b_tail_destroy(&tail);
}

static void check_text(const char *text, size_t max, const char *expected) {
    e2b_tail_t tail;
    e2b_tail_init(&tail, max);
    CHECK_INT(e2b_tail_append(&tail, text, strlen(text)), E2B_OK);
    size_t len;
    const char *got = e2b_tail_get(&tail, true, &len);
    CHECK_MEM(got, len, expected, strlen(expected));
    e2b_tail_destroy(&tail);
}

TEST("a truncated text begins with a whole character") {
    check_text("x\xF0\x9F\x9A\x80yz", 5, "yz");                 /* 3 of the rocket's 4 bytes */
    check_text("x\xF0\x9F\x9A\x80yz", 6, "\xF0\x9F\x9A\x80yz"); /* all of them */
    check_text("\xC3\xA9\xC3\xA9", 3, "\xC3\xA9");              /* half of an e with an accent */
    check_text("\x80\x80\x80\x80\x80\x80", 5, "\x80\x80");      /* no UTF-8: at most three go */
    check_text("ab\x80\x80", 2, "");                            /* nothing but continuations */
}

TEST("a text that is whole is left alone, even when it begins oddly") {
    check_text("\x80\x80", 5, "\x80\x80");
    check_text("", 5, "");
}

static bool grow_tail(void) {
    e2b_tail_t tail;
    e2b_tail_init(&tail, 1000);
    char piece[90];
    size_t total = 0, pieces = 0;
    int code = E2B_OK;
    while (code == E2B_OK && pieces < 20) {
        for (size_t i = 0; i < sizeof piece; i++) piece[i] = pattern(total + i);
        code = e2b_tail_append(&tail, piece, sizeof piece);
        if (code == E2B_OK) {
            total += sizeof piece;
            pieces++;
        }
    }
    CHECK(code == E2B_OK || code == E2B_ERR_OUT_OF_MEMORY);
    check_tail(&tail, total); /* what was there before the failure is still there */
    e2b_tail_destroy(&tail);
    return code == E2B_OK;
}

TEST("a tail that runs out of memory keeps what it has") {
    CHECK(test_out_of_memory(grow_tail) >= 4);
}

TEST_MAIN
