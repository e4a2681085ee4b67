/*
 * Taking a tree away name by name, while others move its parts, fill them, or take them first.
 */
#include "../test.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "heap.h"
#include "removal.h"

static char top[64];
static int top_fd;
static removal_t removal;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
    (void)st, (void)type, (void)at;
    return remove(path);
}

static void begin(void) {
    snprintf(top, sizeof top, "/tmp/e2b-removal-XXXXXX");
    CHECK(mkdtemp(top) != NULL);
    top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(top_fd >= 0);
    static const char *const directories[] = {"tree", "tree/a", "tree/a/b", "tree/a/b/c",
                                              "outside"};
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++)
        CHECK(mkdirat(top_fd, directories[i], 0755) == 0);
    static const char *const files[] = {"tree/a/b/c/x", "outside/kept"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        close(openat(top_fd, files[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    removal_init(&removal, fcntl(top_fd, F_DUPFD_CLOEXEC, 0), "tree");
}

static void end(void) {
    removal_destroy(&removal);
    close(top_fd);
    nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Until it is that deep. */
static void step_to(size_t depth) {
    for (int i = 0; i < 100 && removal.depth < depth; i++) CHECK_INT(removal_step(&removal, 1), 1);
    CHECK_INT(removal.depth, depth);
}

static int step_to_end(void) {
    int code = 1;
    for (int i = 0; i < 10000 && code == 1; i++) code = removal_step(&removal, 1);
    return code;
}

static bool is_there(const char *name) {
    struct stat st;
    return fstatat(top_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

TEST("what is moved away while it is emptied takes nothing with it from where it comes to") {
    begin();
    step_to(4);
    CHECK(renameat(top_fd, "tree/a/b", top_fd, "outside/b") == 0);
    CHECK_INT(step_to_end(), 0);
    CHECK(!is_there("tree"));
    CHECK(is_there("outside/kept"));
    CHECK(is_there("outside/b"));
    end();
}

TEST("what was taken already is well, at any level") {
    begin();
    step_to(3);
    CHECK(unlinkat(top_fd, "tree/a/b/c/x", 0) == 0);
    CHECK(unlinkat(top_fd, "tree/a/b/c", AT_REMOVEDIR) == 0);
    CHECK(unlinkat(top_fd, "tree/a/b", AT_REMOVEDIR) == 0);
    CHECK_INT(step_to_end(), 0);
    CHECK(!is_there("tree"));
    end();
}

TEST("who fills it faster than it is emptied is not waited for for ever") {
    begin();
    int code = 1;
    for (int i = 0; i < 20000 && code == 1; i++) {
        int fd = openat(top_fd, "tree/more", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        if (fd >= 0) close(fd);
        code = removal_step(&removal, 1);
        fd = openat(top_fd, "tree/more", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        if (fd >= 0) close(fd);
    }
    CHECK_INT(code, -ENOTEMPTY);
    end();
}

TEST("a tree that must not be changed is an error, and stays") {
    begin();
    removal_destroy(&removal);
    removal_init(&removal, open("/proc", O_PATH | O_CLOEXEC), "sys");
    CHECK(step_to_end() < 0);
    CHECK(access("/proc/sys/kernel", F_OK) == 0);
    end();
}

static void remove_short_of_memory(void) {
    begin();
    int code = step_to_end();
    CHECK(code == -ENOMEM || (code == 0 && !is_there("tree")));
    CHECK(is_there("outside/kept"));
    end();
}

TEST("without memory it ends with that, and holds nothing") {
    CHECK(heap_try_each_failure(remove_short_of_memory) >= 5);
}

TEST_MAIN
