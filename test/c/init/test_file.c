/*
 * STAT, READ, WRITE: what a file is said to be, whose it becomes, its bytes and metadata,
 * and what is no file.
 */
#include "../test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "box.h"

static box_t box;
static box_entry_t entry;

/* ---- STAT ---- */

TEST("a file is told with its size, mode, owner and time") {
    box_open(&box);
    box_put(&box, "/home/user/x", "hello");
    CHECK(chmod(box_path(&box, "/home/user/x"), 0640) == 0);
    const struct timespec times[2] = {{7, 0}, {1700000000, 123456789}};
    CHECK(utimensat(AT_FDCWD, box_path(&box, "/home/user/x"), times, 0) == 0);
    CHECK_INT(box_stat(&box, "/home/user/x", &entry), 0);
    CHECK_STR(entry.path, "/home/user/x");
    CHECK_INT(entry.type, WIRE_FILE);
    CHECK_INT(entry.size, 5);
    CHECK_INT(entry.mode, S_IFREG | 0640);
    CHECK_STR(entry.owner, "user");
    CHECK_STR(entry.group, "user");
    CHECK_STR(entry.link, "");
    CHECK_STR(entry.metadata, "");
    CHECK(entry.mtime_ns == 1700000000123456789);
    box_close(&box);
}

TEST("what is not there, or not for this user, is said") {
    box_open(&box);
    CHECK_INT(box_stat(&box, "/home/user/none", &entry), ENOENT);
    CHECK_INT(box_stat(&box, "/home/user/none/x", &entry), ENOENT);
    box_ask(&box, 1, WIRE_STAT, "ss", "nobody-here", "/home/user");
    CHECK_INT(box_result(&box, 1), ESRCH);
    box_ask(&box, 1, WIRE_STAT, "ss", "", "/home/user");
    CHECK_INT(box_result_entry(&box, 1, &entry), 0);
    CHECK_INT(entry.type, WIRE_DIRECTORY);
    CHECK_INT(box_stat(&box, "/dev/null", &entry), 0);
    CHECK_INT(entry.type, WIRE_OTHER);
    CHECK_INT(box_stat(&box, "/", &entry), 0);
    CHECK_STR(entry.path, "/");
    box_close(&box);
}

TEST("a link is told as what it comes to, and where that is") {
    box_open(&box);
    box_put(&box, "/home/user/x", "hello");
    CHECK(chmod(box_path(&box, "/home/user/x"), 0600) == 0);
    CHECK(symlink("x", box_path(&box, "/home/user/one")) == 0);
    CHECK(symlink("/home/user/one", box_path(&box, "/home/user/two")) == 0);
    CHECK(symlink("none", box_path(&box, "/home/user/broken")) == 0);
    CHECK_INT(box_stat(&box, "/home/user/two", &entry), 0);
    CHECK_STR(entry.path, "/home/user/two");
    CHECK_INT(entry.type, WIRE_FILE);
    CHECK_INT(entry.mode, S_IFREG | 0600);
    CHECK_INT(entry.size, 14); /* its own */
    CHECK_STR(entry.link, "/home/user/x");
    CHECK_INT(box_stat(&box, "/home/user/broken", &entry), 0);
    CHECK_INT(entry.type, WIRE_BROKEN);
    CHECK_INT(entry.mode, 0);
    CHECK_STR(entry.link, "/home/user/broken");
    box_close(&box);
}

TEST("a file may be dated before and after all time") {
    box_open(&box);
    box_put(&box, "/home/user/x", "");
    const struct timespec future[2] = {{INT64_C(1) << 33, 0}, {INT64_C(14000000000), 999999999}};
    CHECK(utimensat(AT_FDCWD, box_path(&box, "/home/user/x"), future, 0) == 0);
    CHECK_INT(box_stat(&box, "/home/user/x", &entry), 0);
    CHECK(entry.mtime_ns > INT64_C(9000000000) * 1000000000);
    const struct timespec past[2] = {{-1, 0}, {-1, 500000000}};
    CHECK(utimensat(AT_FDCWD, box_path(&box, "/home/user/x"), past, 0) == 0);
    CHECK_INT(box_stat(&box, "/home/user/x", &entry), 0);
    CHECK(entry.mtime_ns == -500000000);
    box_close(&box);
}

/* ---- WRITE ---- */

