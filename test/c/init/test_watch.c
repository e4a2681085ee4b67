/*
 * WATCH: every kind of change in the words of E2B, below new directories too, to several streams at
 * once; and what is said when it cannot go on.
 */
#include "../test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "box.h"

#define QUEUE_FILE "/proc/sys/fs/inotify/max_queued_events"

static box_t box;
static box_event_t event;

static int watch(uint32_t stream, const char *path, uint32_t flags) {
    box_ask(&box, stream, WIRE_WATCH, "ssu", "user", path, flags);
    wire_frame_t frame = far_next(&box.far);
    if (frame.type == WIRE_STARTED && frame.stream == stream) return 0;
    wire_reader_t reader = wire_read(&frame);
    return frame.type == WIRE_FAILED ? (int)wire_read_u32(&reader) : -1;
}

static void expect(uint32_t stream, uint32_t type, const char *name) {
    box_next_event(&box, stream, &event);
    if (event.type != type) fprintf(stderr, "  %u of %s\n", event.type, event.name);
    CHECK_INT(event.type, type);
    CHECK_STR(event.name, name);
}

/* Up to one that says this, whatever else is told. */
static void wait_for(uint32_t stream, uint32_t type, const char *name) {
    do box_next_event(&box, stream, &event);
    while (event.type != type || strcmp(event.name, name) != 0);
}

TEST("each change is told as what it is") {
    box_open(&box);
    box_mkdir(&box, "/home/user/d");
    CHECK_INT(watch(9, "/home/user/d", 0), 0);
    box_put(&box, "/home/user/d/x", "1");
    expect(9, WIRE_CREATED, "x");
    expect(9, WIRE_WRITTEN, "x");
    CHECK(chmod(box_path(&box, "/home/user/d/x"), 0600) == 0);
    expect(9, WIRE_CHMODDED, "x");
    CHECK(rename(box_path(&box, "/home/user/d/x"), box_path(&box, "/home/user/d/y")) == 0);
    expect(9, WIRE_RENAMED, "x");
    expect(9, WIRE_CREATED, "y");
    CHECK(rename(box_path(&box, "/home/user/d/y"), box_path(&box, "/home/user/y")) == 0);
    expect(9, WIRE_RENAMED, "y");
    CHECK(rename(box_path(&box, "/home/user/y"), box_path(&box, "/home/user/d/y")) == 0);
    expect(9, WIRE_CREATED, "y");
    CHECK(unlink(box_path(&box, "/home/user/d/y")) == 0);
    expect(9, WIRE_REMOVED, "y");
    box_mkdir(&box, "/home/user/d/sub");
    expect(9, WIRE_CREATED, "sub");
    box_put(&box, "/home/user/d/sub/z", "1"); /* not recursive: not told */
    CHECK(symlink("none", box_path(&box, "/home/user/d/link")) == 0);
    expect(9, WIRE_CREATED, "link");
    box_close(&box);
}

TEST("what pid 1 itself writes is told as well") {
    box_entry_t entry;
    box_open(&box);
    CHECK_INT(box_call(&box, WIRE_MKDIR, "/home/user/d"), 0);
    CHECK_INT(box_write(&box, "/home/user/d/x", NULL, "1", 1, &entry), 0);
    CHECK_INT(watch(9, "/home/user/d", 0), 0);
    box_ask(&box, 1, WIRE_WRITE, "ssl", "user", "/home/user/d/x", NULL);
    far_expect(&box.far, WIRE_STARTED, 1);
    expect(9, WIRE_WRITTEN, "x"); /* it was made empty */
    far_data(&box.far, WIRE_BYTES, 1, "new", 3);
    expect(9, WIRE_WRITTEN, "x");
    far_tell(&box.far, WIRE_END, WIRE_BYTES, 1);
    CHECK_INT(box_result_entry(&box, 1, &entry), 0);
    box_close(&box);
}

