/*
 * What the walls of both rungs that have some hold back: the ways out that are known, the host's
 * files in both directions, other sandboxes. Behind the real launcher, as root and as an ordinary
 * user. Of RUNG_NONE nothing of this is claimed.
 */
#include "../test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend.h"
#include "escapes.h"
#include "program.h"

#define ESCAPES_PATH "/usr/local/bin/escapes"

static backend_t backend;
static far_t far;
static told_t told;

static const char *says_as(const char *user, const char *line) {
    const char *const args[] = {"/bin/sh", "-c", line, NULL};
    memset(&told, 0, sizeof told);
    program_spawn(&far, 1, &(order_t){.args = args, .user = user});
    program_listen(&far, 1, &told);
    CHECK_INT(told.error, 0);
    return told.text[WIRE_STDOUT];
}

static void begin(boot_rung_t rung, const backend_boot_t *boot) {
    backend_start(&backend, rung);
    backend_open(&backend, &far, boot, NULL);
}

static void finish(void) {
    far_close(&far);
    backend_stop(&backend);
}

/* ---- ways out ---- */

/* This executable as a file of the layer under the sandbox. */
static void put_escapes(void) {
    char path[PATH_MAX];
    struct stat st;
    backend_put(&backend, ESCAPES_PATH, "", 0755);
    snprintf(path, sizeof path, "%s/base" ESCAPES_PATH, backend.directory);
    int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    int to = open(path, O_WRONLY | O_CLOEXEC);
    CHECK(from >= 0 && to >= 0 && fstat(from, &st) == 0);
    CHECK_INT(sendfile(to, from, NULL, (size_t)st.st_size), st.st_size);
    close(from);
    close(to);
}

static void try_as(const char *user) {
    const char *const args[] = {ESCAPES_PATH, NULL};
    const char *const env[] = {PROGRAM_PATH, ESCAPES_VARIABLE "=1", "ASAN_OPTIONS=detect_leaks=0",
                               NULL};
    memset(&told, 0, sizeof told);
    program_spawn(&far, 2, &(order_t){.args = args, .env = env, .user = user, .cwd = "/tmp"});
    program_listen(&far, 2, &told);
    CHECK_STR(told.text[WIRE_STDERR], "");
    if (strstr(told.text[WIRE_STDOUT], "ESCAPED") != NULL)
        fprintf(stderr, "  as \"%s\":\n%s", user, told.text[WIRE_STDOUT]);
    CHECK(strstr(told.text[WIRE_STDOUT], "ESCAPED") == NULL);
    CHECK(strstr(told.text[WIRE_STDOUT], ESCAPES_END) != NULL);
}

static void check_ways_out(boot_rung_t rung, uint32_t flags) {
    backend_start(&backend, rung);
    put_escapes();
    backend_open(&backend, &far, &(backend_boot_t){.flags = flags}, NULL);
    try_as("user");
    try_as("root");
    says_as("", "kill -9 -1; kill -STOP 1");
    CHECK_STR(says_as("", "echo lives"), "lives\n");
    finish();
}

/* ---- the host's files ---- */

/* On the host; 'x' is a name that nobody else has. */
static bool is_there(const char *directory, const char *name) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return access(path, F_OK) == 0 || errno != ENOENT;
}

static void check_files(boot_rung_t rung) {
    char name[64], line[1024];
    begin(rung, NULL);
    snprintf(name, sizeof name, "e2b-test-%ld", (long)getpid());
    snprintf(line, sizeof line,
             "cd /; for d in etc usr usr/bin var opt tmp root home mnt srv . run dev; do"
             " echo x >$d/%s; done 2>/dev/null; rm -rf /etc/ssl /usr/share/doc 2>/dev/null;"
             " echo x >>/etc/passwd; cat tmp/%s home/%s",
             name, name, name);
    CHECK_STR(says_as("root", line), "x\nx\n");
    const char *const places[] = {"/etc",  "/usr", "/usr/bin", "/var", "/opt", "/tmp", "/root",
                                  "/home", "/mnt", "/srv",     "/",    "/run", "/dev"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) CHECK(!is_there(places[i], name));
    /* What is the host's own, and nobody's who is in there. */
    CHECK_STR(
        says_as("root", "ls -A /mnt /media /srv /boot /var/tmp | grep -v -e : -e '^$' -e e2b-test"),
        "");
    snprintf(line, sizeof line, "ls %s /proc/1/cwd %s/run 2>/dev/null | wc -l", backend.directory,
             backend.directory);
    CHECK_STR(says_as("root", line), "0\n");
    snprintf(line, sizeof line, "grep -c %s /proc/self/mountinfo /proc/mounts", backend.directory);
    CHECK_STR(says_as("root", line), "/proc/self/mountinfo:0\n/proc/mounts:0\n");
    finish();
}

