/*
 * What goes between programs and streams: every byte, in both directions, at the pace of whoever is
 * slower; and terminals.
 */
#include "../test.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "pid1.h"
#include "program.h"

static pid1_t pid1;
static told_t told;

static void begin(void) {
    memset(&told, 0, sizeof told);
    pid1_start(&pid1);
}

static void finish(void) {
    CHECK_INT(pid1_stop(&pid1), 0);
}

/* What the far end knows of one stream's input. */
typedef struct feed {
    uint32_t window;
    size_t sent, got, largest;
    bool input_ended, exited, done;
} feed_t;

static char byte_at(size_t at) {
    return (char)(at * 31 + at / 251);
}

static void check_bytes(feed_t *feed, const wire_frame_t *frame) {
    for (size_t i = 0; i < frame->len; i++)
        CHECK((char)frame->payload[i] == byte_at(feed->got + i));
    feed->got += frame->len;
    if (frame->len > feed->largest) feed->largest = frame->len;
}

static void take(feed_t *feed, const wire_frame_t *frame) {
    wire_reader_t reader = wire_read(frame);
    if (frame->type == WIRE_CREDIT) feed->window += wire_read_u32(&reader);
    if (frame->type == WIRE_END && frame->channel == WIRE_STDIN) feed->input_ended = true;
    if (frame->type == WIRE_EXITED) feed->exited = wire_read_i64(&reader) == 0;
    if (frame->type == WIRE_DONE) feed->done = true;
    if (frame->type != WIRE_DATA) return;
    check_bytes(feed, frame);
    far_credit(&pid1.far, frame->stream, (uint32_t)frame->len);
}

TEST("megabytes go through a program and come back as they were") {
    enum { ALL = 3 * 1024 * 1024 + 17, PIECE = 50000 };
    static char piece[PIECE];
    feed_t feed = {.window = WIRE_WINDOW};
    begin();
    program_shell(&pid1.far, 1, WIRE_SPAWN_STDIN, "exec cat");
    program_started(&pid1.far, 1);
    while (!feed.done) {
        size_t len = ALL - feed.sent < PIECE ? ALL - feed.sent : PIECE;
        if (feed.sent < ALL && feed.window >= len) {
            for (size_t i = 0; i < len; i++) piece[i] = byte_at(feed.sent + i);
            far_data(&pid1.far, WIRE_STDIN, 1, piece, len);
            feed.sent += len;
            feed.window -= (uint32_t)len;
            if (feed.sent == ALL) far_tell(&pid1.far, WIRE_END, WIRE_STDIN, 1);
        } else {
            wire_frame_t frame = far_next(&pid1.far);
            take(&feed, &frame);
        }
    }
    CHECK(feed.exited);
    CHECK_INT(feed.got, ALL);
    CHECK(feed.largest <= 32 * 1024);
    finish();
}

TEST("input that a program does not take waits, within the window, and holds up nobody") {
    static const char block[32 * 1024];
    begin();
    program_shell(&pid1.far, 1, WIRE_SPAWN_STDIN, "read line; wc -c");
    program_started(&pid1.far, 1);
    far_data(&pid1.far, WIRE_STDIN, 1, "", 0);
    for (size_t sent = 0; sent < WIRE_WINDOW; sent += sizeof block)
        far_data(&pid1.far, WIRE_STDIN, 1, block, sizeof block);
    far_tell(&pid1.far, WIRE_END, WIRE_STDIN, 1);
    program_shell(&pid1.far, 2, 0, "echo other");
    program_listen(&pid1.far, 2, &told); /* what stream 1 says meanwhile is credit */
    CHECK_STR(told.text[WIRE_STDOUT], "other\n");
    program_signal(&pid1.far, 1, SIGKILL);
    memset(&told, 0, sizeof told);
    program_listen(&pid1.far, 1, &told);
    CHECK_INT(told.signal, SIGKILL);
    finish();
}

