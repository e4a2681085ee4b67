/*
 * COMPOSE: several files become one, in one step, or nothing has happened.
 */
#include "../test.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "box.h"

static box_t box;
static box_entry_t entry;

static int compose(const char *const *sources, const char *destination) {
    box_ask(&box, 1, WIRE_COMPOSE, "sls", "user", sources, destination);
    return box_result_entry(&box, 1, &entry);
}

TEST("files are joined in their order, and go") {
    static const char *const sources[] = {"/home/user/b", "/home/user/a", "/home/user/c", NULL};
    box_open(&box);
    box_put(&box, "/home/user/a", "one ");
    box_put(&box, "/home/user/b", "two ");
    box_put(&box, "/home/user/c", "");
    box_put(&box, "/home/user/whole", "what was there");
    CHECK_INT(compose(sources, "/home/user/new/whole"), 0);
    CHECK_STR(entry.path, "/home/user/new/whole");
    CHECK_INT(entry.size, 8);
    CHECK_INT(entry.mode, S_IFREG | 0644);
    CHECK_STR(box_text(&box, "/home/user/new/whole"), "two one ");
    CHECK(!box_exists(&box, "/home/user/a") && !box_exists(&box, "/home/user/c"));
    box_close(&box);
}

TEST("large files with holes are joined with their holes") {
    static const char *const sources[] = {"/home/user/a", "/home/user/b", NULL};
    struct stat st;
    char bytes[16];
    size_t len;
    box_open(&box);
    box_put(&box, "/home/user/a", "begin");
    box_put(&box, "/home/user/b", "end");
    CHECK(truncate(box_path(&box, "/home/user/a"), INT64_C(1) << 36) == 0);
    CHECK_INT(compose(sources, "/home/user/x"), 0);
    CHECK(entry.size == (INT64_C(1) << 36) + 3);
    CHECK(stat(box_path(&box, "/home/user/x"), &st) == 0);
    CHECK(st.st_blocks < 1000);
    CHECK_INT(
        box_read(&box, "/home/user/x", INT64_C(1) << 36, -1, bytes, sizeof bytes, &len, &entry), 0);
    CHECK_MEM(bytes, len, "end", 3);
    box_close(&box);
}

TEST("when one source cannot be had, everything stays as it was") {
    static const char *const missing[] = {"/home/user/a", "/home/user/none", NULL};
    static const char *const directory[] = {"/home/user/a", "/home/user/d", NULL};
    static const char *const hosts[] = {"/home/user/a", "/etc/passwd", NULL};
    static const char *const itself[] = {"/home/user/a", "/home/user/l/whole", NULL};
    box_open(&box);
    box_put(&box, "/home/user/a", "one");
    box_put(&box, "/home/user/whole", "old");
    box_mkdir(&box, "/home/user/d");
    CHECK(symlink(".", box_path(&box, "/home/user/l")) == 0);
    CHECK_INT(compose(missing, "/home/user/whole"), ENOENT);
    CHECK_INT(compose(directory, "/home/user/whole"), EISDIR);
    CHECK_INT(compose(hosts, "/home/user/whole"), EACCES);
    CHECK_INT(compose(itself, "/home/user/whole"), EINVAL);
    CHECK_INT(compose(NULL, "/home/user/whole"), EINVAL);
    static const char *const one[] = {"/home/user/a", NULL};
    CHECK_INT(compose(one, "/home/user/d"), EISDIR);
    CHECK_INT(compose(one, "/etc/e2b-never"), EACCES);
    CHECK_STR(box_text(&box, "/home/user/whole"), "old");
    CHECK_STR(box_text(&box, "/home/user/a"), "one");
    box_close(&box);
}

TEST("what is joined is the user's who asked, also when its parts were not") {
    static const char *const sources[] = {"/app/x", NULL};
    box_open_walls(&box);
    box_mkdir(&box, "/app");
    box_put(&box, "/app/x", "1");
    CHECK_INT(compose(sources, "/y"), 0);
    CHECK_STR(entry.owner, box.has_users ? "user" : "root");
    box_close(&box);
}

TEST("one that is given up leaves nothing behind") {
    static const char *const sources[] = {"/home/user/a", "/home/user/b", NULL};
    wire_writer_t *writer = &box.far.writer;
    box_open(&box);
    box_put(&box, "/home/user/a", "1");
    box_put(&box, "/home/user/b", "2");
    /* Both frames at once, so that it has begun and cannot have ended. */
    far_begin(&box.far, WIRE_COMPOSE, 0, 7);
    wire_put_text(writer, "user");
    wire_put_u32(writer, 2);
    for (size_t i = 0; i < 2; i++) wire_put_text(writer, sources[i]);
    wire_put_text(writer, "/home/user/d/whole");
    CHECK(wire_end(writer));
    far_tell(&box.far, WIRE_CANCEL, 0, 7);
    CHECK_INT(far_next(&box.far).type, WIRE_DONE);
    CHECK_INT(rmdir(box_path(&box, "/home/user/d")), 0);
    CHECK_STR(box_text(&box, "/home/user/b"), "2");
    box_close(&box);
}

TEST_MAIN
