/*
 * launcher.c: the launcher's loop: sandboxes made, reaped and, at the end of the backend, ended,
 * and everything of theirs removed. It holds a copy of each sandbox's channel until all in it is
 * dead and its groups are gone: the backend's end of file there says exactly that. Must never wait
 * while it serves, nor die before it has cleared up; if it is killed, its children are, by the
 * kernel.
 */
#include "launcher.h"

#include "birth.h"
#include "clone.h"
#include "descent.h"
#include "door.h"
#include "mounts.h"
#include "remove_tree.h"
#include "remover.h"
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/fs.h>
#include <sys/ioctl.h>
#endif

#define SOCKET "launch.sock"
#define RUN "run"
#define ORPHANS_MS 500 /* of one sandbox on RUNG_NONE; the others wait meanwhile */
#define END_MS 5000    /* for the last process to go; most take none of it */

typedef struct child child_t;

/* A sandbox's pid 1. */
struct child {
    child_t *next;
    pid_t pid; /* 0: reaped, what is left of it is being removed */
    int channel;
    char id[CGROUP_NAME + 1];
};

typedef struct launcher {
    door_t door; /* first: on_boot() has the launcher by it */
    loop_t loop;
    source_t backend, signals;
    child_t *children;
    birth_plan_t plan;
    cgroup_base_t groups;
    remover_t remover;
    char directory[PATH_MAX], private[PATH_MAX];
    bool entered; /* the directory is ours, and what is in it */
    bool ending;
} launcher_t;

/* ---- what it says ---- */

/* One line, or none when nobody reads: the log must not hold us up. */
__attribute__((format(printf, 2, 3))) static void say(int fd, const char *format, ...) {
    char line[PATH_MAX];
    va_list values;
    va_start(values, format);
    int len = vsnprintf(line, sizeof line - 1, format, values);
    va_end(values);
    size_t end = len < (int)sizeof line - 1 ? (size_t)len : sizeof line - 2;
    line[end] = '\n';
    struct pollfd room = {.fd = fd, .events = POLLOUT};
    if (poll(&room, 1, 0) == 1 && write(fd, line, end + 1) < 0) return;
}

/* ---- its children ---- */

static void on_boot(door_t *door, const boot_t *boot, int channel) {
    launcher_t *launcher = (launcher_t *)door;
    child_t *child = calloc(1, sizeof *child);
    int code = child != NULL ? cgroup_make(&launcher->groups, boot->id) : -ENOMEM;
    if (code == 0) code = birth(&launcher->plan, boot, channel);
    if (code < 0) {
        if (child != NULL) cgroup_remove(&launcher->groups, boot->id);
        say(2, "sandbox %s: cannot be made: %s", boot->id, strerror(-code));
        close(channel);
        free(child);
        return;
    }
    *child = (child_t){.next = launcher->children, .pid = code, .channel = channel};
    snprintf(child->id, sizeof child->id, "%s", boot->id);
    launcher->children = child;
}

/* With the pid of a sandbox that lives. */
static child_t *find(const launcher_t *launcher, pid_t pid) {
    child_t *child = launcher->children;
    while (child != NULL && child->pid != pid) child = child->next;
    return child;
}

typedef struct orphans {
    descent_t descent; /* first: is_ours() has it by that */
    const launcher_t *launcher;
} orphans_t;

static bool is_ours(const descent_t *descent, pid_t pid) {
    const launcher_t *launcher = ((const orphans_t *)descent)->launcher;
    return remover_has(&launcher->remover, pid) || find(launcher, pid) != NULL;
}

/* On RUNG_NONE what a dead sandbox's process has left comes to us. */
static void kill_orphans(launcher_t *launcher, int64_t most_ms) {
    if (launcher->plan.walls.rung != RUNG_NONE) return;
    orphans_t orphans = {{.ancestor = getpid(), .leave = is_ours}, launcher};
    unsigned left = descent_kill(&orphans.descent, most_ms);
    if (left > 0) say(2, "%u processes do not end", left);
}

