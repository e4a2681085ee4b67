/*
 * What a sandbox's files are made of: the host's or a given root, layers, what was written before;
 * and that all of it is also had where the host's root cannot be taken in one piece. Behind the
 * real launcher.
 */
#include "../test.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend.h"
#include "program.h"
#include "remove_tree.h"

static backend_t backend;
static far_t far;
static told_t told;

static const char *says(const char *line) {
    const char *const args[] = {"/bin/sh", "-c", line, NULL};
    memset(&told, 0, sizeof told);
    program_spawn(&far, 1, &(order_t){.args = args, .user = "root", .cwd = "/"});
    program_listen(&far, 1, &told);
    CHECK_INT(told.error, 0);
    return told.text[WIRE_STDOUT];
}

/* Until nothing runs there any more. */
static void end_sandbox(void) {
    wire_frame_t frame;
    shutdown(far.fd, SHUT_WR);
    while (far_try_next(&far, &frame)) continue;
    far_close(&far);
}

static void finish(void) {
    far_close(&far);
    backend_stop(&backend);
}

/* ---- what was written stays ---- */

/* What the user of RUNG_USER may do too. */
#define CHANGES                                                                                    \
    "mkdir /app /srv/x && echo 1 >/app/file && echo 2 >/etc/new && echo 3 >/home/user/file &&"     \
    "rm /etc/profile && rm -rf /home/other && mkdir /home/other && echo 4 >/home/other/new &&"     \
    "echo 5 >/tmp/file && ln -s /app/file /link && echo 6 >/var/tmp/file && mv /srv/x /srv/y &&"   \
    "echo 7 >>/etc/passwd && echo done"
#define LOOKS                                                                                      \
    "cat /app/file /etc/new /home/user/file /home/other/new /tmp/file /link /var/tmp/file;"        \
    "tail -n 1 /etc/passwd; ls /home/other /srv; ls -d /etc/profile 2>/dev/null; ls -A / | grep "  \
    "'^\\.'"
#define SEEN "1\n2\n3\n4\n5\n1\n6\n7\n/home/other:\nnew\n\n/srv:\ny\n"

/* As the upper of another boot, and as a layer under one. */
static void check_written(boot_rung_t rung) {
    char first[PATH_MAX], layer[PATH_MAX], upper[PATH_MAX];
    backend_start(&backend, rung);
    backend_put(&backend, "/home/other/old", "", 0666);
    backend_open(&backend, &far, NULL, first);
    CHECK_STR(says(CHANGES), "done\n");
    end_sandbox();
    snprintf(upper, sizeof upper, "%.4000s/upper", first);
    snprintf(layer, sizeof layer, "%s/layer", backend.directory);
    CHECK_INT(rename(upper, layer), 0);

    backend_open(&backend, &far, &(backend_boot_t){.layer = layer}, NULL);
    CHECK_STR(says(LOOKS), SEEN);
    CHECK_STR(says("rm -r /app && echo 8 >/etc/new; echo done"), "done\n");
    CHECK_STR(says("ls -d /app 2>/dev/null; cat /etc/new"), "8\n");
    far_close(&far);
    backend_open(&backend, &far, &(backend_boot_t){.layer = layer}, NULL);
    CHECK_STR(says(LOOKS), SEEN);
    finish();
}

static void check_again(boot_rung_t rung) {
    char first[PATH_MAX], second[PATH_MAX], from[PATH_MAX], to[PATH_MAX];
    backend_start(&backend, rung);
    backend_put(&backend, "/home/other/old", "", 0666);
    backend_open(&backend, &far, NULL, first);
    CHECK_STR(says(CHANGES), "done\n");
    end_sandbox();
    /* The next one is told the same directory. */
    snprintf(second, sizeof second, "%s/run/box2", backend.directory);
    snprintf(from, sizeof from, "%.4000s", first);
    snprintf(to, sizeof to, "%.4000s", second);
    CHECK_INT(rename(from, to), 0);
    backend_open(&backend, &far, NULL, NULL);
    CHECK_STR(says(LOOKS), SEEN);
    finish();
}

/* ---- a given root ---- */

static int ask(uint8_t type, const char *path) {
    far_begin(&far, type, 0, 50);
    wire_put_text(&far.writer, "root");
    wire_put_text(&far.writer, path);
    far_send(&far);
    wire_frame_t frame = far_next(&far);
    wire_reader_t reader = wire_read(&frame);
    return frame.type == WIRE_DONE ? 0 : (int)wire_read_u32(&reader);
}

static void check_given_root(boot_rung_t rung) {
    char root[PATH_MAX], path[PATH_MAX];
    backend_start(&backend, rung);
    backend_put(&backend, "/../given/usr/lib/file", "x", 0644);
    backend_put(&backend, "/../given/top", "x", 0644);
    backend_put(&backend, "/../given/home/file", "x", 0644);
    snprintf(root, sizeof root, "%s/given", backend.directory);
    backend_open(&backend, &far, &(backend_boot_t){.root = root}, NULL);
    CHECK_INT(ask(WIRE_STAT, "/usr/lib/file"), 0);
    CHECK_INT(ask(WIRE_STAT, "/top"), 0);
    CHECK_INT(ask(WIRE_STAT, "/home/file"), 0);
    CHECK_INT(ask(WIRE_STAT, "/home/user"), 0);
    CHECK_INT(ask(WIRE_STAT, "/usr/share"), ENOENT);
    CHECK_INT(ask(WIRE_STAT, "/proc/self"), 0);
    CHECK_INT(ask(WIRE_MKDIR, "/usr/made"), 0);
    CHECK_INT(ask(WIRE_STAT, "/usr/made"), 0);
    snprintf(path, sizeof path, "%.4000s/usr/made", root);
    CHECK(access(path, F_OK) < 0 && errno == ENOENT);
    finish();
}

