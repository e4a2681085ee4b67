/*
 * Trees that are as deep and odd as a sandbox could leave them: gone afterwards, and nothing else.
 */
#include "../test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "remove_tree.h"

static char top[64];
static int at;

static void begin(void) {
    snprintf(top, sizeof top, "/tmp/e2b-tree-XXXXXX");
    CHECK(mkdtemp(top) != NULL);
    at = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(at >= 0 && mkdirat(at, "tree", 0755) == 0);
}

static bool is_there(const char *name) {
    return faccessat(at, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Nothing is left but what was beside it. */
static void finish(void) {
    close(at);
    CHECK_INT(rmdir(top), 0);
}

static void put(int directory, const char *name) {
    int fd = openat(directory, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    CHECK(fd >= 0);
    close(fd);
}

TEST("what is not there is well") {
    begin();
    CHECK_INT(remove_tree(at, "nothing"), 0);
    CHECK_INT(remove_tree(at, "tree"), 0);
    finish();
}

TEST("one file, and one link but not what it leads to") {
    begin();
    put(at, "file");
    CHECK(symlinkat("tree", at, "link") == 0);
    CHECK_INT(remove_tree(at, "file"), 0);
    CHECK_INT(remove_tree(at, "link"), 0);
    CHECK(is_there("tree") && !is_there("file") && !is_there("link"));
    CHECK_INT(remove_tree(at, "tree"), 0);
    finish();
}

TEST("links in it are removed, not followed") {
    begin();
    CHECK(mkdirat(at, "beside", 0755) == 0);
    int beside = openat(at, "beside", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    put(beside, "kept");
    close(beside);
    CHECK(symlinkat("../beside", at, "tree/a") == 0);
    CHECK(mkdirat(at, "tree/b", 0755) == 0 && symlinkat("../../beside", at, "tree/b/c") == 0);
    CHECK_INT(remove_tree(at, "tree"), 0);
    CHECK(is_there("beside/kept"));
    CHECK_INT(remove_tree(at, "beside"), 0);
    finish();
}

TEST("a tree deeper than a path can be long") {
    begin();
    int fd = openat(at, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int depth = 0; depth < 3000; depth++) {
        CHECK(mkdirat(fd, "a directory", 0755) == 0);
        if (depth % 100 == 0) put(fd, "file");
        int next = openat(fd, "a directory", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(next >= 0);
        close(fd);
        fd = next;
    }
    close(fd);
    CHECK_INT(remove_tree(at, "tree"), 0);
    CHECK(!is_there("tree"));
    finish();
}

TEST("many in one directory, with names like those that it gives") {
    begin();
    int tree = openat(at, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char name[32];
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "~%d", i);
        if (i % 3 == 0) put(tree, name);
        if (i % 3 != 0) CHECK(mkdirat(tree, name, 0755) == 0);
        if (i % 3 != 2) continue;
        int below = openat(tree, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(mkdirat(below, "x", 0755) == 0 && mkdirat(below, "x/y", 0755) == 0);
        close(below);
    }
    close(tree);
    CHECK_INT(remove_tree(at, "tree"), 0);
    CHECK(!is_there("tree"));
    finish();
}

/* As the work directories of overlayfs, and whatever a sandbox did to its own. */
static void check_modes(void) {
    begin();
    CHECK(mkdirat(at, "tree/a", 0755) == 0 && mkdirat(at, "tree/a/b", 0755) == 0);
    CHECK(mkdirat(at, "tree/a/b/c", 0755) == 0 && mkdirat(at, "tree/d", 0) == 0);
    CHECK(fchmodat(at, "tree/a/b/c", 0, 0) == 0 && fchmodat(at, "tree/a/b", 0, 0) == 0);
    CHECK(fchmodat(at, "tree/a", 0, 0) == 0 && fchmodat(at, "tree", 0, 0) == 0);
    CHECK_INT(remove_tree(at, "tree"), 0);
    finish();
}

TEST("directories that have lost their modes") {
    if (geteuid() == 0) CHECK_INT(seteuid(1000), 0);
    check_modes();
    if (getuid() == 0) CHECK_INT(seteuid(0), 0);
}

TEST("what cannot be removed is said, and the rest is gone") {
    begin();
    CHECK(mkdirat(at, "tree/a", 0755) == 0 && mkdirat(at, "tree/b", 0755) == 0);
    int b = openat(at, "tree/b", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    put(b, "file");
    close(b);
    /* Not even its owner may, in a directory that is not his. */
    if (geteuid() == 0) {
        put(at, "tree/a/roots");
        CHECK(fchmodat(at, ".", 0755, 0) == 0);
        CHECK(fchownat(at, "tree", 1000, 1000, 0) == 0 &&
              fchownat(at, "tree/b", 1000, 1000, 0) == 0);
        CHECK_INT(seteuid(1000), 0);
        int code = remove_tree(at, "tree");
        CHECK_INT(seteuid(0), 0);
        CHECK(code == -EACCES || code == -EPERM || code == -ENOTEMPTY);
        CHECK(is_there("tree/a/roots") && !is_there("tree/b"));
    }
    CHECK_INT(remove_tree(at, "tree"), 0);
    finish();
}

TEST_MAIN