static void bury(launcher_t *launcher, child_t *child) {
    child_t **at = &launcher->children;
    while (*at != child) at = &(*at)->next;
    *at = child->next;
    cgroup_kill(&launcher->groups, child->id);
    kill_orphans(launcher, ORPHANS_MS);
    int code = cgroup_remove(&launcher->groups, child->id);
    if (code < 0) say(2, "sandbox %s: its cgroup stays: %s", child->id, strerror(-code));
    close(child->channel);
    free(child);
}

static void reap(launcher_t *launcher) {
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        child_t *child = find(launcher, pid);
        if (remover_has(&launcher->remover, pid)) remover_reaped(&launcher->remover, pid);
        if (child == NULL) continue;
        if (WIFSIGNALED(status) && !launcher->ending)
            say(2, "sandbox %s: its pid 1 died by signal %d", child->id, WTERMSIG(status));
        bury(launcher, child);
    }
}

/* ---- what it waits for ---- */

/* Of the backend: that it is gone, always; names, while there is room for them. */
static void listen_to_backend(launcher_t *launcher) {
    uint32_t names = remover_has_room(&launcher->remover) ? EPOLLIN : 0;
    source_want(&launcher->backend, EPOLLRDHUP | names);
}

static void on_signal(source_t *source, uint32_t events) {
    launcher_t *launcher = (launcher_t *)((char *)source - offsetof(launcher_t, signals));
    (void)events;
    for (int number; (number = signals_take(source->fd)) != 0;)
        if (number != SIGCHLD) launcher->ending = true;
    reap(launcher);
    listen_to_backend(launcher);
}

/* Once it is gone all goes, so what it has asked for last is not read any more. */
static void on_backend(source_t *source, uint32_t events) {
    launcher_t *launcher = (launcher_t *)((char *)source - offsetof(launcher_t, backend));
    bool gone = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    if (gone || !remover_read(&launcher->remover, source->fd)) launcher->ending = true;
    listen_to_backend(launcher);
}

/* ---- its end ---- */

static void kill_children(launcher_t *launcher) {
    for (child_t *child = launcher->children; child != NULL; child = child->next) {
        kill(child->pid, SIGKILL);
        cgroup_kill(&launcher->groups, child->id);
    }
}

static void wait_for_children(launcher_t *launcher) {
    int64_t end = loop_now_ms() + END_MS;
    struct pollfd signals = {.fd = launcher->signals.fd, .events = POLLIN};
    for (reap(launcher); launcher->children != NULL; reap(launcher)) {
        int64_t left = end - loop_now_ms();
        if (left <= 0) break;
        poll(&signals, 1, (int)left);
        while (signals_take(signals.fd) != 0) continue;
    }
    for (const child_t *each = launcher->children; each != NULL; each = each->next)
        say(2, "sandbox %s: process %d does not end", each->id, (int)each->pid);
}

static void clear_up(launcher_t *launcher) {
    door_close(&launcher->door);
    remover_stop(&launcher->remover);
    kill_children(launcher);
    wait_for_children(launcher);
    kill_orphans(launcher, END_MS);
    cgroup_base_close(&launcher->groups);
    int code = remove_tree(AT_FDCWD, RUN);
    if (code < 0) say(2, "%s/" RUN " stays: %s", launcher->directory, strerror(-code));
    unlink(SOCKET);
    rmdir(launcher->directory);
}

/* ---- its beginning ---- */

static int failed(int error, const char *what) {
    say(1, "failed %s: %s", what, strerror(error));
    return -1;
}

/* Whoever is root can do better, and his files would be the one identity's to write. */
static int check_rung(boot_rung_t rung) {
    if (rung == RUNG_ROOT && geteuid() != 0) return failed(EPERM, "isolate as root");
    if (rung != RUNG_USER || geteuid() != 0) return 0;
    say(1, "failed isolate as an ordinary user: this is root");
    return -1;
}

/* On ext4 a group of inodes in which much was deleted a moment ago is searched one by one for each
 * new one: milliseconds, where sandboxes come and go. This flag gives each of them another group.
 * Elsewhere there is none. */
static void spread_over_disk(const char *directory) {
#ifdef __linux__
    int flags, fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0) {
        flags |= FS_TOPDIR_FL;
        ioctl(fd, FS_IOC_SETFLAGS, &flags);
    }
    close(fd);
#else
    (void)directory;
#endif
}