TEST("a file is written with its parents, and again") {
    box_open(&box);
    CHECK_INT(box_write(&box, "/home/user/a/b/x", NULL, "hello", 5, &entry), 0);
    CHECK_STR(entry.path, "/home/user/a/b/x");
    CHECK_INT(entry.type, WIRE_FILE);
    CHECK_INT(entry.size, 5);
    CHECK_INT(entry.mode, S_IFREG | 0644);
    CHECK_STR(box_text(&box, "/home/user/a/b/x"), "hello");
    CHECK_INT(box_write(&box, "/home/user/a/b/x", NULL, "bye", 3, &entry), 0);
    CHECK_STR(box_text(&box, "/home/user/a/b/x"), "bye");
    CHECK_INT(box_write(&box, "/home/user/a/b/x", NULL, "", 0, &entry), 0);
    CHECK_INT(entry.size, 0);
    CHECK_STR(box_text(&box, "/home/user/a/b/x"), "");
    box_close(&box);
}

TEST("megabytes are written within the window, and read back") {
    static char bytes[3 * 1024 * 1024 + 17], back[sizeof bytes];
    size_t len;
    box_open(&box);
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)(i * 7 + i / 251);
    CHECK_INT(box_write(&box, "/home/user/x", NULL, bytes, sizeof bytes, &entry), 0);
    CHECK_INT(entry.size, sizeof bytes);
    CHECK_INT(box_read(&box, "/home/user/x", 0, -1, back, sizeof back, &len, &entry), 0);
    CHECK_MEM(back, len, bytes, sizeof bytes);
    box_close(&box);
}

TEST("a link is written through; a broken one makes the file that it names") {
    box_open(&box);
    box_put(&box, "/home/user/x", "old");
    CHECK(symlink("x", box_path(&box, "/home/user/link")) == 0);
    CHECK(symlink("new/file", box_path(&box, "/home/user/broken")) == 0);
    CHECK_INT(box_write(&box, "/home/user/link", NULL, "new", 3, &entry), 0);
    CHECK_STR(box_text(&box, "/home/user/x"), "new");
    CHECK_STR(entry.path, "/home/user/link");
    CHECK_INT(box_write(&box, "/home/user/broken", NULL, "made", 4, &entry), 0);
    CHECK_STR(box_text(&box, "/home/user/new/file"), "made");
    box_close(&box);
}

TEST("what is no regular file is neither written nor read, and makes nobody wait") {
    size_t len;
    box_open(&box);
    box_mkdir(&box, "/home/user/directory");
    box_put(&box, "/home/user/file", "x");
    CHECK(mkfifo(box_path(&box, "/home/user/pipe"), 0666) == 0);
    CHECK(symlink("/dev/zero", box_path(&box, "/home/user/zero")) == 0);
    CHECK_INT(box_write(&box, "/home/user/directory", NULL, "", 0, &entry), EISDIR);
    CHECK_INT(box_write(&box, "/home/user/pipe", NULL, "", 0, &entry), ENXIO);
    CHECK_INT(box_write(&box, "/home/user/file/x", NULL, "", 0, &entry), ENOTDIR);
    CHECK_INT(box_write(&box, "/home/user/file/x/y", NULL, "", 0, &entry), ENOTDIR);
    CHECK_INT(box_read(&box, "/home/user/directory", 0, -1, NULL, 0, &len, &entry), EISDIR);
    CHECK_INT(box_read(&box, "/home/user/pipe", 0, -1, NULL, 0, &len, &entry), ENXIO);
    CHECK_INT(box_read(&box, "/home/user/zero", 0, -1, NULL, 0, &len, &entry), ENXIO);
    CHECK_INT(box_read(&box, "/home/user/none", 0, -1, NULL, 0, &len, &entry), ENOENT);
    box_close(&box);
}

TEST("files of the host are read and not written") {
    char bytes[16];
    size_t len;
    box_open(&box);
    CHECK_INT(box_read(&box, "/etc/passwd", 0, 4, bytes, sizeof bytes, &len, &entry), 0);
    CHECK_MEM(bytes, len, "root", 4);
    CHECK_INT(box_write(&box, "/etc/e2b-never", NULL, "x", 1, &entry), EACCES);
    CHECK(symlink("/etc/e2b-never", box_path(&box, "/home/user/link")) == 0);
    CHECK_INT(box_write(&box, "/home/user/link", NULL, "x", 1, &entry), EACCES);
    CHECK_INT(box_write(&box, "/home/user/../../etc/e2b-never", NULL, "x", 1, &entry), EACCES);
    CHECK(access("/etc/e2b-never", F_OK) < 0);
    box_close(&box);
}