TEST("without stdin there is nothing to read, and what is sent is thrown away") {
    begin();
    program_shell(&pid1.far, 1, 0, "cat; echo end; exec sleep 1000");
    program_started(&pid1.far, 1);
    program_listen_for(&pid1.far, 1, &told, WIRE_STDOUT, "end\n");
    CHECK_STR(told.text[WIRE_STDOUT], "end\n");
    static const char block[WIRE_MAX_DATA];
    far_data(&pid1.far, WIRE_STDIN, 1, block, sizeof block);
    far_expect(&pid1.far, WIRE_CREDIT, 1);
    finish();
}

TEST("a program that closes its input is told of, and more for it is thrown away") {
    static const char block[WIRE_MAX_DATA];
    feed_t feed = {.window = WIRE_WINDOW};
    begin();
    program_shell(&pid1.far, 1, WIRE_SPAWN_STDIN, "exec <&-; exec sleep 1000");
    program_started(&pid1.far, 1);
    while (!feed.input_ended) {
        wire_frame_t frame = far_next(&pid1.far);
        take(&feed, &frame);
    }
    for (int i = 0; i < 8; i++) {
        far_data(&pid1.far, WIRE_STDIN, 1, block, sizeof block);
        far_expect(&pid1.far, WIRE_CREDIT, 1);
    }
    finish();
}

TEST("what a dead program left unread is credited") {
    static const char block[WIRE_MAX_DATA];
    feed_t feed = {.window = 0};
    begin();
    program_shell(&pid1.far, 1, WIRE_SPAWN_STDIN, "sleep 1000 </dev/null & exec sleep 1000");
    program_started(&pid1.far, 1);
    for (int i = 0; i < 4; i++) far_data(&pid1.far, WIRE_STDIN, 1, block, sizeof block);
    program_signal(&pid1.far, 1, SIGKILL);
    while (feed.window < WIRE_WINDOW) { /* the pipe held some of it, or not yet */
        wire_frame_t frame = far_next(&pid1.far);
        take(&feed, &frame);
    }
    CHECK_INT(feed.window, WIRE_WINDOW);
    finish();
}

TEST("an output flood stops at its window, loses nothing, and goes on with credit") {
    begin();
    program_shell(&pid1.far, 1, 0, "exec seq 1 200000");
    program_started(&pid1.far, 1);
    size_t got = 0;
    while (got < WIRE_WINDOW) got += far_expect(&pid1.far, WIRE_DATA, 1).len;
    CHECK_INT(got, WIRE_WINDOW);
    program_run(&pid1.far, "echo neighbour", &told);
    CHECK_STR(told.text[WIRE_STDOUT], "neighbour\n");
    CHECK(!far_waits(&pid1.far, 0));
    far_credit(&pid1.far, 1, WIRE_WINDOW);
    memset(&told, 0, sizeof told);
    program_listen(&pid1.far, 1, &told);
    CHECK_INT(got + told.len[WIRE_STDOUT], 1288895);
    CHECK_INT(told.status, 0);
    finish();
}

TEST("a killed flood is done once what it had written is read") {
    begin();
    program_shell(&pid1.far, 1, 0, "exec yes");
    program_started(&pid1.far, 1);
    size_t got = 0;
    while (got < WIRE_WINDOW) got += far_expect(&pid1.far, WIRE_DATA, 1).len;
    program_signal(&pid1.far, 1, SIGKILL);
    far_expect(&pid1.far, WIRE_EXITED, 1);
    CHECK(!far_waits(&pid1.far, 0));
    far_credit(&pid1.far, 1, WIRE_WINDOW);
    program_listen(&pid1.far, 1, &told);
    CHECK(told.ended[WIRE_STDOUT] && told.ended[WIRE_STDERR]);
    finish();
}

TEST("a channel that a program closes ends, and the other goes on") {
    begin();
    program_shell(&pid1.far, 1, WIRE_SPAWN_STDIN, "exec >&-; read x; echo more >&2");
    program_started(&pid1.far, 1);
    wire_frame_t frame = far_expect(&pid1.far, WIRE_END, 1);
    CHECK_INT(frame.channel, WIRE_STDOUT);
    far_data(&pid1.far, WIRE_STDIN, 1, "\n", 1);
    program_listen(&pid1.far, 1, &told);
    CHECK_STR(told.text[WIRE_STDERR], "more\n");
    finish();
}

