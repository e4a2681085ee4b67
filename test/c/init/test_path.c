/*
 * The way from a sandbox's path to a file, without walls: links, "..", the homes, what may be
 * changed, and what leads out. Walked in this process, with a sandbox that has nothing but its
 * directory.
 */
#include "../test.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "path.h"
#include "sandbox.h"

static char top[64], outside[64], directory[128];
static boot_t boot = {.directory = directory, .user = "user"};
static sandbox_t sandbox = {.boot = &boot, .rung = RUNG_NONE};
static place_t place;

static const char *home(const char *name) {
    static char paths[4][256];
    static unsigned next;
    char *at = paths[next++ % 4];
    snprintf(at, sizeof paths[0], "%s/upper/home/user/%s", directory, name);
    return at;
}

static void make(const char *path) {
    CHECK(mkdir(path, 0755) == 0);
}

static void put(const char *path) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    CHECK(fd >= 0);
    close(fd);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
    (void)st, (void)type, (void)at;
    return remove(path);
}

static void end(void) {
    nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    nftw(outside, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A new ground for each test. */
static void begin(void) {
    char path[256];
    if (top[0] != '\0') end();
    snprintf(top, sizeof top, "/tmp/e2b-path-XXXXXX");
    snprintf(outside, sizeof outside, "/tmp/e2b-outside-XXXXXX");
    CHECK(mkdtemp(top) != NULL && mkdtemp(outside) != NULL);
    const char *const parts[] = {"/run",
                                 "/run/1",
                                 "/run/1/upper",
                                 "/run/1/upper/home",
                                 "/run/1/upper/home/user",
                                 "/run/1/upper/root",
                                 "/run/2"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        snprintf(path, sizeof path, "%s%s", top, parts[i]);
        make(path);
    }
    snprintf(directory, sizeof directory, "%s/run/1", top);
}

/* What a path comes to: 0 when something is there, ENOENT, or what was refused. */
static int find(const char *path, unsigned flags) {
    int code = path_find(&sandbox, path, flags, NULL, &place);
    if (code < 0) return -code;
    bool there = place.fd >= 0;
    path_close(&place);
    return there ? 0 : ENOENT;
}

static bool is_file(const char *host) {
    struct stat st;
    return stat(host, &st) == 0 && st.st_dev == place.st.st_dev && st.st_ino == place.st.st_ino;
}

TEST("a home stands for the sandbox's own directory") {
    begin();
    put(home("x"));
    CHECK_INT(find("/home/user/x", 0), 0);
    CHECK(is_file(home("x")));
    CHECK_STR(place.path, "/home/user/x");
    CHECK_STR(place.name, "x");
    CHECK(place.own);
    CHECK_INT(find("/home/user", 0), 0);
    CHECK(is_file(home("")));
    CHECK_STR(place.path, "/home/user");
    CHECK(place.own);
    CHECK_INT(find("/home/user/../user/./x", 0), 0);
    CHECK(is_file(home("x")));
    CHECK_INT(find("/home/user/none", 0), ENOENT);
    CHECK_STR(place.path, "/home/user/none");
    CHECK_INT(find("/home/user/none/x", 0), ENOENT);
    CHECK_INT(find("/home/user/x/y", 0), ENOTDIR);
}

TEST("all else is the host's, to be looked at") {
    begin();
    CHECK_INT(find("/etc", 0), 0);
    CHECK(is_file("/etc"));
    CHECK(!place.own);
    CHECK_INT(find("/", 0), 0);
    CHECK(is_file("/"));
    CHECK_STR(place.path, "/");
    CHECK_INT(find("/..", 0), 0);
    CHECK(is_file("/"));
    CHECK_INT(find("/etc/../../..", 0), 0);
    CHECK(is_file("/"));
}

TEST("only the homes and directories for temporary files may be changed") {
    begin();
    static const char *const refused[] = {"/etc/passwd", "/etc/none",  "/usr/bin/x",
                                          "/home/x",     "/home/user", "/tmp",
                                          "/root",       "/var/x",     "/home/user/../x"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        CHECK_INT(find(refused[i], PATH_CHANGE), EACCES);
    CHECK_INT(find("/", PATH_CHANGE), EBUSY);
    CHECK_INT(find("/home/user/none", PATH_CHANGE), ENOENT);
    CHECK_INT(find("/root/none", PATH_CHANGE), ENOENT);
    CHECK_INT(find("/tmp/e2b-no-such-file", PATH_CHANGE), ENOENT);
}

TEST("no link leads out of what may be changed") {
    begin();
    CHECK(symlink("/etc", home("absolute")) == 0);
    CHECK(symlink("../../../../../../../../../../etc", home("relative")) == 0);
    CHECK(symlink("absolute/passwd", home("chain")) == 0);
    CHECK(symlink("/home/user/../../etc/passwd", home("dots")) == 0);
    static const char *const refused[] = {
        "/home/user/absolute/passwd",   "/home/user/absolute/new", "/home/user/relative/passwd",
        "/home/user/relative/../etc/x", "/home/user/chain",        "/home/user/dots"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        CHECK_INT(find(refused[i], PATH_CHANGE | PATH_FOLLOW), EACCES);
    CHECK_INT(find("/home/user/absolute/passwd", PATH_FOLLOW), 0);
    /* The link itself is the sandbox's. */
    CHECK_INT(find("/home/user/absolute", PATH_CHANGE), 0);
    CHECK(S_ISLNK(place.st.st_mode));
}

TEST("nothing is made outside either") {
    begin();
    user_t user = {.name = "user", .uid = geteuid(), .gid = getegid()};
    CHECK(symlink("/var", home("out")) == 0);
    int code =
        path_find(&sandbox, "/home/user/out/e2b-never/x/y", PATH_MAKE | PATH_CHANGE, &user, &place);
    CHECK_INT(code, -EACCES);
    struct stat st;
    CHECK(stat("/var/e2b-never", &st) < 0);
    CHECK_INT(path_find(&sandbox, "/home/user/a/b/c", PATH_MAKE | PATH_CHANGE, &user, &place), 0);
    CHECK(place.fd < 0);
    path_close(&place);
    CHECK(stat(home("a/b"), &st) == 0 && S_ISDIR(st.st_mode));
    CHECK_INT(st.st_mode & 0777, 0755);
    CHECK(stat(home("a/b/c"), &st) < 0);
}

TEST("the backend's directory and other sandboxes are no way, by path or by link") {
    begin();
    char other[256];
    snprintf(other, sizeof other, "%s/run/2", top);
    CHECK_INT(find(other, 0), EACCES);
    CHECK_INT(find(top, 0), EACCES);
    CHECK_INT(find(directory, 0), EACCES);
    CHECK(symlink(other, home("other")) == 0);
    CHECK_INT(find("/home/user/other", PATH_FOLLOW), EACCES);
    CHECK_INT(find("/home/user/other/x", PATH_CHANGE), EACCES);
    snprintf(other, sizeof other, "%s/run/1/upper/home/user/../../../../2", top);
    CHECK_INT(find(other, 0), ENOENT); /* what is above a home is what the sandbox sees there */
}

TEST("a home's real path is the home") {
    begin();
    put(home("x"));
    CHECK_INT(find(home("x"), PATH_CHANGE), 0);
    CHECK_STR(place.path, "/home/user/x");
    CHECK(symlink(home("x"), home("link")) == 0);
    CHECK_INT(find("/home/user/link", PATH_FOLLOW | PATH_CHANGE), 0);
    CHECK_STR(place.path, "/home/user/x");
    CHECK(place.own);
}

TEST("a link is followed to its end, or not at all") {
    begin();
    put(home("x"));
    CHECK(symlink("x", home("one")) == 0);
    CHECK(symlink("/home/user/one", home("two")) == 0);
    CHECK(symlink("none", home("broken")) == 0);
    CHECK_INT(find("/home/user/two", 0), 0);
    CHECK(S_ISLNK(place.st.st_mode));
    CHECK_INT(find("/home/user/two", PATH_FOLLOW), 0);
    CHECK(is_file(home("x")));
    CHECK_STR(place.path, "/home/user/x");
    CHECK_INT(find("/home/user/broken", PATH_FOLLOW), ENOENT);
    CHECK_STR(place.path, "/home/user/none");
    CHECK_INT(find("/home/user/two", PATH_FOLLOW | PATH_STRAIGHT), ELOOP);
    CHECK_INT(find("/home/user/x", PATH_FOLLOW | PATH_STRAIGHT), 0);
}

TEST("links to directories may end with slashes and dots") {
    begin();
    make(home("d"));
    put(home("d/x"));
    CHECK(symlink("d/", home("slash")) == 0);
    CHECK(symlink("d/.", home("dot")) == 0);
    CHECK(symlink("d/../d/..", home("up")) == 0);
    CHECK_INT(find("/home/user/slash/x", 0), 0);
    CHECK_STR(place.path, "/home/user/d/x");
    CHECK_INT(find("/home/user/dot", PATH_FOLLOW), 0);
    CHECK_STR(place.path, "/home/user/d");
    CHECK_STR(place.name, "d");
    CHECK(is_file(home("d")));
    CHECK_INT(find("/home/user/up", PATH_FOLLOW), 0);
    CHECK_STR(place.path, "/home/user");
    CHECK_INT(find("/home/user/up/d/x", PATH_FOLLOW), 0);
}

TEST("links in a circle come to an end") {
    begin();
    CHECK(symlink("b", home("a")) == 0);
    CHECK(symlink("a", home("b")) == 0);
    CHECK(symlink("self/self", home("self")) == 0);
    CHECK_INT(find("/home/user/a", PATH_FOLLOW), ELOOP);
    CHECK_INT(find("/home/user/a/x", 0), ELOOP);
    CHECK_INT(find("/home/user/self", PATH_FOLLOW), ELOOP);
    CHECK_INT(find("/home/user/a", 0), 0);
}

TEST("forty links are followed, one more is too many") {
    begin();
    char to[16], name[16];
    put(home("l0"));
    for (int i = 1; i <= 41; i++) {
        snprintf(to, sizeof to, "l%d", i - 1);
        snprintf(name, sizeof name, "l%d", i);
        CHECK(symlink(to, home(name)) == 0);
    }
    CHECK_INT(find("/home/user/l40", PATH_FOLLOW), 0);
    CHECK_INT(find("/home/user/l41", PATH_FOLLOW), ELOOP);
}

TEST("names and paths may be long, not longer") {
    begin();
    static char path[3 * PATH_MAX];
    memcpy(path, "/home/user/", 11);
    memset(path + 11, 'n', NAME_MAX);
    path[11 + NAME_MAX] = '\0';
    CHECK_INT(find(path, 0), ENOENT);
    memcpy(path + 11 + NAME_MAX, "n", 2);
    CHECK_INT(find(path, 0), ENAMETOOLONG);
    memset(path, '/', PATH_MAX - 1);
    path[PATH_MAX - 1] = '\0';
    CHECK_INT(find(path, 0), 0);
    memcpy(path + PATH_MAX - 1, "/", 2);
    CHECK_INT(find(path, 0), ENAMETOOLONG);
    CHECK_INT(find("relative", 0), EINVAL);
    CHECK_INT(find("", 0), EINVAL);
}

TEST("what is a link to itself by /proc leads nowhere that its text does not say") {
    begin();
    int fd = open(outside, O_RDONLY | O_DIRECTORY);
    CHECK(fd >= 0);
    char path[128];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    CHECK_INT(find(path, PATH_FOLLOW), 0);
    CHECK_STR(place.path, outside);
    /* Its text is all that counts, so what was removed is not found. */
    CHECK(rmdir(outside) == 0);
    CHECK_INT(find(path, PATH_FOLLOW), ENOENT);
    snprintf(path, sizeof path, "/proc/self/fd/%d/..", fd);
    CHECK_INT(find(path, PATH_FOLLOW), ENOENT);
    close(fd);
}

TEST("files of the kernel's own are not changed, whoever asks") {
    begin();
    sandbox.rung = RUNG_USER;
    CHECK_INT(find("/proc/self/oom_score_adj", PATH_CHANGE | PATH_FOLLOW), EPERM);
    CHECK_INT(find("/sys/kernel/x", PATH_CHANGE), EPERM);
    CHECK_INT(find("/proc/self/oom_score_adj", PATH_FOLLOW), 0);
    sandbox.rung = RUNG_NONE;
}

TEST("only regular files are opened, and pipes do not make anybody wait") {
    begin();
    put(home("file"));
    make(home("directory"));
    CHECK(mkfifo(home("pipe"), 0644) == 0);
    static const struct {
        const char *path;
        int code;
    } cases[] = {
        {"/home/user/directory", -EISDIR}, {"/home/user/pipe", -ENXIO}, {"/dev/zero", -ENXIO}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_INT(path_find(&sandbox, cases[i].path, PATH_FOLLOW, NULL, &place), 0);
        int fd = path_open_file(&place, O_RDONLY);
        path_close(&place);
        CHECK_INT(fd, cases[i].code);
    }
    CHECK_INT(path_find(&sandbox, "/home/user/file", PATH_FOLLOW, NULL, &place), 0);
    int fd = path_open_file(&place, O_RDONLY);
    CHECK(fd >= 0);
    close(fd);
    /* Another file in its place, between the look and the opening. */
    CHECK(rename(home("file"), home("kept")) == 0);
    put(home("file"));
    CHECK_INT(path_open_file(&place, O_RDONLY), -EAGAIN);
    path_close(&place);
}

TEST("no way leaves a descriptor open") {
    begin();
    put(home("x"));
    CHECK(symlink("/etc/../etc/passwd", home("link")) == 0);
    static const char *const paths[] = {"/home/user/x",    "/home/user/x/y",  "/home/user/link",
                                        "/home/user/none", "/home/user/../x", "/home/user/a/../b"};
    int before = dup(0);
    close(before);
    for (unsigned flags = 0; flags < 16; flags++)
        for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
            if (!(flags & PATH_MAKE)) find(paths[i], flags);
    int after = dup(0);
    close(after);
    CHECK_INT(after, before);
    end();
    top[0] = '\0';
}

TEST_MAIN
