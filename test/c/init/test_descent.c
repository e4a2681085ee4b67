/*
 * Who comes from whom: children and orphans, those of others never, and all of them ended.
 */
#include "../test.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "descent.h"
#include "heap.h"
#include "pid1.h"

typedef struct family {
    descent_t descent; /* first */
    pid_t left;
    int count;
    pid_t found[64];
} family_t;

static void note(descent_t *descent, const descendant_t *one) {
    family_t *family = (family_t *)descent;
    if (family->count < 64) family->found[family->count] = one->pid;
    family->count++;
}

static bool is_left(const descent_t *descent, pid_t pid) {
    return ((const family_t *)descent)->left == pid;
}

static int count_below(pid_t ancestor, pid_t left) {
    family_t family = {.descent = {.ancestor = ancestor, .each = note, .leave = is_left},
                       .left = left};
    int code = descent_walk(&family.descent);
    return code < 0 ? code : family.count;
}

/* A process that does nothing but have `children` that do nothing; `orphans` have lost theirs. */
static pid_t have(int children, int orphans) {
    int ready[2];
    char byte;
    CHECK(pipe(ready) == 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        for (int i = 0; i < children; i++)
            if (fork() == 0)
                for (;;) pause();
        for (int i = 0; i < orphans; i++) {
            pid_t parent = fork();
            if (parent == 0) {
                setsid();
                if (fork() != 0) _exit(0);
                for (;;) pause();
            }
            waitpid(parent, NULL, 0);
        }
        if (write(ready[1], "", 1) < 0) _exit(1);
        for (;;) pause();
    }
    close(ready[1]);
    CHECK_INT(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return pid;
}

static void end(pid_t pid) {
    descent_t below = {.ancestor = pid};
    CHECK_INT(descent_kill(&below, 5000), 0);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

TEST("children and orphans are found, the ancestor is not one of them") {
    pid_t pid = have(3, 4);
    CHECK_INT(count_below(pid, 0), 7);
    end(pid);
}

TEST("the first process of the machine comes from nobody") {
    int below = count_below(getpid(), 0);
    pid_t pid = have(2, 0);
    CHECK_INT(count_below(getpid(), 0), below + 3);
    end(pid);
    CHECK_INT(count_below(getpid(), 0), below);
}

TEST("who is left out is, with all that come from him") {
    pid_t one = have(3, 0), two = have(2, 0);
    CHECK_INT(count_below(getpid(), 0), 7);
    CHECK_INT(count_below(getpid(), one), 3);
    end(one);
    end(two);
}

TEST("who has ended and was not waited for does not count") {
    pid_t pid = fork();
    siginfo_t info;
    if (pid == 0) _exit(0);
    CHECK_INT(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    CHECK_INT(count_below(getpid(), 0), 0);
    waitpid(pid, NULL, 0);
}

TEST("a signal goes to exactly that process, not to one of its number") {
    pid_t pid = have(0, 0);
    descendant_t one = {.pid = pid, .start = 1};
    process_signal(&one, SIGKILL);
    CHECK_INT(count_below(getpid(), 0), 1);
    end(pid);
}

/* Each of them starts others for a while, some hundreds in all, and ends by itself in the end. */
_Noreturn static void breed(int generations) {
    alarm(20);
    for (int born = 0; generations > 0 && born < 30; born++) {
        if (fork() == 0) {
            generations--;
            born = -1;
            alarm(20);
        }
        poll(NULL, 0, 1);
    }
    for (;;) pause();
}

static bool has_many(void *unused) {
    (void)unused;
    return count_below(getpid(), 0) >= 50;
}

TEST("all are ended, also those that are started meanwhile") {
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    fflush(NULL);
    if (fork() == 0) breed(2);
    CHECK(pid1_until(has_many, NULL));
    descent_t below = {.ancestor = getpid()};
    CHECK_INT(descent_kill(&below, 15000), 0);
    CHECK_INT(count_below(getpid(), 0), 0);
    CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

static void try_without_memory(void) {
    int count = count_below(getpid(), 0);
    CHECK(count == 3 || count == -ENOMEM);
}

TEST("without memory that is said") {
    pid_t pid = have(2, 0);
    CHECK(heap_try_each_failure(try_without_memory) > 0);
    end(pid);
}

TEST_MAIN