TEST("a WRITE that is given up leaves what was written, and no descriptor") {
    box_open(&box);
    for (int i = 0; i < 2000; i++) {
        box_ask(&box, 1, WIRE_WRITE, "ssl", "user", "/home/user/x", NULL);
        far_expect(&box.far, WIRE_STARTED, 1);
        far_data(&box.far, WIRE_BYTES, 1, "half", 4);
        far_tell(&box.far, WIRE_CANCEL, 0, 1);
        far_expect(&box.far, WIRE_DONE, 1);
    }
    CHECK_STR(box_text(&box, "/home/user/x"), "half");
    box_close(&box);
}

TEST("a file that is written anew is empty when nothing comes, or when it is given up") {
    box_open(&box);
    box_put(&box, "/home/user/x", "old");
    box_put(&box, "/home/user/y", "old");
    box_put(&box, "/home/user/z", "old");
    CHECK_INT(box_write(&box, "/home/user/x", NULL, "", 0, &entry), 0);
    CHECK_INT(entry.size, 0);
    CHECK_STR(box_text(&box, "/home/user/x"), "");
    box_ask(&box, 1, WIRE_WRITE, "ssl", "user", "/home/user/y", NULL);
    far_expect(&box.far, WIRE_STARTED, 1);
    far_tell(&box.far, WIRE_CANCEL, 0, 1);
    far_expect(&box.far, WIRE_DONE, 1);
    CHECK_STR(box_text(&box, "/home/user/y"), "");
    CHECK_INT(box_write(&box, "/home/user/z", NULL, "n", 1, &entry), 0);
    CHECK_STR(box_text(&box, "/home/user/z"), "n");
    box_close(&box);
}

/* ---- metadata ---- */

TEST("metadata is exactly what the last WRITE brought, and told by STAT") {
    static const char *const two[] = {"author", "me", "empty", "", NULL};
    static const char *const one[] = {"purpose", "test", NULL};
    box_open(&box);
    CHECK_INT(box_write(&box, "/home/user/x", two, "1", 1, &entry), 0);
    CHECK_STR(entry.metadata, "author=me;empty=;");
    CHECK_INT(box_stat(&box, "/home/user/x", &entry), 0);
    CHECK_STR(entry.metadata, "author=me;empty=;");
    CHECK(setxattr(box_path(&box, "/home/user/x"), "user.other", "kept", 4, 0) == 0);
    CHECK_INT(box_write(&box, "/home/user/x", one, "1", 1, &entry), 0);
    CHECK_STR(entry.metadata, "purpose=test;");
    CHECK_INT(box_write(&box, "/home/user/x", NULL, "1", 1, &entry), 0);
    CHECK_STR(entry.metadata, "");
    char kept[8];
    CHECK_INT(getxattr(box_path(&box, "/home/user/x"), "user.other", kept, sizeof kept), 4);
    box_close(&box);
}

TEST("metadata that a program has set is told, through a link too, without its NUL") {
    box_open(&box);
    box_put(&box, "/home/user/x", "");
    CHECK(setxattr(box_path(&box, "/home/user/x"), "user.e2b.author", "me", 3, 0) == 0);
    CHECK(setxattr(box_path(&box, "/home/user/x"), "user.e2b", "no", 2, 0) == 0);
    CHECK(symlink("x", box_path(&box, "/home/user/link")) == 0);
    CHECK_INT(box_stat(&box, "/home/user/link", &entry), 0);
    CHECK_STR(entry.metadata, "author=me;");
    box_close(&box);
}

TEST("a key that no file system takes is refused") {
    static char key[300];
    const char *const metadata[] = {key, "x", NULL};
    box_open(&box);
    memset(key, 'k', sizeof key - 1);
    CHECK_INT(box_write(&box, "/home/user/x", metadata, "1", 1, &entry), EINVAL);
    key[246] = '\0';
    CHECK_INT(box_write(&box, "/home/user/x", metadata, "1", 1, &entry), 0);
    box_close(&box);
}

/* ---- READ ---- */

