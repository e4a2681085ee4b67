/*
 * The launcher's life: what it refuses to begin with, who it lets in, and above all its end:
 * however the backend goes, nothing of twenty sandboxes is left, neither processes nor groups nor
 * files, and no mount of the host's has changed. The real program, as root and as an ordinary user.
 */
#include "../test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend.h"
#include "loop.h"
#include "pid1.h"
#include "program.h"

#define SANDBOXES 20
#define END_MS 2000

static told_t told;

/* ---- what is left ---- */

static char mark[64]; /* an argument of every program of ours: nobody else's has it */

static void new_mark(void) {
    static int count;
    snprintf(mark, sizeof mark, "1000.%06ld%04d", (long)getpid(), ++count);
}

static bool has_mark(const char *pid) {
    char path[300], text[512];
    snprintf(path, sizeof path, "/proc/%s/cmdline", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t len = read(fd, text, sizeof text);
    close(fd);
    return len > 0 && memmem(text, (size_t)len, mark, strlen(mark)) != NULL;
}

static int count_marked(void) {
    int count = 0;
    DIR *list = opendir("/proc");
    for (struct dirent *entry; (entry = readdir(list)) != NULL;)
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && has_mark(entry->d_name)) count++;
    closedir(list);
    return count;
}

static char group_prefix[64];
static int groups;

static int count_group(const char *path, const struct stat *st, int type, struct FTW *walk) {
    (void)st, (void)walk;
    if (type == FTW_D && strstr(path, group_prefix) != NULL) groups++;
    return 0;
}

/* Its own, and in each of them one for a sandbox. */
static int count_groups(pid_t launcher) {
    snprintf(group_prefix, sizeof group_prefix, "e2b-swarm-%d-", (int)launcher);
    groups = 0;
    nftw("/sys/fs/cgroup", count_group, 16, FTW_PHYS);
    return groups;
}

/* What a program on the host sees mounted. */
static char *mounts(void) {
    static char text[2][65536];
    static int which;
    char *at = text[which ^= 1];
    int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    ssize_t len = read(fd, at, sizeof text[0] - 1);
    close(fd);
    at[len > 0 ? len : 0] = '\0';
    return at;
}

/* ---- a backend that dies ---- */

typedef struct shared {
    backend_t backend;
    pid_t pid1;
    bool ready;
} shared_t;

/* Started, and with a session of its own. */
#define DAEMON "setsid sh -c 'sleep %s & sleep %s' >/dev/null 2>&1 </dev/null &"

_Noreturn static void play_backend(shared_t *shared, boot_rung_t rung) {
    static far_t fars[SANDBOXES];
    char line[256];
    backend_t own;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* of a test that fails */
    backend_start(&own, rung);
    shared->backend = own;
    for (int i = 0; i < SANDBOXES; i++) {
        backend_open(&own, &fars[i], NULL, NULL);
        snprintf(line, sizeof line, DAEMON " echo started", mark, mark);
        program_run(&fars[i], line, &told);
    }
    /* One stands still, one is at work, one has mode-000 directories. */
    far_tell(&fars[0], WIRE_FREEZE, 0, 3);
    far_expect(&fars[0], WIRE_DONE, 3);
    program_shell(&fars[1], 4, 0, "yes");
    program_run(&fars[2], "mkdir -p a/b/c; echo x >a/b/c/d; chmod 0 a/b a; echo made", &told);
    shared->ready = true;
    for (;;) pause();
}

static shared_t *shared;
static pid_t backend_pid;

static bool is_ready(void *unused) {
    (void)unused;
    return shared->ready && count_marked() == SANDBOXES * 3;
}

static void begin(boot_rung_t rung) {
    new_mark();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    fflush(NULL);
    backend_pid = fork();
    if (backend_pid == 0) play_backend(shared, rung);
    CHECK(pid1_until(is_ready, NULL));
}

static bool is_gone(void *unused) {
    (void)unused;
    return waitpid(shared->backend.launcher, NULL, WNOHANG) == shared->backend.launcher;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk) {
    (void)st, (void)type, (void)walk;
    return remove(path);
}

