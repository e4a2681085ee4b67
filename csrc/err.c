/*
 * err.c: the table of errors and the few things that one does with an error. No input or output,
 * no memory; any thread. Must never be handed a key or a token except to overwrite it.
 */
#include "e2b.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TELLING 8 /* characters of a secret at the end of a text, which may have been cut there */

void e2b_err_init(e2b_err_t *err) {
    memset(err, 0, sizeof *err);
    err->outcome = E2B_OUTCOME_NOT_SENT;
    err->retry_after_ms = -1;
}

/* A cut in the middle of a UTF-8 character would reach JavaScript as U+FFFD: drop its first part.
 */
static void drop_cut_character(char *text, size_t len) {
    size_t start = len;
    while (start > 0 && len - start < 3 && ((unsigned char)text[start - 1] & 0xC0) == 0x80) start--;
    if (start == 0) return;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t whole = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (len - (start - 1) < whole) text[start - 1] = '\0';
}

/* Texts of the far end must not command a terminal, or begin a line of a log. */
static void drop_controls(char *text) {
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 127) *text = ' ';
}

int e2b_err_set(e2b_err_t *err, int code, const char *format, ...) {
    if (err == NULL) return code;
    char message[sizeof err->message]; /* an argument may point into err */
    va_list args;
    va_start(args, format);
    int length = vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (length < 0)
        message[0] = '\0';
    else if ((size_t)length >= sizeof message)
        drop_cut_character(message, sizeof message - 1);
    drop_controls(message);
    err->code = code;
    memcpy(err->message, message, strlen(message) + 1);
    return code;
}

const char *e2b_err_code_name(int code) {
    switch (code) {
#define X(name, number, class_name, code_name)                                                     \
    case E2B_ERR_##name:                                                                           \
        return code_name;
        E2B_ERR_MAP(X)
#undef X
    default:
        return NULL;
    }
}

const char *e2b_err_class_name(int code) {
    switch (code) {
#define X(name, number, class_name, code_name)                                                     \
    case E2B_ERR_##name:                                                                           \
        return class_name;
        E2B_ERR_MAP(X)
#undef X
    default:
        return NULL;
    }
}

void e2b_err_scrub(char *text, const char *secret) {
    if (text == NULL || secret == NULL || secret[0] == '\0') return;
    /* A byte is overwritten only after every match that begins there was looked for, so that
     * overlapping occurrences disappear as well. */
    size_t secret_len = strlen(secret), text_len = strlen(text);
    size_t stars = 0;
    for (size_t i = 0; i < text_len; i++) {
        size_t left = text_len - i, same = left < secret_len ? left : secret_len;
        bool telling = same == secret_len || same >= TELLING;
        if (telling && memcmp(text + i, secret, same) == 0) stars = same;
        if (stars > 0) {
            text[i] = '*';
            stars--;
        }
    }
}