TEST("a part of a file is read") {
    char bytes[16];
    size_t len;
    box_open(&box);
    box_put(&box, "/home/user/x", "0123456789");
    CHECK_INT(box_read(&box, "/home/user/x", 2, 3, bytes, sizeof bytes, &len, &entry), 0);
    CHECK_MEM(bytes, len, "234", 3);
    CHECK_STR(entry.path, "/home/user/x");
    CHECK_INT(entry.size, 10);
    CHECK_INT(box_read(&box, "/home/user/x", 8, 100, bytes, sizeof bytes, &len, &entry), 0);
    CHECK_MEM(bytes, len, "89", 2);
    CHECK_INT(box_read(&box, "/home/user/x", 10, -1, bytes, sizeof bytes, &len, &entry), 0);
    CHECK_INT(len, 0);
    CHECK_INT(
        box_read(&box, "/home/user/x", INT64_MAX, INT64_MAX, bytes, sizeof bytes, &len, &entry), 0);
    CHECK_INT(len, 0);
    CHECK_INT(box_read(&box, "/home/user/x", 3, 0, bytes, sizeof bytes, &len, &entry), 0);
    CHECK_INT(len, 0);
    CHECK_INT(box_read(&box, "/home/user/x", -1, 3, bytes, sizeof bytes, &len, &entry), EINVAL);
    box_close(&box);
}

TEST("a link is read as the file that it comes to") {
    char bytes[16];
    size_t len;
    box_open(&box);
    box_put(&box, "/home/user/x", "hello");
    CHECK(symlink("x", box_path(&box, "/home/user/link")) == 0);
    CHECK_INT(box_read(&box, "/home/user/link", 0, -1, bytes, sizeof bytes, &len, &entry), 0);
    CHECK_MEM(bytes, len, "hello", 5);
    CHECK_INT(entry.size, 5);
    CHECK_STR(entry.path, "/home/user/link");
    CHECK_STR(entry.link, "");
    box_close(&box);
}

TEST("the end of a file of terabytes is read at once") {
    char bytes[16];
    size_t len;
    box_open(&box);
    box_put(&box, "/home/user/x", "");
    int fd = open(box_path(&box, "/home/user/x"), O_WRONLY);
    CHECK(fd >= 0);
    const off_t size = INT64_C(8) << 40;
    CHECK(ftruncate(fd, size) == 0);
    CHECK(pwrite(fd, "end", 3, size - 3) == 3);
    close(fd);
    CHECK_INT(box_read(&box, "/home/user/x", size - 4, -1, bytes, sizeof bytes, &len, &entry), 0);
    CHECK_MEM(bytes, len, "\0end", 4);
    CHECK(entry.size == size);
    box_close(&box);
}

TEST("a reader that gives no credit gets a window, and holds up nobody") {
    box_open(&box);
    box_put(&box, "/home/user/x", "");
    CHECK(truncate(box_path(&box, "/home/user/x"), 4 * WIRE_WINDOW) == 0);
    box_ask(&box, 5, WIRE_READ, "ssii", "user", "/home/user/x", (int64_t)0, (int64_t)-1);
    far_expect(&box.far, WIRE_STARTED, 5);
    for (size_t len = 0; len < WIRE_WINDOW;) len += far_expect(&box.far, WIRE_DATA, 5).len;
    CHECK_INT(box_stat(&box, "/home/user/x", &entry), 0);
    far_credit(&box.far, 5, 10);
    CHECK_INT(far_expect(&box.far, WIRE_DATA, 5).len, 10);
    far_tell(&box.far, WIRE_CANCEL, 0, 5);
    far_expect(&box.far, WIRE_DONE, 5);
    box_close(&box);
}

TEST("a file that becomes shorter while it is read fails, and does not end well") {
    box_open(&box);
    box_put(&box, "/home/user/x", "");
    CHECK(truncate(box_path(&box, "/home/user/x"), 2 * WIRE_WINDOW) == 0);
    box_ask(&box, 5, WIRE_READ, "ssii", "user", "/home/user/x", (int64_t)0, (int64_t)-1);
    far_expect(&box.far, WIRE_STARTED, 5);
    for (size_t len = 0; len < WIRE_WINDOW;) len += far_expect(&box.far, WIRE_DATA, 5).len;
    CHECK(truncate(box_path(&box, "/home/user/x"), 0) == 0);
    far_credit(&box.far, 5, WIRE_WINDOW);
    CHECK_INT(far_expect_failed(&box.far, 5), EIO);
    box_close(&box);
}

