/*
 * CONNECT: bytes both ways, each way ending by itself; and only ports of this sandbox's own, where
 * the network is the host's. The listeners are this file's, in a process that is the sandbox's
 * child or in this one, which is the host.
 */
#include "../test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "box.h"
#include "listener.h"

static box_t box;

/* A program of the sandbox that listens, does what its code says, and tells its port first. */
#define LISTENER                                                                                   \
    "import socket,sys\n"                                                                          \
    "s=socket.socket(socket.%s)\n"                                                                 \
    "s.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1)\n"                                      \
    "s.bind((%s,%d))\n"                                                                            \
    "s.listen(8)\n"                                                                                \
    "print(s.getsockname()[1],flush=True)\n"                                                       \
    "%s\n"
#define ECHO                                                                                       \
    "c=s.accept()[0]\n"                                                                            \
    "while True:\n"                                                                                \
    "  b=c.recv(65536)\n"                                                                          \
    "  if not b: break\n"                                                                          \
    "  c.sendall(b)\n"                                                                             \
    "c.close()\n"

/* Starts it as stream 2; its port. */
static uint16_t listen_inside(const char *family, const char *address, int port, const char *code) {
    static char program[4096];
    const char *const args[] = {"python3", "-c", program, NULL};
    const char *const env[] = {"PATH=/usr/local/bin:/usr/bin:/bin", NULL};
    snprintf(program, sizeof program, LISTENER, family, address, port, code);
    box_ask(&box, 2, WIRE_SPAWN, "llssuuu", args, env, "/home/user", "user", 0u, 0u, 0u);
    far_expect(&box.far, WIRE_STARTED, 2);
    wire_frame_t frame = far_expect(&box.far, WIRE_DATA, 2);
    char text[16] = "";
    CHECK(frame.channel == WIRE_STDOUT && frame.len < sizeof text);
    memcpy(text, frame.payload, frame.len);
    return (uint16_t)strtoul(text, NULL, 10);
}

static int connect_to(uint32_t stream, uint32_t port) {
    box_ask(&box, stream, WIRE_CONNECT, "u", port);
    wire_frame_t frame = far_next(&box.far);
    CHECK_INT(frame.stream, stream);
    if (frame.type == WIRE_STARTED) return 0;
    CHECK_INT(frame.type, WIRE_FAILED);
    wire_reader_t reader = wire_read(&frame);
    return (int)wire_read_u32(&reader);
}

/* The next frame of this stream that is no credit, whatever the listener's own one says. */
static wire_frame_t next_of(uint32_t stream) {
    for (;;) {
        wire_frame_t frame = far_next(&box.far);
        if (frame.stream == stream && frame.type != WIRE_CREDIT) return frame;
    }
}

/* On the host. */
static int listen_outside(int family, uint16_t *port) {
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr *address =
        family == AF_INET ? (struct sockaddr *)&ipv4 : (struct sockaddr *)&ipv6;
    socklen_t len = family == AF_INET ? sizeof ipv4 : sizeof ipv6;
    CHECK(fd >= 0 && bind(fd, address, len) == 0 && listen(fd, 8) == 0);
    CHECK(getsockname(fd, address, &len) == 0);
    *port = ntohs(family == AF_INET ? ipv4.sin_port : ipv6.sin6_port);
    return fd;
}

TEST("bytes go both ways, and each way ends by itself") {
    box_open(&box);
    uint16_t port = listen_inside("AF_INET", "'127.0.0.1'", 0, ECHO);
    CHECK_INT(connect_to(5, port), 0);
    far_data(&box.far, WIRE_BYTES, 5, "hello", 5);
    wire_frame_t frame = next_of(5);
    CHECK_INT(frame.type, WIRE_DATA);
    CHECK_MEM(frame.payload, frame.len, "hello", 5);
    far_data(&box.far, WIRE_BYTES, 5, "bye", 3);
    far_tell(&box.far, WIRE_END, WIRE_BYTES, 5);
    frame = next_of(5);
    CHECK_MEM(frame.payload, frame.len, "bye", 3);
    CHECK_INT(next_of(5).type, WIRE_END);
    CHECK_INT(next_of(5).type, WIRE_DONE);
    box_close(&box);
}

