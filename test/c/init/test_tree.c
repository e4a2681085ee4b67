/*
 * LIST, MKDIR, MOVE, REMOVE: what they do, what they refuse, and that a large tree holds up nobody.
 */
#include "../test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "box.h"

#define MOST 200

static box_t box;
static box_entry_t entry;

static char listed[MOST][256]; /* paths, sorted */
static size_t listed_count;

static int by_text(const void *a, const void *b) {
    return strcmp(a, b);
}

/* 0 or the errno of a LIST, whose entries are `listed`, as far as they have room. */
static int list(const char *path, uint32_t depth, uint32_t most) {
    listed_count = 0;
    box_ask(&box, 3, WIRE_LIST, "ssuu", "user", path, depth, most);
    for (;;) {
        wire_frame_t frame = far_next(&box.far);
        wire_reader_t reader = wire_read(&frame);
        if (frame.type == WIRE_ENTRY && listed_count < MOST) {
            box_read_entry(&reader, &entry);
            CHECK(strlen(entry.path) < sizeof listed[0]);
            memcpy(listed[listed_count++], entry.path, strlen(entry.path) + 1);
        } else if (frame.type != WIRE_ENTRY) {
            qsort(listed, listed_count, sizeof listed[0], by_text);
            return frame.type == WIRE_FAILED ? (int)wire_read_u32(&reader) : 0;
        }
    }
}

static int move(const char *from, const char *to) {
    box_ask(&box, 1, WIRE_MOVE, "sss", "user", from, to);
    return box_result_entry(&box, 1, &entry);
}

static void shell(const char *format, const char *path) {
    char line[PATH_MAX + 512];
    snprintf(line, sizeof line, format, path);
    CHECK_INT(system(line), 0);
}

/* ---- MKDIR ---- */

TEST("a directory is made with its parents, once") {
    box_open(&box);
    box_put(&box, "/home/user/file", "");
    CHECK_INT(box_call(&box, WIRE_MKDIR, "/home/user/a/b/c"), 0);
    CHECK_INT(box_call(&box, WIRE_MKDIR, "/home/user/a/b/c"), EEXIST);
    CHECK_INT(box_call(&box, WIRE_MKDIR, "/home/user/a/b"), EEXIST);
    CHECK_INT(box_call(&box, WIRE_MKDIR, "/home/user/file"), ENOTDIR);
    CHECK_INT(box_call(&box, WIRE_MKDIR, "/home/user/file/x"), ENOTDIR);
    CHECK_INT(box_call(&box, WIRE_MKDIR, "/e2b-never"), EACCES);
    CHECK_INT(box_call(&box, WIRE_MKDIR, "/e2b-never/x"), EACCES);
    CHECK_INT(box_stat(&box, "/home/user/a/b", &entry), 0);
    CHECK_INT(entry.mode, S_IFDIR | 0755);
    box_close(&box);
}

/* ---- LIST ---- */

TEST("a list goes as deep as asked, and follows no link but the first") {
    box_open(&box);
    box_mkdir(&box, "/home/user/d");
    box_mkdir(&box, "/home/user/d/e");
    box_mkdir(&box, "/home/user/d/e/f");
    box_put(&box, "/home/user/d/x", "");
    box_put(&box, "/home/user/d/e/y", "");
    CHECK(symlink("e", box_path(&box, "/home/user/d/link")) == 0);
    CHECK(symlink("d", box_path(&box, "/home/user/top")) == 0);
    CHECK_INT(list("/home/user/d", 1, MOST), 0);
    CHECK_INT(listed_count, 3);
    CHECK_STR(listed[0], "/home/user/d/e");
    CHECK_STR(listed[1], "/home/user/d/link");
    CHECK_STR(listed[2], "/home/user/d/x");
    CHECK_INT(list("/home/user/d", 0, MOST), 0);
    CHECK_INT(listed_count, 3);
    CHECK_INT(list("/home/user/d", 2, MOST), 0);
    CHECK_INT(listed_count, 5);
    CHECK_INT(list("/home/user/top", UINT32_MAX, MOST), 0);
    CHECK_INT(listed_count, 5);
    CHECK_STR(listed[1], "/home/user/top/e/f");
    CHECK_STR(listed[2], "/home/user/top/e/y");
    CHECK_INT(list("/home/user/d/e/f", 1, MOST), 0);
    CHECK_INT(listed_count, 0);
    box_close(&box);
}

