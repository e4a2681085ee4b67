/* Facts about platform.h: the clocks, and the poll set. On Linux they are tried twice: over epoll,
 * and as test_platform_kqueue over platform_kqueue.c with the model of kevent(2) in kqueue/. */
#include "platform.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define WAIT_MS 5000

/* A pair of connected sockets that never block. */
typedef struct pair {
    int ours, theirs;
} pair_t;

static pair_t pair_open(void) {
    int fds[2];
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    for (size_t i = 0; i < COUNT(fds); i++) CHECK_INT(fcntl(fds[i], F_SETFL, O_NONBLOCK), 0);
    return (pair_t){fds[0], fds[1]};
}

static void pair_close(pair_t pair) {
    close(pair.ours);
    close(pair.theirs);
}

static int set_open(void) {
    int set = e2b_pollset_create();
    CHECK(set >= 0);
    return set;
}

/* The one entry of a set that has one, or one with descriptor -1. */
static e2b_ready_t look(int set) {
    e2b_ready_t ready[4];
    int count = e2b_pollset_ready(set, ready, COUNT(ready));
    CHECK(count <= 1);
    return count == 1 ? ready[0] : (e2b_ready_t){.fd = -1};
}

static bool readable(int fd) {
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    return poll(&entry, 1, 0) == 1;
}

TEST("the steady clock counts on, in microseconds and milliseconds") {
    int64_t before_us = e2b_now_us(), ms = e2b_now_ms(), after_us = e2b_now_us();
    CHECK(before_us <= after_us);
    CHECK(before_us / 1000 <= ms && ms <= after_us / 1000);
}

TEST("the wall clock is Unix time in milliseconds") {
    int64_t before = time(NULL), wall_ms = e2b_wall_ms(), after = time(NULL);
    CHECK((before - 1) * 1000 <= wall_ms && wall_ms < (after + 2) * 1000);
}

TEST("an empty set has nothing ready, and says so at once") {
    int set = set_open();
    CHECK_INT(look(set).fd, -1);
    CHECK(!readable(set));
    e2b_pollset_close(set);
}

TEST("a descriptor is ready for what was asked, and for nothing else") {
    int set = set_open();
    pair_t pair = pair_open();
    CHECK_INT(e2b_pollset_set(set, pair.ours, true, false), 0);
    CHECK_INT(look(set).fd, -1);
    CHECK_INT(write(pair.theirs, "x", 1), 1);
    e2b_ready_t found = look(set);
    CHECK_INT(found.fd, pair.ours);
    CHECK(found.in && !found.out && !found.broken);
    CHECK_INT(e2b_pollset_set(set, pair.ours, false, true), 0);
    found = look(set);
    CHECK_INT(found.fd, pair.ours);
    CHECK(!found.in && found.out && !found.broken);
    pair_close(pair);
    e2b_pollset_close(set);
}

TEST("ready for both, a descriptor is found once") {
    int set = set_open();
    pair_t pair = pair_open();
    CHECK_INT(e2b_pollset_set(set, pair.ours, true, true), 0);
    e2b_ready_t found = look(set);
    CHECK(found.fd == pair.ours && !found.in && found.out);
    CHECK_INT(write(pair.theirs, "x", 1), 1);
    found = look(set);
    CHECK(found.fd == pair.ours && found.in && found.out);
    pair_close(pair);
    e2b_pollset_close(set);
}

TEST("what is ready stays ready until it was read") {
    int set = set_open();
    pair_t pair = pair_open();
    char byte;
    CHECK_INT(e2b_pollset_set(set, pair.ours, true, false), 0);
    CHECK_INT(write(pair.theirs, "x", 1), 1);
    CHECK(look(set).in);
    CHECK(look(set).in);
    CHECK_INT(read(pair.ours, &byte, 1), 1);
    CHECK_INT(look(set).fd, -1);
    pair_close(pair);
    e2b_pollset_close(set);
}

TEST("a full socket is not ready for output until its other end was read") {
    int set = set_open();
    pair_t pair = pair_open();
    static char block[65536];
    while (write(pair.ours, block, sizeof block) > 0) continue;
    CHECK_INT(errno, EAGAIN);
    CHECK_INT(e2b_pollset_set(set, pair.ours, false, true), 0);
    CHECK_INT(look(set).fd, -1);
    while (read(pair.theirs, block, sizeof block) > 0) continue;
    CHECK(look(set).out);
    pair_close(pair);
    e2b_pollset_close(set);
}

TEST("asked for nothing, or removed, a descriptor is not ready") {
    int set = set_open();
    pair_t pair = pair_open();
    CHECK_INT(write(pair.theirs, "x", 1), 1);
    CHECK_INT(e2b_pollset_set(set, pair.ours, true, true), 0);
    CHECK_INT(e2b_pollset_set(set, pair.ours, false, false), 0);
    CHECK_INT(look(set).fd, -1);
    CHECK_INT(e2b_pollset_set(set, pair.ours, true, false), 0);
    CHECK(look(set).in);
    e2b_pollset_remove(set, pair.ours);
    CHECK_INT(look(set).fd, -1);
    pair_close(pair);
    e2b_pollset_close(set);
}

TEST("an end of input is for the reader to find: readable, not broken") {
    int set = set_open();
    pair_t pair = pair_open();
    CHECK_INT(e2b_pollset_set(set, pair.ours, true, false), 0);
    CHECK_INT(shutdown(pair.theirs, SHUT_WR), 0);
    e2b_ready_t found = look(set);
    CHECK(found.fd == pair.ours && found.in && !found.broken);
    pair_close(pair);
    e2b_pollset_close(set);
}