TEST("the program's end of its way leaves ours open") {
    box_open(&box);
    uint16_t port = listen_inside("AF_INET", "''", 0,
                                  "c=s.accept()[0]\nc.sendall(b'first')\n"
                                  "c.shutdown(socket.SHUT_WR)\nprint(c.recv(100),flush=True)\n"
                                  "print(c.recv(100),flush=True)\n");
    CHECK_INT(connect_to(5, port), 0);
    wire_frame_t frame = next_of(5);
    CHECK_MEM(frame.payload, frame.len, "first", 5);
    CHECK_INT(next_of(5).type, WIRE_END);
    far_data(&box.far, WIRE_BYTES, 5, "late", 4);
    frame = far_expect(&box.far, WIRE_DATA, 2);
    CHECK_MEM(frame.payload, frame.len, "b'late'\n", 8);
    far_tell(&box.far, WIRE_END, WIRE_BYTES, 5);
    CHECK_INT(next_of(5).type, WIRE_DONE);
    box_close(&box);
}

TEST("megabytes pass within the windows of both ways") {
    enum { PIECE = 32 * 1024, ALL = 8 * 1024 * 1024 };
    static char piece[PIECE];
    box_open(&box);
    uint16_t port = listen_inside("AF_INET", "''", 0, ECHO);
    CHECK_INT(connect_to(5, port), 0);
    size_t sent = 0, got = 0;
    int64_t window = WIRE_WINDOW;
    while (got < ALL) {
        for (; window >= PIECE && sent < ALL; window -= PIECE) {
            far_data(&box.far, WIRE_BYTES, 5, piece, PIECE);
            sent += PIECE;
        }
        wire_frame_t frame = far_next(&box.far);
        CHECK_INT(frame.stream, 5);
        if (frame.type == WIRE_CREDIT) {
            wire_reader_t reader = wire_read(&frame);
            window += wire_read_u32(&reader);
            CHECK(window <= WIRE_WINDOW);
        } else {
            CHECK_INT(frame.type, WIRE_DATA);
            got += frame.len;
            far_credit(&box.far, 5, (uint32_t)frame.len);
        }
    }
    CHECK_INT(got, ALL);
    box_close(&box);
}

TEST("who takes nothing is sent a window, and hears of a hanging up after what came before it") {
    box_open(&box);
    uint16_t port = listen_inside("AF_INET", "''", 0,
                                  "import struct\n"
                                  "c=s.accept()[0]\nc.sendall(b'x'*300000)\nc.recv(1)\n"
                                  "c.setsockopt(socket.SOL_SOCKET,socket.SO_LINGER,"
                                  "struct.pack('ii',1,0))\nc.close()\n"
                                  "print('reset',flush=True)\ns.accept()\n");
    CHECK_INT(connect_to(5, port), 0);
    size_t got = 0;
    while (got < WIRE_WINDOW) got += far_expect(&box.far, WIRE_DATA, 5).len;
    CHECK_INT(got, WIRE_WINDOW);
    far_data(&box.far, WIRE_BYTES, 5, "x", 1);
    far_expect(&box.far, WIRE_DATA, 2);
    /* Others are answered; then it comes to its end. */
    box_entry_t entry;
    CHECK_INT(box_stat(&box, "/home/user", &entry), 0);
    far_credit(&box.far, 5, 1000000);
    wire_frame_t frame = next_of(5);
    for (; frame.type == WIRE_DATA; frame = next_of(5)) got += frame.len;
    CHECK(got <= 300000);
    wire_reader_t reader = wire_read(&frame);
    CHECK_INT(frame.type, WIRE_FAILED);
    CHECK_INT(wire_read_u32(&reader), ECONNRESET);
    box_close(&box);
}

TEST("an answer is read although the request was refused half-way") {
    static char piece[32 * 1024];
    box_open(&box);
    uint16_t port = listen_inside("AF_INET", "''", 0,
                                  "c=s.accept()[0]\nc.recv(10)\nc.sendall(b'no')\nc.close()\n"
                                  "s.accept()\n");
    CHECK_INT(connect_to(5, port), 0);
    for (int i = 0; i < 7; i++) far_data(&box.far, WIRE_BYTES, 5, piece, sizeof piece);
    wire_frame_t frame = next_of(5);
    CHECK_INT(frame.type, WIRE_DATA);
    CHECK_MEM(frame.payload, frame.len, "no", 2);
    frame = next_of(5);
    CHECK(frame.type == WIRE_END || frame.type == WIRE_FAILED);
    box_close(&box);
}

TEST("a listener at ::1 alone is reached") {
    box_open(&box);
    uint16_t port = listen_inside("AF_INET6", "'::1'", 0, ECHO);
    CHECK_INT(connect_to(5, port), 0);
    far_data(&box.far, WIRE_BYTES, 5, "hello", 5);
    CHECK_INT(next_of(5).type, WIRE_DATA);
    box_close(&box);
}

TEST("nobody listens, or there is no such port") {
    uint16_t port;
    close(listen_outside(AF_INET, &port));
    box_open(&box);
    CHECK_INT(connect_to(5, port), ECONNREFUSED);
    CHECK_INT(connect_to(5, 0), EINVAL);
    CHECK_INT(connect_to(5, 65536), EINVAL);
    box_close(&box);
}