TEST("with entries, an event tells what is there by then") {
    box_open(&box);
    box_mkdir(&box, "/home/user/d");
    CHECK(symlink("d", box_path(&box, "/home/user/link")) == 0);
    CHECK_INT(watch(9, "/home/user/link", WIRE_WATCH_ENTRIES), 0);
    box_put(&box, "/home/user/d/x", "12");
    expect(9, WIRE_CREATED, "x");
    CHECK(event.has_entry);
    CHECK_STR(event.entry.path, "/home/user/link/x");
    CHECK_STR(event.entry.owner, "user");
    expect(9, WIRE_WRITTEN, "x");
    CHECK(event.has_entry && event.entry.size == 2);
    CHECK(unlink(box_path(&box, "/home/user/d/x")) == 0);
    expect(9, WIRE_REMOVED, "x");
    CHECK(!event.has_entry);
    box_close(&box);
}

TEST("directories below are watched, those that were there and those that come") {
    box_open(&box);
    box_mkdir(&box, "/home/user/d");
    box_mkdir(&box, "/home/user/d/old");
    box_mkdir(&box, "/home/user/d/old/older");
    CHECK_INT(watch(9, "/home/user/d", WIRE_WATCH_RECURSIVE), 0);
    box_put(&box, "/home/user/d/old/older/x", "1");
    expect(9, WIRE_CREATED, "old/older/x");
    expect(9, WIRE_WRITTEN, "old/older/x");
    box_mkdir(&box, "/home/user/d/new");
    expect(9, WIRE_CREATED, "new");
    /* Who has heard of it may count on what he does in it being told. */
    box_put(&box, "/home/user/d/new/y", "1");
    wait_for(9, WIRE_WRITTEN, "new/y");
    CHECK(rmdir(box_path(&box, "/home/user/d/new")) < 0);
    CHECK(unlink(box_path(&box, "/home/user/d/new/y")) == 0);
    expect(9, WIRE_REMOVED, "new/y");
    CHECK(rmdir(box_path(&box, "/home/user/d/new")) == 0);
    expect(9, WIRE_REMOVED, "new");
    box_close(&box);
}

TEST("what was in a directory before it was watched is told as created") {
    box_open(&box);
    box_mkdir(&box, "/home/user/d");
    box_mkdir(&box, "/home/user/ready");
    box_mkdir(&box, "/home/user/ready/a");
    box_mkdir(&box, "/home/user/ready/a/b");
    box_put(&box, "/home/user/ready/a/b/x", "1");
    CHECK_INT(watch(9, "/home/user/d", WIRE_WATCH_RECURSIVE), 0);
    CHECK(rename(box_path(&box, "/home/user/ready"), box_path(&box, "/home/user/d/ready")) == 0);
    expect(9, WIRE_CREATED, "ready");
    expect(9, WIRE_CREATED, "ready/a");
    expect(9, WIRE_CREATED, "ready/a/b");
    expect(9, WIRE_CREATED, "ready/a/b/x");
    box_put(&box, "/home/user/d/ready/a/b/x", "2");
    expect(9, WIRE_WRITTEN, "ready/a/b/x");
    box_close(&box);
}

TEST("a directory that is renamed goes on under its new name, and one that left is silent") {
    box_open(&box);
    box_mkdir(&box, "/home/user/d");
    box_mkdir(&box, "/home/user/d/a");
    box_mkdir(&box, "/home/user/d/a/b");
    CHECK_INT(watch(9, "/home/user/d", WIRE_WATCH_RECURSIVE), 0);
    CHECK(rename(box_path(&box, "/home/user/d/a"), box_path(&box, "/home/user/d/c")) == 0);
    expect(9, WIRE_RENAMED, "a");
    expect(9, WIRE_CREATED, "c");
    expect(9, WIRE_CREATED, "c/b");
    box_put(&box, "/home/user/d/c/b/x", "");
    expect(9, WIRE_CREATED, "c/b/x");
    CHECK(rename(box_path(&box, "/home/user/d/c"), box_path(&box, "/home/user/out")) == 0);
    expect(9, WIRE_RENAMED, "c");
    box_put(&box, "/home/user/out/b/y", "");
    box_put(&box, "/home/user/d/last", "");
    expect(9, WIRE_CREATED, "last");
    box_close(&box);
}

