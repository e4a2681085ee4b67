/*
 * How much lies below a directory: counted once, wherever it lies, and in slices.
 */
#include "../test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "disk.h"
#include "heap.h"
#include "remove_tree.h"

#define KIB 1024

static char top[64];
static int at;

static void begin(void) {
    snprintf(top, sizeof top, "/var/tmp/e2b-disk-XXXXXX");
    CHECK(mkdtemp(top) != NULL);
    at = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(at >= 0);
}

static void finish(void) {
    close(at);
    CHECK_INT(remove_tree(AT_FDCWD, top), 0);
}

/* Written, so that it takes blocks. The descriptor is given. */
static int put(int directory, const char *name, size_t len) {
    static char bytes[64 * KIB];
    memset(bytes, 'x', sizeof bytes);
    int fd = openat(directory, name, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    CHECK(fd >= 0);
    while (len > 0) {
        ssize_t wrote = write(fd, bytes, len < sizeof bytes ? len : sizeof bytes);
        CHECK(wrote > 0);
        len -= (size_t)wrote;
    }
    CHECK_INT(fsync(fd), 0);
    return fd;
}

static int64_t measure(void) {
    disk_walk_t walk;
    CHECK_INT(disk_walk_begin(&walk, at), 0);
    while (disk_walk_step(&walk) == 1) continue;
    int64_t bytes = walk.bytes;
    disk_walk_end(&walk);
    return bytes;
}

/* Of what is counted beside: directories. */
#define CHECK_NEAR(got, expected)                                                                  \
    do {                                                                                           \
        int64_t near_ = (got);                                                                     \
        CHECK(near_ >= (expected) && near_ < (expected) + 128 * KIB);                              \
    } while (0)

TEST("nothing is nothing") {
    begin();
    CHECK_INT(measure(), 0);
    finish();
}

TEST("files count wherever they lie, and no link that leads out") {
    begin();
    CHECK(mkdirat(at, "a", 0755) == 0 && mkdirat(at, "a/b", 0755) == 0);
    close(put(at, "one", 256 * KIB));
    close(put(at, "a/two", 256 * KIB));
    close(put(at, "a/b/three", 256 * KIB));
    CHECK(symlinkat("/usr", at, "a/out") == 0 && symlinkat("..", at, "a/up") == 0);
    CHECK_NEAR(measure(), 768 * KIB);
    finish();
}

TEST("a file of several names counts once") {
    begin();
    close(put(at, "one", 512 * KIB));
    CHECK(linkat(at, "one", at, "two", 0) == 0 && linkat(at, "one", at, "three", 0) == 0);
    CHECK_NEAR(measure() + 4, 512 * KIB);
    finish();
}

TEST("a hole takes no place") {
    begin();
    int fd = put(at, "hole", 64 * KIB);
    CHECK(ftruncate(fd, 1024ll * KIB * KIB) == 0);
    close(fd);
    CHECK_NEAR(measure(), 64 * KIB);
    finish();
}

TEST("a file deeper than a path can be long counts") {
    begin();
    int fd = dup(at);
    for (int depth = 0; depth < 600; depth++) {
        CHECK(mkdirat(fd, "a directory", 0755) == 0);
        int next = openat(fd, "a directory", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(fd);
        fd = next;
    }
    int64_t without = measure();
    close(put(fd, "file", 512 * KIB));
    close(fd);
    CHECK_NEAR(measure() - without, 512 * KIB);
    finish();
}

TEST("a walk that ends in its midst leaves nothing") {
    begin();
    char name[16];
    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof name, "d%d", i);
        CHECK(mkdirat(at, name, 0755) == 0);
    }
    disk_walk_t walk;
    CHECK_INT(disk_walk_begin(&walk, at), 0);
    disk_walk_step(&walk);
    disk_walk_end(&walk);
    disk_walk_end(&walk);
    finish();
}

/* Held by a process below this one. */
TEST("a file that is removed counts while somebody has it open") {
    begin();
    int64_t before = disk_of_removed_files();
    int fd = put(at, "gone", 512 * KIB), ready[2];
    char byte;
    CHECK(unlinkat(at, "gone", 0) == 0 && pipe(ready) == 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        dup(fd);
        close(ready[1]);
        if (read(ready[0], &byte, 1) < 0) _exit(1);
        _exit(0);
    }
    CHECK_NEAR(disk_of_removed_files() - before, 512 * KIB);
    close(ready[1]);
    close(ready[0]);
    waitpid(pid, NULL, 0);
    CHECK_INT(disk_of_removed_files(), before);
    close(fd);
    finish();
}

static void try_without_memory(void) {
    disk_walk_t walk;
    int code = disk_walk_begin(&walk, at);
    if (code < 0) CHECK_INT(code, -ENOMEM);
    while (code == 0 && disk_walk_step(&walk) == 1) continue;
    disk_walk_end(&walk);
}

TEST("without memory the walk still ends") {
    begin();
    CHECK(mkdirat(at, "a", 0755) == 0 && mkdirat(at, "a/b", 0755) == 0);
    CHECK(heap_try_each_failure(try_without_memory) > 1);
    finish();
}

TEST_MAIN
