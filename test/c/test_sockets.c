/* Facts about sockets.c: what stays in the poll set, what leaves it, and that a number which is
 * given out again is a new one. */
#include "sockets.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "socket.h"
#include "test.h"

typedef struct pair {
    int near, far, remote_port;
} pair_t;

/* Two ends of one connection on loopback; `near` is the one that curl would have. */
static pair_t connect_pair(void) {
    pair_t pair;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    struct sockaddr *any = (struct sockaddr *)&address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(listener, any, len) == 0 && listen(listener, 1) == 0);
    CHECK(getsockname(listener, any, &len) == 0);
    pair.remote_port = e2b_socket_port(any);
    pair.near = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(pair.near, any, len) == 0);
    pair.far = accept(listener, NULL, NULL);
    CHECK(pair.far >= 0);
    close(listener);
    return pair;
}

static void close_pair(e2b_sockets_t *sockets, const pair_t *pair) {
    e2b_sockets_closing(sockets, pair->near);
    close(pair->near);
    close(pair->far);
}

static void say(const pair_t *pair) {
    CHECK_INT(send(pair->far, "x", 1, MSG_NOSIGNAL), 1);
}

static int ready(e2b_sockets_t *sockets) {
    e2b_ready_t list[8];
    return e2b_sockets_ready(sockets, list, 8);
}

/* Whether the poll set itself has something, wanted or not. */
static int stirs(const e2b_sockets_t *sockets) {
    e2b_ready_t list[8];
    return e2b_pollset_ready(sockets->pollset, list, 8);
}

TEST("a socket that is wanted again is where it was") {
    e2b_sockets_t sockets;
    CHECK_INT(e2b_sockets_init(&sockets), 0);
    pair_t pair = connect_pair();
    e2b_sockets_opened(&sockets, pair.near, pair.remote_port);
    CHECK_INT(e2b_sockets_want(&sockets, pair.near, true, false), 0);
    e2b_sockets_unwant(&sockets, pair.near);
    CHECK_INT(ready(&sockets), 0);
    CHECK_INT(e2b_sockets_want(&sockets, pair.near, true, false), 0);
    say(&pair);
    CHECK_INT(ready(&sockets), 1);
    close_pair(&sockets, &pair);
    e2b_sockets_destroy(&sockets);
}

TEST("what comes while nobody is interested is told once it is wanted, and wakes nobody before") {
    e2b_sockets_t sockets;
    CHECK_INT(e2b_sockets_init(&sockets), 0);
    pair_t pair = connect_pair();
    e2b_sockets_opened(&sockets, pair.near, pair.remote_port);
    CHECK_INT(e2b_sockets_want(&sockets, pair.near, true, false), 0);
    e2b_sockets_unwant(&sockets, pair.near);
    say(&pair);
    CHECK_INT(stirs(&sockets), 1);
    CHECK_INT(ready(&sockets), 0);
    CHECK_INT(stirs(&sockets), 0);
    CHECK_INT(e2b_sockets_want(&sockets, pair.near, true, false), 0);
    CHECK_INT(ready(&sockets), 1);
    close_pair(&sockets, &pair);
    e2b_sockets_destroy(&sockets);
}

TEST("one that waited to write does not stay") {
    e2b_sockets_t sockets;
    CHECK_INT(e2b_sockets_init(&sockets), 0);
    pair_t pair = connect_pair();
    e2b_sockets_opened(&sockets, pair.near, pair.remote_port);
    CHECK_INT(e2b_sockets_want(&sockets, pair.near, true, true), 0);
    CHECK_INT(ready(&sockets), 1);
    e2b_sockets_unwant(&sockets, pair.near);
    CHECK_INT(stirs(&sockets), 0);
    close_pair(&sockets, &pair);
    e2b_sockets_destroy(&sockets);
}

TEST("a number that was closed and is given out again is watched anew") {
    e2b_sockets_t sockets;
    CHECK_INT(e2b_sockets_init(&sockets), 0);
    pair_t first = connect_pair();
    e2b_sockets_opened(&sockets, first.near, first.remote_port);
    CHECK_INT(e2b_sockets_want(&sockets, first.near, true, false), 0);
    e2b_sockets_unwant(&sockets, first.near);
    pair_t second = connect_pair();
    e2b_sockets_closing(&sockets, first.near);
    CHECK_INT(dup2(second.near, first.near), first.near);
    close(second.near);
    second.near = first.near;
    e2b_sockets_opened(&sockets, second.near, second.remote_port);
    CHECK_INT(e2b_sockets_want(&sockets, second.near, true, false), 0);
    say(&second);
    CHECK_INT(ready(&sockets), 1);
    close(first.far);
    close_pair(&sockets, &second);
    e2b_sockets_destroy(&sockets);
}

