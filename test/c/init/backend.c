/*
 * backend.c: see backend.h. What it makes lies under the system's temporary directory; the program
 * is copied there, since an ordinary user may not reach the build. Test thread.
 */
#include "backend.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define ORDINARY_USER 1000

static const char passwd[] = "root:x:0:0:root:/root:/bin/bash\n"
                             "user:x:1000:1000:user:/home/user:/bin/bash\n"
                             "other:x:1001:1001:other:/home/other:/bin/sh\n";
static const char group[] = "root:x:0:\ntty:x:5:\nstaff:x:50:user,other\nuser:x:1000:\n"
                            "other:x:1001:\n";

_Noreturn static void give_up(const char *what) {
    fprintf(stderr, "  backend: %s: %s\n", what, strerror(errno));
    abort();
}

static void path_in(const backend_t *backend, const char *name, char path[PATH_MAX]) {
    if (snprintf(path, PATH_MAX, "%s/%s", backend->directory, name) >= PATH_MAX) give_up(name);
}

static void give(const backend_t *backend, const char *path) {
    if (geteuid() == 0 && lchown(path, backend->uid, backend->uid) < 0) give_up(path);
}

/* With its parents, below the backend's directory. */
static void make_directory(const backend_t *backend, const char *name) {
    char path[PATH_MAX];
    path_in(backend, name, path);
    for (char *at = path + strlen(backend->directory) + 1; at != NULL;) {
        char *slash = strchr(at, '/');
        if (slash != NULL) *slash = '\0';
        if (mkdir(path, 0755) == 0)
            give(backend, path);
        else if (errno != EEXIST)
            give_up(path);
        if (slash != NULL) *slash = '/';
        at = slash != NULL ? slash + 1 : NULL;
    }
}

/* A home is its user's, where there are users. */
static void make_home(const backend_t *backend, const char *name, uid_t uid) {
    char path[PATH_MAX];
    make_directory(backend, name);
    path_in(backend, name, path);
    if (backend->rung == RUNG_ROOT && lchown(path, uid, uid) < 0) give_up(path);
}

static int create(const backend_t *backend, const char *name, char path[PATH_MAX]) {
    path_in(backend, name, path);
    char *slash = strrchr(path, '/');
    *slash = '\0';
    make_directory(backend, path + strlen(backend->directory) + 1);
    *slash = '/';
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) give_up(path);
    return fd;
}

static void finish(const backend_t *backend, int fd, const char *path, mode_t mode) {
    if (geteuid() == 0 && fchown(fd, backend->uid, backend->uid) < 0) give_up(path);
    if (fchmod(fd, mode) < 0) give_up(path);
    close(fd);
}

void backend_put(const backend_t *backend, const char *path, const char *text, mode_t mode) {
    char name[PATH_MAX], full[PATH_MAX];
    snprintf(name, sizeof name, "base%s", path);
    int fd = create(backend, name, full);
    if (write(fd, text, strlen(text)) != (ssize_t)strlen(text)) give_up(full);
    finish(backend, fd, full, mode);
}

static void copy_program(const backend_t *backend, const char *name, mode_t mode) {
    char path[PATH_MAX];
    struct stat st;
    int from = open(E2B_INIT, O_RDONLY | O_CLOEXEC), to = create(backend, name, path);
    if (from < 0 || fstat(from, &st) < 0) give_up(E2B_INIT);
    if (sendfile(to, from, NULL, (size_t)st.st_size) != st.st_size) give_up(path);
    close(from);
    finish(backend, to, path, mode);
}

_Noreturn static void run_launcher(const backend_t *backend, int hold, int output) {
    static const char *const rungs[] = {
        [RUNG_ROOT] = "root", [RUNG_USER] = "user", [RUNG_NONE] = "none"};
    char program[PATH_MAX];
    path_in(backend, "bin/e2b-init", program);
    if (geteuid() != backend->uid &&
        (setgroups(0, NULL) < 0 || setgid(backend->uid) < 0 || setuid(backend->uid) < 0))
        give_up("setuid");
    if (dup2(hold, 0) < 0 || dup2(output, 1) < 0) give_up("dup2");
    execl(program, program, rungs[backend->rung], backend->directory, (char *)NULL);
    give_up(program);
}

void backend_restart(backend_t *backend) {
    int hold[2], output[2];
    char line[300];
    if (pipe2(hold, O_CLOEXEC) < 0 || pipe2(output, O_CLOEXEC) < 0) give_up("pipe");
    fflush(NULL);
    backend->launcher = fork();
    if (backend->launcher < 0) give_up("fork");
    if (backend->launcher == 0) run_launcher(backend, hold[0], output[1]);
    close(hold[0]);
    close(output[1]);
    backend->hold = hold[1];
    ssize_t len = read(output[0], line, sizeof line - 1);
    line[len > 0 ? len : 0] = '\0';
    backend->said = output[0];
    if (strcmp(line, "ready\n") != 0) give_up(line);
}