TEST("a listed link is told as what it comes to, with its metadata") {
    box_open(&box);
    box_mkdir(&box, "/home/user/d");
    box_put(&box, "/home/user/x", "12345");
    CHECK(setxattr(box_path(&box, "/home/user/x"), "user.e2b.k", "v", 1, 0) == 0);
    CHECK(symlink("../x", box_path(&box, "/home/user/d/link")) == 0);
    CHECK_INT(list("/home/user/d", 1, MOST), 0);
    CHECK_INT(listed_count, 1);
    CHECK_STR(entry.path, "/home/user/d/link");
    CHECK_STR(entry.link, "/home/user/x");
    CHECK_STR(entry.metadata, "k=v;");
    CHECK_INT(entry.type, WIRE_FILE);
    CHECK_STR(entry.owner, "user");
    box_close(&box);
}

TEST("what is no directory is not listed, and more than wanted is said") {
    box_open(&box);
    box_mkdir(&box, "/home/user/d");
    box_put(&box, "/home/user/d/x", "");
    box_put(&box, "/home/user/d/y", "");
    CHECK(symlink("self", box_path(&box, "/home/user/self")) == 0);
    CHECK_INT(list("/home/user/d/x", 1, MOST), ENOTDIR);
    CHECK_INT(list("/home/user/none", 1, MOST), ENOENT);
    CHECK_INT(list("/home/user/self", 1, MOST), ELOOP);
    CHECK_INT(list("/home/user/d", 1, 2), 0);
    CHECK_INT(list("/home/user/d", 1, 1), E2BIG);
    CHECK_INT(listed_count, 1);
    CHECK_INT(list("/home/user/d", 1, 0), E2BIG);
    box_close(&box);
}

TEST("a list of 200,000 entries does not stop another stream's answers") {
    box_open(&box);
    box_mkdir(&box, "/home/user/many");
    /* Names of one file: the quickest way to that many entries. */
    box_put(&box, "/home/user/many/0", "");
    int fd = open(box_path(&box, "/home/user/many"), O_RDONLY | O_DIRECTORY);
    CHECK(fd >= 0);
    char name[16], source[16] = "0";
    for (unsigned i = 1; i < 200000; i++) {
        snprintf(name, sizeof name, "%u", i);
        /* ext4 takes 65,000 links to a file. */
        if (i % 60000 == 0) {
            int file = openat(fd, name, O_WRONLY | O_CREAT, 0644);
            CHECK(file >= 0);
            close(file);
            memcpy(source, name, sizeof name);
        } else {
            CHECK(linkat(fd, source, fd, name, 0) == 0);
        }
    }
    close(fd);
    /* An answer among the entries, again and again: before the last one is told, hundreds of
     * others have theirs. */
    box_ask(&box, 3, WIRE_LIST, "ssuu", "user", "/home/user/many", 1u, 300000u);
    size_t entries = 0, answers = 0;
    for (bool over = false; !over;) {
        box_ask(&box, 4, WIRE_STAT, "ss", "user", "/home/user");
        for (bool answered = false; !answered;) {
            wire_frame_t frame = far_next(&box.far);
            entries += frame.type == WIRE_ENTRY;
            answered = frame.stream == 4;
            over = over || (frame.type == WIRE_DONE && frame.stream == 3);
            CHECK(frame.type != WIRE_FAILED);
        }
        answers += !over;
    }
    CHECK_INT(entries, 200000);
    CHECK(answers > 100);
    CHECK_INT(box_call(&box, WIRE_REMOVE, "/home/user/many"), 0);
    CHECK(!box_exists(&box, "/home/user/many"));
    box_close(&box);
}