/* Homes of the host, and its directories beside those that programs are in. */
static void check_hidden(boot_rung_t rung) {
    begin(rung, NULL);
    CHECK_STR(says_as("root", "ls /home"), "other\nuser\n");
    CHECK_STR(says_as("root", "ls -A /root"), "");
    CHECK_STR(says_as("root", "ls / | tr '\\n' ' ' | sed 's/lib[0-9x]* //g; s/sbin //; s/nix //'"),
              "bin boot dev etc home media mnt opt proc root run srv sys tmp usr var ");
    finish();
}

/* A backend whose directory lies in one that shows; and what else is its user's alone around it. */
static void check_own_directory(boot_rung_t rung) {
    char state[64], secret[80], line[256], *before = getenv("TMPDIR");
    /* Who is nobody here has to have it where he may write, which is hidden by itself. */
    snprintf(state, sizeof state, "/var/%s/e2b-state-XXXXXX", geteuid() == 0 ? "cache" : "tmp");
    CHECK(mkdtemp(state) != NULL);
    if (geteuid() == 0 && rung == RUNG_USER) CHECK_INT(chown(state, 1000, 1000), 0);
    snprintf(secret, sizeof secret, "%s/secret", state);
    int fd = open(secret, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    close(fd);
    char *kept = before != NULL ? strdup(before) : NULL;
    setenv("TMPDIR", state, 1);
    begin(rung, NULL);
    kept != NULL ? setenv("TMPDIR", kept, 1) : unsetenv("TMPDIR");
    free(kept);
    snprintf(line, sizeof line, "ls %s/base %s 2>/dev/null; echo end", backend.directory, secret);
    CHECK_STR(says_as("root", line), "end\n");
    finish();
    unlink(secret);
    CHECK_INT(rmdir(state), 0);
}

static void check_visible(boot_rung_t rung) {
    char directory[] = "/tmp/e2b-visible-XXXXXX", path[64], line[256];
    CHECK(mkdtemp(directory) != NULL);
    chmod(directory, 0755);
    snprintf(path, sizeof path, "%s/tool", directory);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    fchmod(fd, 0666);
    CHECK_INT(write(fd, "tool\n", 5), 5);
    close(fd);
    const char *const visible[] = {directory, NULL};
    begin(rung, &(backend_boot_t){.visible = visible});
    snprintf(line, sizeof line, "cat %s; echo x 2>/dev/null >%s || echo refused", path, path);
    CHECK_STR(says_as("", line), "tool\nrefused\n");
    finish();
    unlink(path);
    rmdir(directory);
}

/* ---- other sandboxes ---- */

static void check_neighbours(boot_rung_t rung) {
    far_t other;
    begin(rung, NULL);
    backend_open(&backend, &other, NULL, NULL);
    told_t there = {0};
    program_run(&other, "echo secret >/tmp/secret; (sleep 1000 & echo) >/dev/null 2>&1; echo done",
                &there);
    CHECK_STR(there.text[WIRE_STDOUT], "done\n");
    CHECK_STR(says_as("root", "cat /tmp/secret 2>/dev/null; pgrep -x sleep; ls /dev/shm; echo end"),
              "end\n");
    says_as("root", "kill -9 -1; ipcrm --all 2>/dev/null; hostname x 2>/dev/null");
    program_run(&other, "pgrep -x sleep | wc -l; hostname", &there);
    CHECK_STR(there.text[WIRE_STDOUT], "1\ne2b.local\n");
    far_close(&other);
    finish();
}

/* ---- network ---- */

static void isolate(uint32_t stream, uint32_t back) {
    far_begin(&far, WIRE_ISOLATE, 0, stream);
    wire_put_u32(&far.writer, back);
    far_send(&far);
}

/* The one way back to the network of the host, which is another's for an ordinary user. */
static void check_return(boot_rung_t rung) {
    char ours[64] = "";
    CHECK(readlink("/proc/self/ns/net", ours, sizeof ours - 1) > 0);
    program_shell(&far, 8, 0, "echo; exec sleep 1000");
    program_started(&far, 8);
    memset(&told, 0, sizeof told);
    program_listen_for(&far, 8, &told, WIRE_STDOUT, "\n");
    isolate(9, 1);
    CHECK_INT(far_expect_failed(&far, 9), EBUSY);
    program_signal(&far, 8, 9);
    program_listen(&far, 8, &told);
    isolate(10, 1);
    if (rung == RUNG_USER) {
        CHECK_INT(far_expect_failed(&far, 10), EPERM);
        CHECK(strstr(says_as("", "readlink /proc/self/ns/net"), ours) == NULL);
    } else {
        far_expect(&far, WIRE_DONE, 10);
        CHECK(strstr(says_as("", "readlink /proc/self/ns/net"), ours) != NULL);
    }
    isolate(11, 2);
    CHECK_INT(far_expect_failed(&far, 11), EBADMSG);
}

static void check_network(boot_rung_t rung) {
    backend_start(&backend, rung);
    uint32_t features =
        backend_open(&backend, &far, &(backend_boot_t){.flags = BOOT_NO_NETWORK}, NULL);
    CHECK(features & WIRE_HAS_NETWORK);
    CHECK_STR(says_as("", "tail -n +3 /proc/net/dev | cut -d: -f1; cat /proc/net/route | wc -l"),
              "    lo\n1\n");
    check_return(rung);
    finish();
}

static void check_isolate(boot_rung_t rung) {
    begin(rung, NULL);
    program_shell(&far, 5, 0, "echo; exec sleep 1000");
    program_started(&far, 5);
    memset(&told, 0, sizeof told);
    program_listen_for(&far, 5, &told, WIRE_STDOUT, "\n");
    isolate(6, 0);
    CHECK_INT(far_expect_failed(&far, 6), EBUSY);
    program_signal(&far, 5, 9);
    program_listen(&far, 5, &told);
    isolate(7, 0);
    far_expect(&far, WIRE_DONE, 7);
    CHECK_STR(says_as("", "tail -n +3 /proc/net/dev | cut -d: -f1"), "    lo\n");
    check_return(rung);
    finish();
}

/* ---- facts ---- */

#define ON_BOTH(fact, call)                                                                        \
    static void TEST_JOIN(as_root_, __LINE__)(void) {                                              \
        boot_rung_t rung = RUNG_ROOT;                                                              \
        call;                                                                                      \
    }                                                                                              \
    static void TEST_JOIN(as_user_, __LINE__)(void) {                                              \
        boot_rung_t rung = RUNG_USER;                                                              \
        call;                                                                                      \
    }                                                                                              \
    __attribute__((constructor)) static void TEST_JOIN(add_, __LINE__)(void) {                     \
        if (geteuid() == 0) test_add("root: " fact, TEST_JOIN(as_root_, __LINE__));                \
        test_add("user: " fact, TEST_JOIN(as_user_, __LINE__));                                    \
    }

ON_BOTH("no known way leads out of a sandbox", check_ways_out(rung, 0))
ON_BOTH("nor out of one without a network", check_ways_out(rung, BOOT_NO_NETWORK))
ON_BOTH("what is written inside does not reach the host", check_files(rung))
ON_BOTH("of the host only programs and what they need are seen", check_hidden(rung))
ON_BOTH("the backend's directory is hidden wherever it lies", check_own_directory(rung))
ON_BOTH("a visible directory is seen at its place, and not written to", check_visible(rung))
ON_BOTH("sandboxes do not see, signal or rename each other", check_neighbours(rung))
ON_BOTH("one booted without a network has a loopback and no route", check_network(rung))
ON_BOTH("one is cut off when nothing runs that has the network", check_isolate(rung))

__attribute__((constructor)) static void say_what_is_not_tried(void) {
    if (geteuid() != 0) fprintf(stderr, "test_init_walls: not root: RUNG_ROOT is not tried\n");
}

TEST_MAIN