/* ---- with users ---- */

TEST("what a user makes anywhere in his sandbox is his, as in E2B") {
    box_open_walls(&box);
    const char *owner = box.has_users ? "user" : "root";
    CHECK_INT(box_write(&box, "/app/x", NULL, "1", 1, &entry), 0);
    CHECK_STR(entry.owner, owner);
    CHECK_STR(entry.group, owner);
    CHECK_INT(box_stat(&box, "/app", &entry), 0);
    CHECK_STR(entry.owner, owner);
    CHECK_INT(entry.mode, S_IFDIR | 0755);
    CHECK_INT(box_write(&box, "/y", NULL, "1", 1, &entry), 0);
    CHECK_STR(entry.owner, owner);
    CHECK_INT(box_call(&box, WIRE_MKDIR, "/a/b"), 0);
    CHECK_INT(box_stat(&box, "/a", &entry), 0);
    CHECK_STR(entry.owner, owner);
    box_ask(&box, 1, WIRE_WRITE, "ssl", "root", "/y", NULL);
    far_expect(&box.far, WIRE_STARTED, 1);
    far_tell(&box.far, WIRE_END, WIRE_BYTES, 1);
    CHECK_INT(box_result_entry(&box, 1, &entry), 0);
    CHECK_STR(entry.owner, "root");
    box_close(&box);
}

TEST("a file that was another's becomes the writer's; unknown numbers stay numbers") {
    box_open_walls(&box);
    box_put(&box, "/home/user/x", "old");
    if (box.has_users) CHECK(chown(box_path(&box, "/home/user/x"), 1001, 4242) == 0);
    CHECK_INT(box_stat(&box, "/home/user/x", &entry), 0);
    CHECK_STR(entry.owner, box.has_users ? "other" : "root");
    CHECK_STR(entry.group, box.has_users ? "4242" : "root");
    CHECK_INT(box_write(&box, "/home/user/x", NULL, "1", 1, &entry), 0);
    CHECK_STR(entry.owner, box.has_users ? "user" : "root");
    box_close(&box);
}

TEST("users that come later are known at once") {
    box_open_walls(&box);
    box_ask(&box, 1, WIRE_STAT, "ss", "later", "/");
    CHECK_INT(box_result(&box, 1), ESRCH);
    box_put(&box, "/etc/passwd", "root:x:0:0::/root:/bin/sh\nlater:x:1000:1000::/:/bin/sh\n");
    box_ask(&box, 1, WIRE_STAT, "ss", "later", "/");
    CHECK_INT(box_result_entry(&box, 1, &entry), 0);
    CHECK(unlink(box_path(&box, "/etc/passwd")) == 0);
    CHECK(mkfifo(box_path(&box, "/etc/passwd"), 0666) == 0);
    box_ask(&box, 1, WIRE_STAT, "ss", "later", "/");
    CHECK_INT(box_result(&box, 1), ESRCH);
    box_close(&box);
}

TEST("links lead nowhere outside of the sandbox's root") {
    char bytes[64];
    size_t len;
    box_open_walls(&box);
    box_put(&box, "/secret", "inside");
    CHECK(symlink("/secret", box_path(&box, "/home/user/absolute")) == 0);
    CHECK(symlink("../../../../../../secret", box_path(&box, "/home/user/relative")) == 0);
    CHECK_INT(box_read(&box, "/home/user/absolute", 0, -1, bytes, sizeof bytes, &len, &entry), 0);
    CHECK_MEM(bytes, len, "inside", 6);
    CHECK_INT(box_read(&box, "/home/user/relative", 0, -1, bytes, sizeof bytes, &len, &entry), 0);
    CHECK_MEM(bytes, len, "inside", 6);
    /* The way out that a root of a process is, whoever's. */
    CHECK_INT(box_stat(&box, "/proc/self/root/secret", &entry), 0);
    CHECK_INT(box_read(&box, "/proc/self/cwd/../secret", 0, -1, bytes, sizeof bytes, &len, &entry),
              0);
    CHECK_INT(box_write(&box, "/proc/self/mem", NULL, "x", 1, &entry), EPERM);
    CHECK_INT(box_write(&box, "/proc/sys/kernel/hostname", NULL, "x", 1, &entry), EPERM);
    box_close(&box);
}

TEST_MAIN
