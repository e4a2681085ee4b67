/*
 * pid1.c: see pid1.h. The child ends by exit(), so that the sanitizers look at what it has left.
 */
#include "pid1.h"

#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "heap.h"
#include "sandbox.h"

_Noreturn static void give_up(const char *what) {
    fprintf(stderr, "  pid 1: %s: %s\n", what, strerror(errno));
    abort();
}

static void make_directories(pid1_t *pid1) {
    static const char *const below[] = {"/upper", "/upper/home", "/upper/home/user", "/upper/root"};
    char path[256];
    const char *temporary = getenv("TMPDIR");
    snprintf(pid1->directory, sizeof pid1->directory, "%s/e2b-init-XXXXXX",
             temporary != NULL ? temporary : "/tmp");
    if (mkdtemp(pid1->directory) == NULL) give_up("mkdtemp");
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s%s", pid1->directory, below[i]);
        if (mkdir(path, 0755) < 0) give_up(path);
    }
}

_Noreturn static void serve(const pid1_t *pid1, int channel, long successes, bool alone) {
    char directory[sizeof pid1->directory], user[] = "user";
    snprintf(directory, sizeof directory, "%s", pid1->directory);
    boot_t boot = {.directory = directory, .user = user};
    wire_decoder_t begun;
    wire_decoder_init(&begun);
    close(pid1->far.fd);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    (alone ? heap_fail_once : heap_fail_after)(successes);
    int status = sandbox_run(&(sandbox_birth_t){.channel = channel,
                                                .launcher = -1,
                                                .begun = &begun,
                                                .boot = &boot,
                                                .rung = RUNG_NONE,
                                                .features = WIRE_HAS_FREEZER});
    bool failed = heap_failures() > 0;
    heap_fail_after(-1);
    exit(failed ? PID1_MEMORY_FAILED : status);
}

static void start(pid1_t *pid1, long successes, bool alone) {
    make_directories(pid1);
    int channel = far_open(&pid1->far);
    fflush(NULL);
    pid1->pid = fork();
    if (pid1->pid < 0) give_up("fork");
    if (pid1->pid == 0) serve(pid1, channel, successes, alone);
    close(channel);
}

void pid1_start(pid1_t *pid1) {
    start(pid1, -1, false);
    wire_frame_t frame = far_expect(&pid1->far, WIRE_BOOTED, 0);
    wire_reader_t reader = wire_read(&frame);
    if (wire_read_u32(&reader) != WIRE_HAS_FREEZER || !wire_read_all(&reader)) give_up("BOOTED");
}

void pid1_start_without_memory(pid1_t *pid1, long successes, bool alone) {
    start(pid1, successes, alone);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk) {
    (void)st, (void)type, (void)walk;
    return remove(path);
}

/* What its programs have left has become ours. */
static void end_orphans(void) {
    for (;;) {
        pid_t child = 0;
        FILE *children = fopen("/proc/thread-self/children", "re");
        if (children == NULL) give_up("children");
        bool any = fscanf(children, "%d", &child) == 1;
        fclose(children);
        if (!any) return;
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
}

int pid1_stop(pid1_t *pid1) {
    int status;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    far_close(&pid1->far);
    if (waitpid(pid1->pid, &status, 0) != pid1->pid) give_up("waitpid");
    end_orphans();
    nftw(pid1->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    if (!WIFEXITED(status)) give_up("it did not end by itself");
    return WEXITSTATUS(status);
}

bool pid1_until(bool (*holds)(void *context), void *context) {
    for (int waited_ms = 0; waited_ms < FAR_DEADLINE_MS; waited_ms += 5) {
        if (holds(context)) return true;
        poll(NULL, 0, 5);
    }
    return false;
}