static int enter_directory(launcher_t *launcher, const char *directory) {
    struct stat st;
    if (realpath(directory, launcher->directory) == NULL || chdir(launcher->directory) < 0)
        return failed(errno, directory);
    if (stat(".", &st) < 0 || st.st_uid != geteuid() || (st.st_mode & 077) != 0)
        return failed(EPERM, "use a directory that is others' too");
    launcher->entered = true;
    /* Of a launcher that was killed. */
    int code = remove_tree(AT_FDCWD, RUN);
    if (code < 0) return failed(-code, "remove what a dead backend left");
    unlink(SOCKET);
    if (mkdir(RUN, 0700) < 0 || mkdir(MOUNTS_PLACE, 0700) < 0)
        return failed(errno, "make a directory");
    spread_over_disk(RUN);
    return 0;
}

/* What sandboxes must not see is more than our own directory: all that it lies in and that is for
 * us alone, as a backend's state is, with the snapshots of others. */
static void hide(launcher_t *launcher) {
    char at[PATH_MAX];
    struct stat st;
    memcpy(at, launcher->directory, sizeof at);
    do {
        memcpy(launcher->private, at, sizeof at);
        *strrchr(at, '/') = '\0';
    } while (at[0] != '\0' && stat(at, &st) == 0 && st.st_uid == geteuid() &&
             (st.st_mode & 077) == 0);
}

/* A descriptor for each sandbox, and no child that was not waited for. */
static int prepare_process(launcher_t *launcher) {
    sigset_t blocked;
    struct rlimit files;
    setsid();
    umask(022);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&blocked);
    const int numbers[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) sigaddset(&blocked, numbers[i]);
    sigprocmask(SIG_SETMASK, &blocked, NULL);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    launcher->plan.launcher = clone_watch_self();
    if (launcher->plan.launcher < 0) return failed(-launcher->plan.launcher, "open a pidfd");
    if (launcher->plan.walls.rung == RUNG_NONE && system_adopt_orphans() < 0)
        return failed(errno, "become a subreaper");
    int signals = signals_open(numbers, sizeof numbers / sizeof *numbers);
    int code = signals < 0 ? signals : loop_init(&launcher->loop);
    if (code == 0)
        code = source_open(&launcher->signals, &launcher->loop, signals, EPOLLIN, on_signal);
    uint32_t events = EPOLLIN | EPOLLRDHUP;
    if (code == 0) code = source_open(&launcher->backend, &launcher->loop, 0, events, on_backend);
    return code < 0 ? failed(-code, "wait for a pipe at descriptor 0") : 0;
}

static int try_rung(launcher_t *launcher) {
    char text[1024] = "";
    if (launcher->plan.walls.rung == RUNG_NONE) return 0;
    if (birth_try(&launcher->plan, text, sizeof text) < 0) {
        say(1, "failed %s", text);
        return -1;
    }
    if (text[0] != '\0') say(2, "%s", text);
    remove_tree(AT_FDCWD, RUN "/probe");
    return 0;
}

static int begin(launcher_t *launcher, const char *directory) {
    walls_plan_t *walls = &launcher->plan.walls;
    if (check_rung(walls->rung) < 0 || enter_directory(launcher, directory) < 0) return -1;
    walls->uid = getuid();
    walls->gid = getgid();
    hide(launcher);
    walls->private = launcher->private;
    launcher->plan.directory = launcher->directory;
    walls->groups = &launcher->groups;
    if (prepare_process(launcher) < 0 || try_rung(launcher) < 0) return -1;
    cgroup_base_open(&launcher->groups);
    int code = door_open(&launcher->door, &launcher->loop, SOCKET, on_boot);
    return code < 0 ? failed(-code, "listen") : 0;
}

int launcher_run(boot_rung_t rung, const char *directory) {
    launcher_t *launcher = calloc(1, sizeof *launcher);
    if (launcher == NULL) return 1;
    launcher->plan.walls.rung = rung;
    launcher->remover.place = RUN;
    int status = begin(launcher, directory) < 0 ? 1 : 0;
    if (status == 0) say(1, "ready");
    while (status == 0 && !launcher->ending)
        if (loop_round(&launcher->loop, -1) < 0) break;
    if (launcher->entered) clear_up(launcher);
    free(launcher);
    return status;
}