TEST("several streams hear of one directory, each in its own words") {
    box_open(&box);
    box_mkdir(&box, "/home/user/d");
    box_mkdir(&box, "/home/user/d/e");
    CHECK_INT(watch(7, "/home/user", WIRE_WATCH_RECURSIVE), 0);
    CHECK_INT(watch(8, "/home/user/d", WIRE_WATCH_RECURSIVE), 0);
    CHECK_INT(watch(9, "/home/user/d/e", 0), 0);
    box_mkdir(&box, "/home/user/d/e/x");
    static const char *const names[] = {"d/e/x", "e/x", "x"};
    for (bool told[3] = {false}; !(told[0] && told[1] && told[2]);) {
        wire_frame_t frame = far_next(&box.far);
        CHECK(frame.type == WIRE_EVENT && frame.stream >= 7 && frame.stream <= 9);
        wire_reader_t reader = wire_read(&frame);
        wire_string_t name = wire_read_string(&reader);
        const char *expected = names[frame.stream - 7];
        CHECK_MEM(name.data, name.len, expected, strlen(expected));
        CHECK(!told[frame.stream - 7]);
        told[frame.stream - 7] = true;
    }
    /* One that ends leaves the others theirs. */
    far_tell(&box.far, WIRE_CANCEL, 0, 8);
    far_expect(&box.far, WIRE_DONE, 8);
    far_tell(&box.far, WIRE_CANCEL, 0, 7);
    far_expect(&box.far, WIRE_DONE, 7);
    CHECK(rmdir(box_path(&box, "/home/user/d/e/x")) == 0);
    expect(9, WIRE_REMOVED, "x");
    far_tell(&box.far, WIRE_CANCEL, 0, 9);
    far_expect(&box.far, WIRE_DONE, 9);
    CHECK_INT(watch(9, "/home/user/d", 0), 0);
    CHECK(rmdir(box_path(&box, "/home/user/d/e")) == 0);
    expect(9, WIRE_REMOVED, "e");
    box_close(&box);
}

TEST("the directory's own end is told, and the stream stays") {
    box_open(&box);
    box_mkdir(&box, "/home/user/d");
    box_mkdir(&box, "/home/user/e");
    CHECK_INT(watch(9, "/home/user/d", WIRE_WATCH_RECURSIVE), 0);
    CHECK(chmod(box_path(&box, "/home/user/d"), 0700) == 0);
    expect(9, WIRE_CHMODDED, ".");
    CHECK(rmdir(box_path(&box, "/home/user/d")) == 0);
    expect(9, WIRE_REMOVED, ".");
    box_mkdir(&box, "/home/user/d");
    box_put(&box, "/home/user/d/x", "");
    CHECK_INT(watch(8, "/home/user/e", 0), 0); /* nothing came before this */
    CHECK(rename(box_path(&box, "/home/user/e"), box_path(&box, "/home/user/f")) == 0);
    expect(8, WIRE_RENAMED, ".");
    box_put(&box, "/home/user/f/x", "");
    far_tell(&box.far, WIRE_CANCEL, 0, 9);
    far_expect(&box.far, WIRE_DONE, 9);
    far_tell(&box.far, WIRE_CANCEL, 0, 8);
    far_expect(&box.far, WIRE_DONE, 8);
    box_close(&box);
}

TEST("what is no directory is not watched") {
    box_open(&box);
    box_put(&box, "/home/user/x", "");
    CHECK_INT(watch(9, "/home/user/x", 0), ENOTDIR);
    CHECK_INT(watch(9, "/home/user/none", 0), ENOENT);
    CHECK_INT(watch(9, "/home/user/none/x", WIRE_WATCH_RECURSIVE), ENOENT);
    box_ask(&box, 9, WIRE_WATCH, "ssu", "nobody-here", "/home/user", 0u);
    CHECK_INT(far_expect_failed(&box.far, 9), ESRCH);
    CHECK_INT(watch(9, "/", 0), 0);
    box_close(&box);
}