TEST("nothing is kept of one whose end is not told") {
    e2b_sockets_t sockets;
    CHECK_INT(e2b_sockets_init(&sockets), 0);
    pair_t pair = connect_pair();
    CHECK_INT(e2b_sockets_want(&sockets, pair.near, true, false), 0);
    say(&pair);
    CHECK_INT(ready(&sockets), 1);
    e2b_sockets_unwant(&sockets, pair.near);
    CHECK_INT(stirs(&sockets), 0);
    CHECK_INT(e2b_sockets_find(&sockets, e2b_socket_local_port(pair.near), pair.remote_port), -1);
    close_pair(&sockets, &pair);
    e2b_sockets_destroy(&sockets);
}

TEST("it is found by its two ports while it is open") {
    e2b_sockets_t sockets;
    CHECK_INT(e2b_sockets_init(&sockets), 0);
    pair_t pair = connect_pair();
    int port = e2b_socket_local_port(pair.near);
    e2b_sockets_opened(&sockets, pair.near, pair.remote_port);
    CHECK_INT(e2b_sockets_find(&sockets, port, pair.remote_port), -1);
    CHECK_INT(e2b_sockets_want(&sockets, pair.near, true, false), 0);
    CHECK_INT(e2b_sockets_find(&sockets, port, pair.remote_port), pair.near);
    CHECK_INT(e2b_sockets_find(&sockets, port, pair.remote_port + 1), -1);
    CHECK_INT(e2b_sockets_find(&sockets, port + 1, pair.remote_port), -1);
    CHECK_INT(e2b_sockets_find(&sockets, -1, pair.remote_port), -1);
    close_pair(&sockets, &pair);
    CHECK_INT(e2b_sockets_find(&sockets, port, pair.remote_port), -1);
    e2b_sockets_destroy(&sockets);
}

/* Bound to a port that shares the other's slot. */
static int bind_beside(int fd, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int other = port % E2B_PORT_SLOTS + 2 * E2B_PORT_SLOTS; other < 65536;
         other += E2B_PORT_SLOTS) {
        address.sin_port = htons((uint16_t)other);
        if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0) return other;
    }
    return -1;
}

TEST("each is found among those with which it shares a slot") {
    e2b_sockets_t sockets;
    CHECK_INT(e2b_sockets_init(&sockets), 0);
    pair_t pair = connect_pair();
    int port = e2b_socket_local_port(pair.near);
    e2b_sockets_opened(&sockets, pair.near, pair.remote_port);
    CHECK_INT(e2b_sockets_want(&sockets, pair.near, true, false), 0);
    int beside = socket(AF_INET, SOCK_STREAM, 0), other = bind_beside(beside, port);
    CHECK(other > 0);
    e2b_sockets_opened(&sockets, beside, pair.remote_port);
    CHECK_INT(e2b_sockets_want(&sockets, beside, true, false), 0);
    CHECK_INT(e2b_sockets_search(&sockets, port, pair.remote_port), pair.near);
    CHECK_INT(e2b_sockets_search(&sockets, other, pair.remote_port), beside);
    e2b_sockets_closing(&sockets, beside);
    close(beside);
    CHECK_INT(e2b_sockets_search(&sockets, port, pair.remote_port), pair.near);
    close_pair(&sockets, &pair);
    CHECK_INT(e2b_sockets_search(&sockets, port, pair.remote_port), -1);
    e2b_sockets_destroy(&sockets);
}

static bool is_inherited(int fd) {
    return (fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0;
}

TEST("no program inherits a socket of ours, nor the pair that a lookup of libcurl's makes") {
    e2b_sockets_t sockets;
    CHECK_INT(e2b_sockets_init(&sockets), 0);
    int own = e2b_socket_open(AF_INET, SOCK_STREAM, 0), lookup[2];
    CHECK(!is_inherited(own));
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, lookup), 0);
    CHECK_INT(e2b_sockets_want(&sockets, lookup[0], true, false), 0);
    CHECK(!is_inherited(lookup[0]) && !is_inherited(lookup[1]));
    close(own);
    close(lookup[0]);
    close(lookup[1]);
    e2b_sockets_destroy(&sockets);
}

TEST("what somebody else has opened to be inherited stays so, and what lies below it") {
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "\0a socket with a name"};
    int low[2], pipes[2], high[2], named = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_INT(bind(named, (struct sockaddr *)&address, sizeof address), 0);
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, low), 0);
    int first = e2b_socket_next(named);
    CHECK(first >= 0);
    CHECK_INT(pipe(pipes), 0);
    CHECK_INT(pipes[0], first);
    pair_t pair = connect_pair();
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, high), 0);
    e2b_socket_keep_pairs(first);
    CHECK(is_inherited(low[0]) && is_inherited(low[1]) && is_inherited(named));
    CHECK(is_inherited(pipes[0]) && is_inherited(pipes[1]));
    CHECK(is_inherited(pair.near) && is_inherited(pair.far));
    CHECK(!is_inherited(high[0]) && !is_inherited(high[1]));
    const int all[] = {named,     low[0],   low[1],  pipes[0], pipes[1],
                       pair.near, pair.far, high[0], high[1]};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) close(all[i]);
}

TEST_MAIN