TEST("the host's own services are not reached, and do not notice") {
    box_open(&box);
    for (int i = 0; i < 2; i++) {
        uint16_t port;
        int fd = listen_outside(i == 0 ? AF_INET : AF_INET6, &port);
        CHECK_INT(connect_to(5, port), ECONNREFUSED);
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        CHECK_INT(poll(&ready, 1, 0), 0);
        close(fd);
    }
    box_close(&box);
}

TEST("another sandbox's services are not reached") {
    box_t other;
    box_open(&box);
    uint16_t port = listen_inside("AF_INET", "''", 0, ECHO);
    other = box;
    box_open(&box);
    CHECK_INT(connect_to(5, port), ECONNREFUSED);
    box_close(&box);
    box = other;
    CHECK_INT(connect_to(5, port), 0);
    box_close(&box);
}

TEST("a process that has left its parent is still the sandbox's") {
    box_open(&box);
    uint16_t port = listen_inside("AF_INET", "''", 0,
                                  "import os\n"
                                  "if os.fork(): os._exit(0)\n"
                                  "os.setsid()\n"
                                  "leader=os.getpid()\n"
                                  "if os.fork(): os._exit(0)\n"
                                  "while os.getppid() == leader: pass\n"
                                  "print('up',flush=True)\n" ECHO);
    while (far_next(&box.far).type != WIRE_DATA) continue;
    box_ask(&box, 5, WIRE_CONNECT, "u", (uint32_t)port);
    CHECK_INT(next_of(5).type, WIRE_STARTED);
    box_close(&box);
}

TEST("where 127.0.0.1 is the host's and ::1 the sandbox's, it is the latter") {
    uint16_t port;
    int fd = listen_outside(AF_INET, &port);
    box_open(&box);
    /* IPV6_V6ONLY, so that both can be. */
    CHECK_INT(listen_inside("AF_INET6);s.setsockopt(41,26,1", "'::'", port, ECHO), port);
    CHECK_INT(connect_to(5, port), 0);
    far_data(&box.far, WIRE_BYTES, 5, "hello", 5);
    wire_frame_t frame = next_of(5);
    CHECK_MEM(frame.payload, frame.len, "hello", 5);
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    CHECK_INT(poll(&ready, 1, 0), 0);
    close(fd);
    box_close(&box);
}

TEST("a port that the sandbox shares with the host is not reached at all") {
    int on = 1;
    struct sockaddr_in any = {.sin_family = AF_INET};
    socklen_t len = sizeof any;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0);
    CHECK(bind(fd, (struct sockaddr *)&any, len) == 0 && listen(fd, 8) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&any, &len) == 0);
    uint16_t port = ntohs(any.sin_port);
    box_open(&box);
    CHECK_INT(listen_inside("AF_INET);s.setsockopt(1,15,1", "''", port, ECHO), port);
    CHECK_INT(connect_to(5, port), ECONNREFUSED);
    close(fd);
    CHECK_INT(connect_to(5, port), 0);
    box_close(&box);
}

TEST("the kernel says the same over netlink as in /proc") {
    uint16_t ports[3];
    int fds[3] = {listen_outside(AF_INET, &ports[0]), listen_outside(AF_INET6, &ports[1])};
    fds[2] = listen_outside(AF_INET, &ports[2]);
    close(fds[2]);
    for (int i = 0; i < 3; i++)
        for (int is_ipv6 = 0; is_ipv6 < 2; is_ipv6++) {
            listeners_t fast, slow;
            int expected = i == is_ipv6 ? 0 : -ECONNREFUSED;
            CHECK_INT(listeners_find(&fast, is_ipv6, ports[i]), expected);
            CHECK_INT(listeners_find_by_proc(&slow, is_ipv6, ports[i]), expected);
            CHECK_INT(fast.count, expected == 0);
            CHECK(listeners_equal(&fast, &slow));
        }
    close(fds[0]);
    close(fds[1]);
}

TEST("a connection that is given up is closed") {
    box_open(&box);
    uint16_t port =
        listen_inside("AF_INET", "''", 0, "c=s.accept()[0]\nprint(c.recv(10),flush=True)\n");
    CHECK_INT(connect_to(5, port), 0);
    far_tell(&box.far, WIRE_CANCEL, 0, 5);
    CHECK_INT(next_of(5).type, WIRE_DONE);
    wire_frame_t frame = far_expect(&box.far, WIRE_DATA, 2);
    CHECK_MEM(frame.payload, frame.len, "b''\n", 4);
    box_close(&box);
}

TEST_MAIN