TEST("a list that is given up ends") {
    box_open(&box);
    box_mkdir(&box, "/home/user/d");
    for (int i = 0; i < 100; i++) {
        char path[64];
        snprintf(path, sizeof path, "/home/user/d/%d", i);
        box_put(&box, path, "");
    }
    box_ask(&box, 3, WIRE_LIST, "ssuu", "user", "/", 100u, 1000000u);
    far_tell(&box.far, WIRE_CANCEL, 0, 3);
    while (far_next(&box.far).type == WIRE_ENTRY) continue;
    CHECK_INT(list("/home/user/d", 1, MOST), 0);
    CHECK_INT(listed_count, 100);
    box_close(&box);
}

/* ---- REMOVE ---- */

TEST("whatever is there is removed, and what is not there is well") {
    box_open(&box);
    box_put(&box, "/home/user/x", "");
    box_put(&box, "/home/user/kept", "");
    box_mkdir(&box, "/home/user/d");
    CHECK(symlink("kept", box_path(&box, "/home/user/d/link")) == 0);
    CHECK(symlink("d", box_path(&box, "/home/user/top")) == 0);
    CHECK(mkfifo(box_path(&box, "/home/user/d/pipe"), 0600) == 0);
    CHECK_INT(box_call(&box, WIRE_REMOVE, "/home/user/x"), 0);
    CHECK_INT(box_call(&box, WIRE_REMOVE, "/home/user/x"), 0);
    CHECK_INT(box_call(&box, WIRE_REMOVE, "/home/user/none/x"), 0);
    CHECK_INT(box_call(&box, WIRE_REMOVE, "/home/user/kept/x"), ENOTDIR);
    CHECK_INT(box_call(&box, WIRE_REMOVE, "/home/user/top"), 0);
    CHECK(box_exists(&box, "/home/user/d"));
    CHECK_INT(box_call(&box, WIRE_REMOVE, "/home/user/d"), 0);
    CHECK(!box_exists(&box, "/home/user/d") && box_exists(&box, "/home/user/kept"));
    CHECK_INT(box_call(&box, WIRE_REMOVE, "/"), EBUSY);
    CHECK_INT(box_call(&box, WIRE_REMOVE, "/etc"), EACCES);
    CHECK_INT(box_call(&box, WIRE_REMOVE, "/tmp"), EACCES);
    box_close(&box);
}

TEST("a tree that is deeper than any path is removed") {
    box_open(&box);
    box_mkdir(&box, "/home/user/deep");
    int fd = open(box_path(&box, "/home/user/deep"), O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < 3000; i++) {
        CHECK(mkdirat(fd, "level", 0755) == 0);
        int next = openat(fd, "level", O_RDONLY | O_DIRECTORY);
        CHECK(next >= 0);
        close(fd);
        fd = next;
    }
    close(fd);
    CHECK_INT(box_call(&box, WIRE_REMOVE, "/home/user/deep"), 0);
    CHECK(!box_exists(&box, "/home/user/deep"));
    box_close(&box);
}

TEST("links in a tree that goes lead nowhere") {
    box_open(&box);
    box_mkdir(&box, "/home/user/kept");
    box_put(&box, "/home/user/kept/x", "");
    box_mkdir(&box, "/home/user/d");
    box_mkdir(&box, "/home/user/d/e");
    CHECK(symlink("/home/user/kept", box_path(&box, "/home/user/d/a")) == 0);
    CHECK(symlink("../../kept", box_path(&box, "/home/user/d/e/b")) == 0);
    CHECK(symlink("..", box_path(&box, "/home/user/d/e/c")) == 0);
    CHECK_INT(box_call(&box, WIRE_REMOVE, "/home/user/d"), 0);
    CHECK(box_exists(&box, "/home/user/kept/x"));
    box_close(&box);
}

/* ---- MOVE ---- */