static void finish(void) {
    nftw(shared->backend.directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    munmap(shared, sizeof *shared);
}

static bool is_left(const char *name) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", shared->backend.directory, name);
    return access(path, F_OK) == 0;
}

static void check_backend_killed(boot_rung_t rung) {
    const char *before = mounts();
    begin(rung);
    kill(backend_pid, SIGKILL);
    int64_t start = loop_now_ms();
    CHECK(pid1_until(is_gone, NULL));
    int64_t took = loop_now_ms() - start;
    if (took > END_MS) fprintf(stderr, "  the end took %lld ms\n", (long long)took);
    waitpid(backend_pid, NULL, 0);
    CHECK_INT(count_marked(), 0);
    CHECK_INT(count_groups(shared->backend.launcher), 0);
    CHECK(!is_left("run") && !is_left("launch.sock") && is_left("base"));
    CHECK_STR(mounts(), before);
    finish();
}

/* ---- a launcher that dies ---- */

static bool none_marked(void *unused) {
    (void)unused;
    return count_marked() == 0;
}

/* Then the kernel ends the sandboxes, and the next launcher clears what lies there. */
static void check_launcher_killed(boot_rung_t rung) {
    begin(rung);
    kill(shared->backend.launcher, SIGKILL);
    CHECK(pid1_until(none_marked, NULL));
    kill(backend_pid, SIGKILL);
    waitpid(backend_pid, NULL, 0);
    CHECK(pid1_until(is_gone, NULL));
    CHECK(is_left("run"));
    pid_t dead = shared->backend.launcher;
    bool had_groups = count_groups(dead) > 0;
    if (rung == RUNG_ROOT) CHECK(had_groups);
    backend_t next = shared->backend;
    backend_restart(&next);
    CHECK_INT(count_groups(dead), 0);
    backend_stop(&next);
    munmap(shared, sizeof *shared);
}

/* ---- one sandbox ---- */

static backend_t backend;
static far_t far;

/* The channel's end says that all in it is dead. */
static void check_end_of_channel(boot_rung_t rung) {
    char line[256];
    wire_frame_t frame;
    new_mark();
    backend_start(&backend, rung);
    backend_open(&backend, &far, NULL, NULL);
    snprintf(line, sizeof line, DAEMON " echo started", mark, mark);
    program_run(&far, line, &told);
    int groups_with = count_groups(backend.launcher);
    shutdown(far.fd, SHUT_WR);
    while (far_try_next(&far, &frame)) continue;
    CHECK_INT(count_marked(), 0);
    /* Each hierarchy has one less. */
    if (rung == RUNG_ROOT) CHECK_INT(count_groups(backend.launcher) * 2, groups_with);
    far_close(&far);
    backend_stop(&backend);
}

static pid_t pid1_of(pid_t launcher) {
    char path[64];
    int pid = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)launcher, (int)launcher);
    FILE *children = fopen(path, "re");
    if (children != NULL && fscanf(children, "%d", &pid) != 1) pid = 0;
    if (children != NULL) fclose(children);
    return pid;
}

static void check_pid1_killed(boot_rung_t rung) {
    char line[256];
    far_t other;
    wire_frame_t frame;
    new_mark();
    backend_start(&backend, rung);
    backend_open(&backend, &far, NULL, NULL);
    pid_t pid1 = pid1_of(backend.launcher);
    CHECK(pid1 > 0);
    backend_open(&backend, &other, NULL, NULL);
    snprintf(line, sizeof line, DAEMON " echo started", mark, mark);
    program_run(&far, line, &told);
    kill(pid1, SIGKILL);
    while (far_try_next(&far, &frame)) continue;
    CHECK_INT(count_marked(), 0);
    memset(&told, 0, sizeof told);
    program_run(&other, "echo lives", &told);
    CHECK_STR(told.text[WIRE_STDOUT], "lives\n");
    far_close(&far);
    far_close(&other);
    backend_stop(&backend);
}

/* ---- what is refused ---- */