/* ---- what is the machine's ---- */

static void check_boot_id(boot_rung_t rung) {
    backend_start(&backend, rung);
    backend_open(&backend, &far, NULL, NULL);
    CHECK_STR(says("cat /proc/sys/kernel/random/boot_id; hostname"),
              "11111111-2222-4333-8444-555555555555\ne2b.local\n");
    CHECK_STR(
        says("echo x >/dev/null; head -c 3 /dev/zero | wc -c; ls /dev/fd/0; df /dev/shm >/dev/null "
             "&& echo shm; echo x >/run/x && cat /run/x; nproc >/dev/null && echo fine"),
        "3\n/dev/fd/0\nshm\nx\nfine\n");
    finish();
}

/* ---- hosts that are put together otherwise ---- */

/* Runs it where something is mounted at a place that shows, as in containers. */
static void elsewhere(const char *place, const char *source, void (*check)(boot_rung_t),
                      boot_rung_t rung) {
    int before = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    CHECK(before >= 0 && unshare(CLONE_NEWNS) == 0);
    CHECK_INT(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    int code = source != NULL ? mount(source, place, NULL, MS_BIND, NULL)
                              : mount("none", place, "tmpfs", 0, NULL);
    CHECK_INT(code, 0);
    check(rung);
    CHECK_INT(setns(before, CLONE_NEWNS), 0);
    close(before);
}

static void root_by_parts(void) {
    elsewhere("/opt", NULL, check_written, RUNG_ROOT);
    elsewhere("/opt", NULL, check_boot_id, RUNG_ROOT);
}

static void files_mounted_in_etc(void) {
    elsewhere("/etc/hosts", "/etc/hostname", check_written, RUNG_USER);
    elsewhere("/usr/local", NULL, check_boot_id, RUNG_USER);
}

/* ---- from one piece to parts, and back ---- */

/* A layer that was made in the one way, under a sandbox that is made in the other. */
static void check_layer_of(const char *layer) {
    backend_start(&backend, RUNG_ROOT);
    backend_put(&backend, "/home/other/old", "", 0666);
    backend_open(&backend, &far, &(backend_boot_t){.layer = layer}, NULL);
    CHECK_STR(says(LOOKS), SEEN);
    finish();
}

static char kept[] = "/var/tmp/e2b-layer-XXXXXX";

static void keep_layer(boot_rung_t rung) {
    char first[PATH_MAX], upper[PATH_MAX];
    backend_start(&backend, rung);
    backend_put(&backend, "/home/other/old", "", 0666);
    backend_open(&backend, &far, NULL, first);
    CHECK_STR(says(CHANGES), "done\n");
    end_sandbox();
    snprintf(upper, sizeof upper, "cp -a %.4000s/upper/. %s", first, kept);
    CHECK_INT(system(upper), 0);
    backend_open(&backend, &far, NULL, NULL);
    finish();
}

static void check_kept(boot_rung_t rung) {
    (void)rung;
    check_layer_of(kept);
}

static void one_after_the_other(void) {
    CHECK(mkdtemp(kept) != NULL);
    keep_layer(RUNG_ROOT);
    elsewhere("/opt", NULL, check_kept, RUNG_ROOT);
    CHECK_INT(remove_tree(AT_FDCWD, kept), 0);
    CHECK(mkdir(kept, 0755) == 0);
    elsewhere("/opt", NULL, keep_layer, RUNG_ROOT);
    check_kept(RUNG_ROOT);
    CHECK_INT(remove_tree(AT_FDCWD, kept), 0);
}

/* ---- facts ---- */

#define ON_BOTH(fact, call)                                                                        \
    static void TEST_JOIN(as_root_, __LINE__)(void) {                                              \
        call(RUNG_ROOT);                                                                           \
    }                                                                                              \
    static void TEST_JOIN(as_user_, __LINE__)(void) {                                              \
        call(RUNG_USER);                                                                           \
    }                                                                                              \
    __attribute__((constructor)) static void TEST_JOIN(add_, __LINE__)(void) {                     \
        if (geteuid() == 0) test_add("root: " fact, TEST_JOIN(as_root_, __LINE__));                \
        test_add("user: " fact, TEST_JOIN(as_user_, __LINE__));                                    \
    }

ON_BOTH("what a sandbox has written is a layer under others", check_written)
ON_BOTH("and its own in a boot after that", check_again)
ON_BOTH("a given root takes the place of the host's files", check_given_root)
ON_BOTH("a boot has its own id, name, devices and memory", check_boot_id)

__attribute__((constructor(65535))) static void add_facts_of_root(void) {
    if (geteuid() != 0) {
        fprintf(stderr, "test_init_mounts: not root: RUNG_ROOT and other hosts are not tried\n");
        return;
    }
    test_add("root: where a directory that shows is a mount, the parts are the same",
             root_by_parts);
    test_add("root: a layer made in one piece fits under parts, and the other way round",
             one_after_the_other);
    test_add("user: where files of /etc are mounts it is the same", files_mounted_in_etc);
}

TEST_MAIN