TEST("a thing is moved, over another of its kind too, with its parents") {
    box_open(&box);
    box_put(&box, "/home/user/x", "new");
    box_put(&box, "/home/user/y", "old");
    box_mkdir(&box, "/home/user/d");
    box_put(&box, "/home/user/d/z", "");
    CHECK_INT(move("/home/user/x", "/home/user/y"), 0);
    CHECK_STR(entry.path, "/home/user/y");
    CHECK_STR(box_text(&box, "/home/user/y"), "new");
    CHECK(!box_exists(&box, "/home/user/x"));
    CHECK_INT(move("/home/user/d", "/home/user/a/b/d"), 0);
    CHECK_INT(entry.type, WIRE_DIRECTORY);
    CHECK(box_exists(&box, "/home/user/a/b/d/z"));
    CHECK_INT(move("/home/user/none", "/home/user/q/x"), ENOENT);
    CHECK(!box_exists(&box, "/home/user/q"));
    CHECK_INT(move("/home/user/y", "/home/user/a"), EISDIR);
    CHECK_INT(move("/home/user/a", "/home/user/y"), ENOTDIR);
    CHECK_INT(move("/home/user/a", "/home/user/a/b/c"), EINVAL);
    CHECK_INT(move("/etc/passwd", "/home/user/p"), EACCES);
    CHECK_INT(move("/home/user/y", "/etc/e2b-never"), EACCES);
    box_close(&box);
}

TEST("a link is moved, not what it names") {
    box_open(&box);
    box_put(&box, "/home/user/x", "1");
    CHECK(symlink("x", box_path(&box, "/home/user/link")) == 0);
    CHECK_INT(move("/home/user/link", "/home/user/moved"), 0);
    CHECK_STR(entry.link, "/home/user/x");
    CHECK(box_exists(&box, "/home/user/x") && !box_exists(&box, "/home/user/link"));
    box_close(&box);
}

static bool same_time(const struct stat *st, time_t seconds) {
    return st->st_mtim.tv_sec == seconds;
}

TEST("a file is moved to another file system with all that it has") {
    struct stat st;
    box_open_walls(&box);
    box_put(&box, "/home/user/x", "hello");
    const char *x = box_path(&box, "/home/user/x");
    const struct timespec times[2] = {{5, 0}, {1234567890, 0}};
    if (box.has_users) CHECK(chown(x, 1001, 50) == 0);
    CHECK(setxattr(x, "user.e2b.k", "v", 1, 0) == 0);
    CHECK(truncate(x, INT64_C(1) << 30) == 0);
    CHECK(chmod(x, 04751) == 0);
    CHECK(utimensat(AT_FDCWD, x, times, 0) == 0);
    CHECK_INT(move("/home/user/x", "/other/d/x"), 0);
    CHECK(!box_exists(&box, "/home/user/x"));
    CHECK_STR(entry.path, "/other/d/x");
    CHECK_STR(entry.owner, box.has_users ? "other" : "root");
    CHECK_STR(entry.group, box.has_users ? "staff" : "root");
    CHECK_INT(entry.mode, S_IFREG | 04751);
    CHECK(entry.mtime_ns == INT64_C(1234567890000000000));
    CHECK_INT(entry.size, INT64_C(1) << 30);
    /* And back, over what is there by now; its holes are still holes. */
    box_put(&box, "/home/user/x", "old");
    CHECK_INT(move("/other/d/x", "/home/user/x"), 0);
    CHECK(stat(box_path(&box, "/home/user/x"), &st) == 0);
    CHECK(st.st_blocks < 1000 && same_time(&st, 1234567890));
    CHECK_INT(box_stat(&box, "/other/d/x", &entry), ENOENT);
    box_close(&box);
}