TEST("a connection whose other end is gone is broken for its writer") {
    int set = set_open();
    pair_t pair = pair_open();
    CHECK_INT(e2b_pollset_set(set, pair.ours, true, true), 0);
    close(pair.theirs);
    e2b_ready_t found = look(set);
    CHECK(found.fd == pair.ours && found.in && found.out && found.broken);
    close(pair.ours);
    e2b_pollset_close(set);
}

/* A port of loopback that refuses: bound, so that nobody else gets it, and not listening. */
static struct sockaddr_in refusing(int *owner) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    *owner = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(*owner >= 0);
    CHECK_INT(bind(*owner, (struct sockaddr *)&address, len), 0);
    CHECK_INT(getsockname(*owner, (struct sockaddr *)&address, &len), 0);
    return address;
}

TEST("a refused connection is broken") {
    int set = set_open(), owner;
    struct sockaddr_in address = refusing(&owner);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_INT(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    int begun = connect(fd, (struct sockaddr *)&address, sizeof address);
    CHECK(begun == -1 && (errno == EINPROGRESS || errno == ECONNREFUSED));
    CHECK_INT(e2b_pollset_set(set, fd, false, true), 0);
    struct pollfd entry = {.fd = set, .events = POLLIN};
    CHECK_INT(poll(&entry, 1, WAIT_MS), 1);
    e2b_ready_t found = look(set);
    CHECK(found.fd == fd && found.broken);
    close(fd);
    close(owner);
    e2b_pollset_close(set);
}

TEST("removing what is not there, or was closed, does nothing") {
    int set = set_open();
    pair_t pair = pair_open();
    e2b_pollset_remove(set, pair.ours);
    CHECK_INT(e2b_pollset_set(set, pair.ours, true, true), 0);
    pair_close(pair);
    e2b_pollset_remove(set, pair.ours);
    e2b_pollset_remove(set, -1);
    CHECK_INT(look(set).fd, -1);
    e2b_pollset_close(set);
}

TEST("a closed descriptor leaves the set, and its number can come back") {
    int set = set_open();
    pair_t pair = pair_open();
    CHECK_INT(e2b_pollset_set(set, pair.ours, true, true), 0);
    pair_close(pair);
    CHECK_INT(look(set).fd, -1);
    pair_t again = pair_open();
    CHECK_INT(again.ours, pair.ours);
    CHECK_INT(look(set).fd, -1);
    CHECK_INT(e2b_pollset_set(set, again.ours, true, false), 0);
    CHECK_INT(write(again.theirs, "x", 1), 1);
    e2b_ready_t found = look(set);
    CHECK(found.fd == again.ours && found.in && !found.out);
    pair_close(again);
    e2b_pollset_close(set);
}

TEST("a descriptor that is not open is refused") {
    int set = set_open();
    CHECK_INT(e2b_pollset_set(set, -1, true, false), -1);
    CHECK_INT(errno, EBADF);
    e2b_pollset_close(set);
}

TEST("the set is readable while something in it is ready") {
    int set = set_open();
    pair_t pair = pair_open();
    char byte;
    CHECK_INT(e2b_pollset_set(set, pair.ours, true, false), 0);
    CHECK(!readable(set));
    CHECK_INT(write(pair.theirs, "x", 1), 1);
    CHECK(readable(set));
    CHECK(look(set).in);
    CHECK(readable(set));
    CHECK_INT(read(pair.ours, &byte, 1), 1);
    CHECK(!readable(set));
    pair_close(pair);
    e2b_pollset_close(set);
}

TEST("more ready than asked for: the others are found by the next looks") {
    int set = set_open(), seen = 0;
    pair_t pairs[3];
    for (size_t i = 0; i < COUNT(pairs); i++) {
        pairs[i] = pair_open();
        CHECK_INT(e2b_pollset_set(set, pairs[i].ours, true, false), 0);
        CHECK_INT(write(pairs[i].theirs, "x", 1), 1);
    }
    for (e2b_ready_t one; e2b_pollset_ready(set, &one, 1) == 1; seen++) {
        CHECK(one.in);
        e2b_pollset_remove(set, one.fd);
    }
    CHECK_INT(seen, COUNT(pairs));
    for (size_t i = 0; i < COUNT(pairs); i++) pair_close(pairs[i]);
    e2b_pollset_close(set);
}

TEST("a look finds at most its maximum, however many are asked for") {
    static pair_t pairs[E2B_READY_MAX + 1];
    static e2b_ready_t ready[2 * E2B_READY_MAX];
    int set = set_open();
    for (size_t i = 0; i < COUNT(pairs); i++) {
        pairs[i] = pair_open();
        CHECK_INT(e2b_pollset_set(set, pairs[i].ours, false, true), 0);
    }
    CHECK_INT(e2b_pollset_ready(set, ready, COUNT(ready)), E2B_READY_MAX);
    for (size_t i = 0; i < COUNT(pairs); i++) pair_close(pairs[i]);
    e2b_pollset_close(set);
}

TEST("without a descriptor left there is no set, and none is closed without harm") {
    struct rlimit before, none;
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &none), 0);
    int set = e2b_pollset_create();
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &before), 0);
    CHECK_INT(set, -1);
    e2b_pollset_close(set);
}

TEST_MAIN