/* What the launcher says to a rung and a directory; its exit status. */
static int said(const char *rung, const char *directory, char *text, size_t size) {
    int output[2], hold[2], status;
    CHECK(pipe2(output, O_CLOEXEC) == 0 && pipe2(hold, O_CLOEXEC) == 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(hold[0], 0);
        dup2(output[1], 1);
        execl(E2B_INIT, E2B_INIT, rung, directory, (char *)NULL);
        _exit(127);
    }
    close(output[1]);
    close(hold[0]);
    ssize_t len = read(output[0], text, size - 1);
    text[len > 0 ? len : 0] = '\0';
    close(hold[1]);
    close(output[0]);
    waitpid(pid, &status, 0);
    return WEXITSTATUS(status);
}

TEST("a directory that others may enter is refused, and not touched") {
    char directory[] = "/tmp/e2b-open-XXXXXX", path[64], text[512];
    CHECK(mkdtemp(directory) != NULL);
    chmod(directory, 0755);
    snprintf(path, sizeof path, "%s/run", directory);
    mkdir(path, 0755);
    CHECK_INT(said("none", directory, text, sizeof text), 1);
    CHECK(strncmp(text, "failed ", 7) == 0);
    CHECK_INT(access(path, F_OK), 0);
    rmdir(path);
    rmdir(directory);
}

TEST("a directory that is not there is refused") {
    char text[512];
    CHECK_INT(said("none", "/nonexistent/e2b", text, sizeof text), 1);
    CHECK(strncmp(text, "failed ", 7) == 0);
}

TEST("a rung that this is not the user for is refused") {
    char directory[] = "/tmp/e2b-rung-XXXXXX", text[512];
    CHECK(mkdtemp(directory) != NULL);
    CHECK_INT(said(geteuid() == 0 ? "user" : "root", directory, text, sizeof text), 1);
    CHECK(strncmp(text, "failed ", 7) == 0);
    rmdir(directory);
}

static int knock(const backend_t *at) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/launch.sock", at->directory);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_INT(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

TEST("who is somebody else is turned away, who says something else is told so") {
    far_t visitor;
    backend_start(&backend, RUNG_NONE);
    far_adopt(&visitor, knock(&backend));
    if (geteuid() == 0) {
        wire_frame_t frame;
        CHECK(!far_try_next(&visitor, &frame));
    } else {
        far_tell(&visitor, WIRE_STAT, 0, 0);
        CHECK_INT(far_expect_failed(&visitor, 0), EBADMSG);
    }
    far_close(&visitor);
    backend_open(&backend, &far, NULL, NULL);
    far_close(&far);
    backend_stop(&backend);
}

/* ---- facts ---- */

#define ON(rung_, name, fact, call)                                                                \
    static void TEST_JOIN(name, __LINE__)(void) {                                                  \
        boot_rung_t rung = rung_;                                                                  \
        call;                                                                                      \
    }                                                                                              \
    __attribute__((constructor)) static void TEST_JOIN(add_##name, __LINE__)(void) {               \
        if (rung_ != RUNG_ROOT || geteuid() == 0)                                                  \
            test_add(#name ": " fact, TEST_JOIN(name, __LINE__));                                  \
    }
#define ON_ALL(fact, call)                                                                         \
    ON(RUNG_ROOT, root, fact, call)                                                                \
    ON(RUNG_USER, user, fact, call)                                                                \
    ON(RUNG_NONE, none, fact, call)

ON_ALL("nothing of twenty sandboxes is left when the backend is killed", check_backend_killed(rung))
ON_ALL("they end with a launcher that is killed, and the next one clears up",
       check_launcher_killed(rung))
ON_ALL("the end of the channel says that nothing runs any more", check_end_of_channel(rung))
ON_ALL("a sandbox whose pid 1 is killed is gone, and its neighbour is not", check_pid1_killed(rung))

__attribute__((constructor)) static void say_what_is_not_tried(void) {
    if (geteuid() != 0) fprintf(stderr, "test_init_launcher: not root: RUNG_ROOT is not tried\n");
}

TEST_MAIN