TEST("a tree is moved to another file system and back as it was") {
    box_open_walls(&box);
    box_mkdir(&box, "/home/user/tree");
    const char *tree = box_path(&box, "/home/user/tree");
    shell("cd %s && mkdir -p a/b/c empty && echo one > a/x && echo two > a/b/y && "
          "ln -s ../a/x link && ln -s /none broken && ln a/x hard && mkfifo pipe && "
          "dd if=/dev/urandom of=a/large bs=1024 count=3000 status=none && chmod 700 a/b && "
          "chmod 1777 empty && touch -h -d 2001-02-03 link && touch -d 2002-03-04 a/b a empty && "
          "i=0; while [ $i -lt 300 ]; do echo $i > a/b/c/$i; i=$((i+1)); done; "
          "touch -d 2003-04-05 a/b/c .",
          tree);
    char before[256], after[256], line[PATH_MAX + 256];
    static const char *const sum = "cd %s && { find . -printf '%%P %%y %%m %%u %%g %%l %%T@\\n' | "
                                   "grep -v '^hard\\|^a/x\\|^pipe' | sort; cat a/large a/b/c/*; } "
                                   "| cksum > %s.sum";
    snprintf(line, sizeof line, sum, tree, box.top);
    CHECK_INT(system(line), 0);
    snprintf(line, sizeof line, "%s.sum", box.top);
    FILE *file = fopen(line, "r");
    CHECK(file != NULL && fgets(before, sizeof before, file) != NULL);
    fclose(file);

    CHECK_INT(move("/home/user/tree", "/other/tree"), 0);
    CHECK_INT(entry.type, WIRE_DIRECTORY);
    CHECK(!box_exists(&box, "/home/user/tree"));
    CHECK_INT(move("/other/tree", "/home/user/tree"), 0);
    CHECK_INT(list("/other", 5, MOST), 0);
    CHECK_INT(listed_count, 0);

    snprintf(line, sizeof line, sum, tree, box.top);
    CHECK_INT(system(line), 0);
    snprintf(line, sizeof line, "%s.sum", box.top);
    file = fopen(line, "r");
    CHECK(file != NULL && fgets(after, sizeof after, file) != NULL);
    fclose(file);
    CHECK(unlink(line) == 0);
    CHECK_STR(after, before);
    box_close(&box);
}

TEST("what cannot be moved to another file system leaves nothing behind there") {
    box_open_walls(&box);
    CHECK_INT(box_call(&box, WIRE_MKDIR, "/other/full/x"), 0);
    CHECK_INT(box_write(&box, "/other/file", NULL, "x", 1, &entry), 0);
    box_mkdir(&box, "/home/user/d");
    box_put(&box, "/home/user/d/file", "1");
    box_put(&box, "/home/user/x", "1");
    CHECK_INT(move("/home/user/x", "/other/full"), EISDIR);
    CHECK_INT(move("/home/user/d", "/other/file"), ENOTDIR);
    CHECK_INT(move("/home/user/d", "/other/full"), ENOTEMPTY);
    CHECK_INT(move("/other", "/home/user/other"), EBUSY);
    /* More than there is room for: it is a file system of 64 MiB. */
    box_put(&box, "/home/user/d/large", "");
    shell("dd if=/dev/zero of=%s bs=1048576 count=80 status=none",
          box_path(&box, "/home/user/d/large"));
    CHECK_INT(move("/home/user/d", "/other/new"), ENOSPC);
    CHECK(box_exists(&box, "/home/user/d/file"));
    /* It is swept away round by round. */
    do CHECK_INT(list("/other", 5, MOST), 0);
    while (listed_count > 3);
    CHECK_INT(listed_count, 3);
    box_close(&box);
}

TEST("a move that is given up is swept away") {
    box_open_walls(&box);
    box_mkdir(&box, "/home/user/d");
    shell("cd %s && mkdir sub && dd if=/dev/urandom of=sub/large bs=1048576 count=30 status=none",
          box_path(&box, "/home/user/d"));
    /* Both frames at once, so that it has begun and cannot have ended. */
    wire_writer_t *writer = &box.far.writer;
    far_begin(&box.far, WIRE_MOVE, 0, 7);
    wire_put_text(writer, "user");
    wire_put_text(writer, "/home/user/d");
    wire_put_text(writer, "/other/d");
    CHECK(wire_end(writer));
    far_tell(&box.far, WIRE_CANCEL, 0, 7);
    CHECK_INT(far_next(&box.far).type, WIRE_DONE);
    do CHECK_INT(list("/other", 5, MOST), 0);
    while (listed_count > 0);
    CHECK(box_exists(&box, "/home/user/d/sub/large"));
    box_close(&box);
}

TEST_MAIN
