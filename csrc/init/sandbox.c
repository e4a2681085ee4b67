/*
 * sandbox.c: the life of pid 1 between its walls and its end: signals, the parts of its state, one
 * loop. Everything in the sandbox dies after sandbox_run() has returned; that is the caller's, by
 * ending this process. Thread of pid 1.
 */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "quota.h"
#include "removal.h"
#include "requests.h"
#include "spawn.h"
#include "system.h"
#include "users.h"

#ifdef __linux__
#include <linux/close_range.h>
#include <sys/syscall.h>
#endif

/* Programs begin with what is set here: nothing ignored. By the kernel's own call, because libc
 * keeps two signals for itself, which some parents ignore; a structure of nothing but zeros is
 * SIG_DFL. SIGPIPE is blocked rather than ignored because a mask is undone at once. */
static int set_signals(void) {
    sigset_t blocked;
#ifdef __linux__
    static const unsigned long standard[8];
    for (int number = 1; number < _NSIG; number++)
        syscall(SYS_rt_sigaction, number, standard, NULL, _NSIG / 8);
#else
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
#endif
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    sigaddset(&blocked, SIGPIPE);
    return sigprocmask(SIG_SETMASK, &blocked, NULL) < 0 ? -errno : 0;
}

/* So that no descriptor of ours is one of those that a program is given, and no other one is left
 * to it by accident. */
static int guard_descriptors(void) {
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd < 3) fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) return -errno;
    close(fd);
    close_range(3, ~0u, CLOSE_RANGE_CLOEXEC); /* an old kernel may not know how */
    return 0;
}

static void on_launcher(source_t *source, uint32_t events) {
    sandbox_t *sandbox = (sandbox_t *)((char *)source - offsetof(sandbox_t, launcher));
    (void)events;
    sandbox_end(sandbox, NULL);
}

static int open_parts(sandbox_t *sandbox, const sandbox_birth_t *birth) {
    int code = loop_init(&sandbox->loop);
    if (code < 0) return code;
    code = channel_open(sandbox, birth->channel, birth->begun, sandbox_requests);
    if (code == 0) code = spawns_open(sandbox);
    if (code == 0 && birth->launcher >= 0)
        code =
            source_open(&sandbox->launcher, &sandbox->loop, birth->launcher, EPOLLIN, on_launcher);
    return code;
}

int sandbox_run(const sandbox_birth_t *birth) {
    sandbox_t sandbox = {.boot = birth->boot,
                         .rung = birth->rung,
                         .features = birth->features,
                         .walls = birth->walls};
    umask(022);
    /* Without walls of users, children find their own files in /proc only so. */
    if (sandbox.rung != RUNG_ROOT) system_show_memory(1);
    int code = set_signals();
    if (code == 0) code = guard_descriptors();
    if (code == 0) code = open_parts(&sandbox, birth);
    if (code == 0) {
        wire_put_u32(answer_begin(&sandbox, 0, WIRE_BOOTED), sandbox.features);
        answer_end(&sandbox);
        if (birth->note != NULL) sandbox_log(&sandbox, "%s", birth->note);
        quota_start(&sandbox);
        channel_run(&sandbox);
    }
    quota_stop(&sandbox);
    channel_close(&sandbox);
    removal_finish_sweeps(&sandbox.loop);
    spawns_close(&sandbox);
    users_free(sandbox.users);
    source_close(&sandbox.launcher);
    loop_destroy(&sandbox.loop);
    return code < 0 ? 1 : 0;
}