/* ---- terminals ---- */

static void start_terminal(const char *line) {
    begin();
    program_shell(&pid1.far, 1, WIRE_SPAWN_PTY, line);
    program_started(&pid1.far, 1);
}

static void type(const char *text) {
    far_data(&pid1.far, WIRE_PTY, 1, text, strlen(text));
}

TEST("a terminal is all three of a program's stdio, and its own, of the size that was asked for") {
    start_terminal(
        "tty; tty <&2; [ -t 1 ] && stty size; ps -o tty= -p $$; : >/dev/tty && echo own");
    program_listen(&pid1.far, 1, &told);
    const char *first = told.text[WIRE_PTY], *second = strchr(first, '\n');
    CHECK(strncmp(first, "/dev/pts/", 9) == 0 && second != NULL);
    CHECK(strncmp(first, second + 1, (size_t)(second - first)) == 0);
    CHECK(strstr(second, "24 80\r\npts/") != NULL && strstr(second, "own\r\n") != NULL);
    CHECK(told.ended[WIRE_PTY] && told.exited && told.status == 0);
    CHECK(!told.ended[WIRE_STDOUT] && !told.ended[WIRE_STDERR]);
    finish();
}

TEST("what is typed is echoed and read, and a line's end is the terminal's") {
    start_terminal("read a b; echo \"<$a|$b>\"");
    type("one two\r");
    program_listen(&pid1.far, 1, &told);
    CHECK_STR(told.text[WIRE_PTY], "one two\r\n<one|two>\r\n");
    finish();
}

TEST("another size is seen, and told by SIGWINCH") {
    start_terminal("trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.01; done");
    program_listen_for(&pid1.far, 1, &told, WIRE_PTY, "ready");
    far_begin(&pid1.far, WIRE_RESIZE, 0, 1);
    wire_put_u32(&pid1.far.writer, 132);
    wire_put_u32(&pid1.far.writer, 43);
    far_send(&pid1.far);
    program_listen(&pid1.far, 1, &told);
    CHECK(strstr(told.text[WIRE_PTY], "43 132\r\n") != NULL);
    finish();
}

TEST("control-C interrupts, and control-D ends the input") {
    start_terminal("trap 'echo caught; exit' INT; echo ready; while :; do sleep 0.01; done");
    program_listen_for(&pid1.far, 1, &told, WIRE_PTY, "ready");
    type("\003");
    program_listen(&pid1.far, 1, &told);
    CHECK(strstr(told.text[WIRE_PTY], "^Ccaught") != NULL);
    finish();

    memset(&told, 0, sizeof told);
    start_terminal("cat; echo over");
    far_tell(&pid1.far, WIRE_END, WIRE_PTY, 1); /* is none of a terminal's */
    type("line\r\004");
    program_listen(&pid1.far, 1, &told);
    CHECK_STR(told.text[WIRE_PTY], "line\r\nline\r\nover\r\n");
    finish();
}

TEST("a terminal's flood comes whole, in small frames") {
    enum { LINES = 40000 };
    start_terminal("stty -opost; exec seq 1 40000");
    size_t got = 0, largest = 0;
    for (bool more = true; more;) {
        wire_frame_t frame = far_next(&pid1.far);
        more = frame.type != WIRE_DONE;
        if (frame.type != WIRE_DATA) continue;
        got += frame.len;
        if (frame.len > largest) largest = frame.len;
        far_credit(&pid1.far, 1, (uint32_t)frame.len);
    }
    CHECK_INT(got, 228894);
    CHECK(largest <= 16 * 1024);
    finish();
}

TEST("a program that has ended hangs up its terminal's others") {
    start_terminal("sleep 1000 & exit 0");
    program_listen(&pid1.far, 1, &told);
    CHECK(told.exited && told.ended[WIRE_PTY]);
    finish();
}

TEST_MAIN
