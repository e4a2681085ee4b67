/*
 * Every file request while each allocation of pid 1 fails in its turn: each is answered, or the
 * sandbox ends; nothing is left behind, and what was not to be touched is not.
 */
#include "../test.h"

#include <errno.h>
#include <unistd.h>

#include "box.h"

static box_t box;
static bool ended; /* the sandbox */

/* The answer of stream 1, after STARTED if it has one; credits and events are passed over. */
static int answer_of(uint32_t stream, bool until_started) {
    wire_frame_t frame;
    while (!ended) {
        if (!box_try_next(&box, &frame)) {
            ended = true;
            break;
        }
        if (frame.stream != stream) continue;
        if (frame.type == WIRE_STARTED && until_started) return 0;
        if (frame.type == WIRE_DONE) return 0;
        if (frame.type != WIRE_FAILED) continue;
        wire_reader_t reader = wire_read(&frame);
        return (int)wire_read_u32(&reader);
    }
    return ECONNRESET;
}

/* What a request may come to when it, or what went before it, had no memory. */
static void check_honest(int error) {
    static const int errors[] = {0, ENOMEM, ECONNRESET, ENOENT, EEXIST, EINVAL};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (errors[i] == error) return;
    fprintf(stderr, "  it came to %s\n", strerror(error));
    CHECK(false);
}

static void write_file(const char *path) {
    static const char *const metadata[] = {"k", "v", NULL};
    box_ask(&box, 1, WIRE_WRITE, "ssl", "user", path, metadata);
    int error = answer_of(1, true);
    check_honest(error);
    if (error != 0 || ended) return;
    far_data(&box.far, WIRE_BYTES, 1, "hello", 5);
    far_tell(&box.far, WIRE_END, WIRE_BYTES, 1);
    check_honest(answer_of(1, false));
}

static void ask_all(void) {
    static const char *const parts[] = {"/home/user/a", "/home/user/b", NULL};
    write_file("/home/user/a");
    write_file("/home/user/b");
    box_ask(&box, 1, WIRE_STAT, "ss", "user", "/home/user/a");
    check_honest(answer_of(1, false));
    box_ask(&box, 1, WIRE_READ, "ssii", "user", "/home/user/a", (int64_t)0, (int64_t)-1);
    check_honest(answer_of(1, false));
    box_ask(&box, 1, WIRE_COMPOSE, "sls", "user", parts, "/home/user/d/whole");
    check_honest(answer_of(1, false));
    box_ask(&box, 2, WIRE_WATCH, "ssu", "user", "/home/user",
            WIRE_WATCH_RECURSIVE | WIRE_WATCH_ENTRIES);
    check_honest(answer_of(2, true));
    box_ask(&box, 1, WIRE_MKDIR, "ss", "user", "/home/user/d/e/f");
    check_honest(answer_of(1, false));
    box_ask(&box, 1, WIRE_LIST, "ssuu", "user", "/home/user", 9u, 100u);
    check_honest(answer_of(1, false));
    box_ask(&box, 1, WIRE_MOVE, "sss", "user", "/home/user/d", "/home/user/moved");
    check_honest(answer_of(1, false));
    box_ask(&box, 1, WIRE_REMOVE, "ss", "user", "/home/user/moved");
    check_honest(answer_of(1, false));
    box_ask(&box, 2, WIRE_CANCEL, "");
    if (!ended) box_ask(&box, 1, WIRE_STAT, "ss", "user", "/home/user/kept/x");
    check_honest(answer_of(1, false));
}

static void move_across(void) {
    write_file("/home/user/d/x");
    box_ask(&box, 1, WIRE_MOVE, "sss", "user", "/home/user/d", "/other/e/d");
    check_honest(answer_of(1, false));
    box_ask(&box, 1, WIRE_LIST, "ssuu", "user", "/other", 9u, 100u);
    check_honest(answer_of(1, false));
}

/* Whether an allocation has failed. */
static bool attempt(bool walls, long successes, bool all) {
    wire_frame_t frame;
    box_open_failing(&box, walls, successes, all);
    box_mkdir(&box, "/home/user/kept");
    box_put(&box, "/home/user/kept/x", "1");
    ended = !box_try_next(&box, &frame);
    (walls ? move_across : ask_all)();
    CHECK(box_exists(&box, "/home/user/kept/x"));
    return box_close_failing(&box);
}

static void try_all(bool walls, long at_least) {
    for (int all = 0; all < 2; all++) {
        long n = 0;
        while (attempt(walls, n, all == 1)) CHECK(++n < 1000);
        CHECK(n >= at_least); /* or nothing was tried */
    }
}

TEST("file requests without memory are answered, or the sandbox ends") {
    try_all(false, 40);
}

TEST("so is a move to another file system") {
    try_all(true, 15);
}

TEST_MAIN