TEST("two thousand directories are watched, and looked through while others have answers") {
    char path[64];
    box_entry_t entry;
    box_open(&box);
    for (int i = 0; i < 2000; i++) {
        snprintf(path, sizeof path, "/home/user/%d", i);
        box_mkdir(&box, path);
    }
    box_ask(&box, 9, WIRE_WATCH, "ssu", "user", "/home/user", WIRE_WATCH_RECURSIVE);
    box_ask(&box, 1, WIRE_STAT, "ss", "user", "/home/user");
    CHECK_INT(box_result_entry(&box, 1, &entry), 0); /* before it stands */
    far_expect(&box.far, WIRE_STARTED, 9);
    box_put(&box, "/home/user/1999/x", "");
    expect(9, WIRE_CREATED, "1999/x");
    box_close(&box);
}

TEST("more directories than may be watched are an error that is told") {
    char path[64];
    box_open(&box);
    for (int i = 0; i < 190; i++) {
        snprintf(path, sizeof path, "/home/user/%d", i);
        box_mkdir(&box, path);
    }
    /* Each stream counts by itself: 190 times 190 is more than there may be. */
    int code = 0;
    uint32_t watching = 0;
    while (code == 0 && watching < 190) {
        code = watch(watching + 10, "/home/user", WIRE_WATCH_RECURSIVE);
        watching += code == 0;
    }
    CHECK_INT(code, ENOSPC);
    box_mkdir(&box, "/home/user/5/x"); /* also one too many, for each of them */
    while (watching > 0) {
        wire_frame_t frame = far_next(&box.far);
        CHECK(frame.type == WIRE_EVENT || frame.type == WIRE_FAILED);
        watching--;
    }
    box_close(&box);
}

TEST("when the kernel has lost events, every stream fails and says so") {
    unsigned most = 0;
    FILE *file = fopen(QUEUE_FILE, "r");
    CHECK(file != NULL && fscanf(file, "%u", &most) == 1);
    fclose(file);
    box_open(&box);
    box_mkdir(&box, "/home/user/d");
    CHECK_INT(watch(8, "/home/user", 0), 0);
    CHECK_INT(watch(9, "/home/user/d", 0), 0);
    int fd = open(box_path(&box, "/home/user/d"), O_RDONLY | O_DIRECTORY);
    CHECK(fd >= 0);
    /* Nothing is read here meanwhile, so the channel fills, then the queue. */
    CHECK(mkdirat(fd, "a", 0700) == 0);
    for (unsigned i = 0; i < most + 60000; i++)
        CHECK(renameat(fd, i % 2 ? "b" : "a", fd, i % 2 ? "a" : "b") == 0);
    close(fd);
    bool failed[2] = {false};
    while (!(failed[0] && failed[1])) {
        wire_frame_t frame = far_next(&box.far);
        CHECK(frame.stream == 8 || frame.stream == 9);
        if (frame.type == WIRE_EVENT) continue;
        wire_reader_t reader = wire_read(&frame);
        CHECK_INT(frame.type, WIRE_FAILED);
        CHECK_INT(wire_read_u32(&reader), EOVERFLOW);
        failed[frame.stream - 8] = true;
    }
    CHECK_INT(watch(9, "/home/user/d", 0), 0);
    box_put(&box, "/home/user/d/x", "");
    expect(9, WIRE_CREATED, "x");
    box_close(&box);
}

TEST("inside of a root of its own as well") {
    box_open_walls(&box);
    CHECK_INT(watch(9, "/", WIRE_WATCH_ENTRIES | WIRE_WATCH_NETWORK), 0);
    box_mkdir(&box, "/a");
    expect(9, WIRE_CREATED, "a");
    CHECK_STR(event.entry.path, "/a");
    box_close(&box);
}

TEST_MAIN
