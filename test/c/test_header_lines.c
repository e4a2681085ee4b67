/* Facts about header_lines.c: what is copied, linked in order, and refused. */
#include "header_lines.h"

#include <stdlib.h>
#include <string.h>

#include "test.h"

static e2b_strings_t texts(const char *const *items, size_t count) {
    return (e2b_strings_t){items, count};
}

TEST("lines are copied and linked in order in front of others, also twice") {
    char first[] = "A: 1";
    const char *const items[] = {first, "B: 2"};
    struct curl_slist last = {.data = "C: 3"};
    e2b_header_lines_t lines;
    CHECK_INT(e2b_header_lines_init(&lines, texts(items, 2), NULL), E2B_OK);
    first[3] = '9';
    for (int i = 0; i < 2; i++) {
        struct curl_slist *list = e2b_header_lines_link(&lines, &last);
        CHECK_STR(list->data, "A: 1");
        CHECK_STR(list->next->data, "B: 2");
        CHECK(list->next->next == &last);
    }
    e2b_header_lines_destroy(&lines);
    CHECK(lines.nodes == NULL);
}

TEST("a header without a value is sent as one, which libcurl would take for a wish to leave it "
     "out") {
    const char *const items[] = {"A:", "B: "};
    e2b_header_lines_t lines;
    CHECK_INT(e2b_header_lines_init(&lines, texts(items, 2), NULL), E2B_OK);
    CHECK_STR(lines.nodes[0].data, "A;");
    CHECK_STR(lines.nodes[1].data, "B;");
    e2b_header_lines_destroy(&lines);
}

TEST("none are no allocation and no list") {
    e2b_header_lines_t lines;
    CHECK_INT(e2b_header_lines_init(&lines, texts(NULL, 0), NULL), E2B_OK);
    CHECK(lines.nodes == NULL);
    CHECK(e2b_header_lines_link(&lines, NULL) == NULL);
    e2b_header_lines_destroy(&lines);
}

TEST("what is no line of a request is refused, and too much of it") {
    static const char *const wrong[] = {"", "A", ": 1", "A: 1\r\nB: 2", "A: \x7f", "A: \t"};
    e2b_header_lines_t lines;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CHECK_INT(e2b_header_lines_init(&lines, texts(&wrong[i], 1), NULL),
                  E2B_ERR_INVALID_ARGUMENT);
        CHECK(lines.nodes == NULL);
    }
    const char *many[513];
    for (size_t i = 0; i < 513; i++) many[i] = "A: 1";
    CHECK_INT(e2b_header_lines_init(&lines, texts(many, 513), NULL), E2B_ERR_INVALID_ARGUMENT);
    CHECK_INT(e2b_header_lines_init(&lines, texts(many, 512), NULL), E2B_OK);
    e2b_header_lines_destroy(&lines);
    char *huge = malloc(16385);
    CHECK(huge != NULL);
    memset(huge, 'a', 16384);
    huge[1] = ':';
    huge[16384] = '\0';
    const char *const item[] = {huge};
    CHECK_INT(e2b_header_lines_init(&lines, texts(item, 1), NULL), E2B_ERR_INVALID_ARGUMENT);
    huge[16383] = '\0';
    CHECK_INT(e2b_header_lines_init(&lines, texts(item, 1), NULL), E2B_OK);
    e2b_header_lines_destroy(&lines);
    free(huge);
}

TEST_MAIN