void backend_start(backend_t *backend, boot_rung_t rung) {
    const char *temporary = getenv("TMPDIR");
    bool ordinary = rung != RUNG_ROOT && geteuid() == 0;
    *backend = (backend_t){.rung = rung, .uid = ordinary ? ORDINARY_USER : geteuid()};
    snprintf(backend->directory, sizeof backend->directory, "%s/e2b-test-XXXXXX",
             temporary != NULL ? temporary : "/tmp");
    if (mkdtemp(backend->directory) == NULL) give_up("mkdtemp");
    give(backend, backend->directory);
    backend_put(backend, "/etc/passwd", passwd, 0644);
    backend_put(backend, "/etc/group", group, 0644);
    backend_put(backend, "/etc/profile", "", 0644);
    make_directory(backend, "base/root");
    make_home(backend, "base/home/user", 1000);
    make_home(backend, "base/home/other", 1001);
    copy_program(backend, "bin/e2b-init", 0755);
    copy_program(backend, "base/usr/bin/sudo", 04755);
    backend_restart(backend);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk) {
    (void)st, (void)type, (void)walk;
    return remove(path);
}

void backend_stop(backend_t *backend) {
    char path[PATH_MAX];
    int status;
    close(backend->hold);
    if (backend->said >= 0) close(backend->said);
    if (waitpid(backend->launcher, &status, 0) != backend->launcher) give_up("waitpid");
    if (status != 0) give_up("the launcher did not end well");
    path_in(backend, "run", path);
    if (access(path, F_OK) == 0) give_up("the launcher has left sandboxes");
    nftw(backend->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- sandboxes ---- */

static int connect_as(const backend_t *backend) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/launch.sock", backend->directory);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    uid_t own = geteuid();
    if (own != backend->uid && seteuid(backend->uid) < 0) give_up("seteuid");
    int code = connect(fd, (struct sockaddr *)&address, sizeof address);
    int error = errno;
    if (own != backend->uid && seteuid(own) < 0) give_up("seteuid");
    errno = error;
    if (fd < 0 || code < 0) give_up("connect");
    return fd;
}

static void put_list(wire_writer_t *writer, const char *const *list) {
    uint32_t count = 0;
    while (list != NULL && list[count] != NULL) count++;
    wire_put_u32(writer, count);
    for (uint32_t i = 0; i < count; i++) wire_put_text(writer, list[i]);
}

static void put_boot(const backend_t *backend, wire_writer_t *writer, const backend_boot_t *boot,
                     const char *id, const char *directory) {
    char base[PATH_MAX];
    path_in(backend, "base", base);
    const char *const layers[] = {boot->layer != NULL ? boot->layer : base,
                                  boot->layer != NULL ? base : NULL, NULL};
    wire_put_text(writer, id);
    wire_put_text(writer, "e2b.local");
    wire_put_text(writer, directory);
    wire_put_text(writer, boot->root != NULL ? boot->root : "");
    put_list(writer, layers);
    put_list(writer, boot->visible);
    wire_put_text(writer, "user");
    wire_put_text(writer, "11111111-2222-4333-8444-555555555555");
    wire_put_u32(writer, boot->flags);
    wire_put_i64(writer, boot->memory_bytes);
    wire_put_i64(writer, boot->disk_bytes);
    wire_put_u32(writer, boot->processes);
    wire_put_u32(writer, boot->cpu_percent);
}

uint32_t backend_open(backend_t *backend, far_t *far, const backend_boot_t *boot,
                      char directory[PATH_MAX]) {
    static const backend_boot_t plain;
    char id[16], name[64], path[PATH_MAX];
    snprintf(id, sizeof id, "box%u", ++backend->boots);
    snprintf(name, sizeof name, "run/%s/upper/home/user", id);
    make_home(backend, name, 1000);
    snprintf(name, sizeof name, "run/%s/upper/root", id);
    make_directory(backend, name);
    snprintf(name, sizeof name, "run/%s", id);
    path_in(backend, name, path);
    if (directory != NULL) memcpy(directory, path, sizeof path);

    far_adopt(far, connect_as(backend));
    far_begin(far, WIRE_BOOT, 0, 0);
    put_boot(backend, &far->writer, boot != NULL ? boot : &plain, id, path);
    far_send(far);
    wire_frame_t frame = far_expect(far, WIRE_BOOTED, 0);
    wire_reader_t reader = wire_read(&frame);
    uint32_t features = wire_read_u32(&reader);
    if (!wire_read_all(&reader)) give_up("BOOTED");
    return features;
}
