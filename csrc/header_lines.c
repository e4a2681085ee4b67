/*
 * header_lines.c: see header_lines.h. One allocation for all of them.
 */
#include "header_lines.h"

#include <string.h>

#include "alloc.h"

#define MAX_LINES 512   /* a file's metadata is 4096 bytes, at least ten of them a key */
#define MAX_TEXT 16384u /* as http.c */

static bool is_line(const char *text) {
    const char *colon = strchr(text, ':');
    if (!colon || colon == text) return false;
    for (const char *p = text; *p; p++) {
        if ((unsigned char)*p < ' ' || *p == 127) return false;
    }
    return true;
}

/* libcurl leaves out "Name:", and sends "Name;" as a header without a value. */
static void mark_empty(char *text) {
    char *colon = strchr(text, ':');
    if (colon[1 + strspn(colon + 1, " ")] != '\0') return;
    memcpy(colon, ";", 2);
}

int e2b_header_lines_init(e2b_header_lines_t *lines, e2b_strings_t texts, e2b_err_t *err) {
    *lines = (e2b_header_lines_t){NULL, 0};
    size_t total = 0;
    bool fine = texts.count <= MAX_LINES;
    for (size_t i = 0; fine && i < texts.count; i++) {
        total += strlen(texts.items[i]) + 1;
        fine = total <= MAX_TEXT && is_line(texts.items[i]);
    }
    if (!fine) {
        return e2b_err_set(err, E2B_ERR_INVALID_ARGUMENT, "headers are not fit for a request");
    }
    if (texts.count == 0) return E2B_OK;
    struct curl_slist *nodes = e2b_calloc(1, texts.count * sizeof *nodes + total);
    if (!nodes) return e2b_err_set(err, E2B_ERR_OUT_OF_MEMORY, "out of memory");
    char *text = (char *)(nodes + texts.count);
    for (size_t i = 0; i < texts.count; i++) {
        size_t size = strlen(texts.items[i]) + 1;
        memcpy(text, texts.items[i], size);
        mark_empty(text);
        nodes[i].data = text;
        text += size;
    }
    *lines = (e2b_header_lines_t){nodes, texts.count};
    return E2B_OK;
}

void e2b_header_lines_destroy(e2b_header_lines_t *lines) {
    e2b_free(lines->nodes);
    *lines = (e2b_header_lines_t){NULL, 0};
}

struct curl_slist *e2b_header_lines_link(const e2b_header_lines_t *lines, struct curl_slist *next) {
    for (size_t i = lines->count; i-- > 0;) {
        lines->nodes[i].next = next;
        next = &lines->nodes[i];
    }
    return next;
}
