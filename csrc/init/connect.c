/*
 * connect.c: CONNECT, a connection to a port of the sandbox's own, and its bytes both ways, each of
 * which ends by itself. Must not reach a port that is not this sandbox's, nor hold more than a
 * window of what the other end does not take. Thread of pid 1.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listener.h"
#include "requests.h"
#include "sandbox.h"
#include "system.h"

#define SLICE_NAMES 48 /* of processes and their files, while it is looked for who listens */
#define READ_BYTES (32u * 1024)
#define CONNECT_MS 10000 /* a listener that accepts nobody */

typedef struct connection {
    stream_t stream; /* first */
    source_t source;
    loop_alarm_t deadline;
    uint16_t port;
    bool is_ipv6, searching, connected;
    bool read_over, write_over; /* each way has ended */
    bool deaf;                  /* the other end takes nothing any more */
    bool shut;                  /* nothing is to be written after what waits */
    bool parked; /* not watched: nobody has room for what comes, and hanging up cannot be ignored */
    listener_search_t search;
    uint8_t *waits; /* to be written */
    size_t at, len;
} connection_t;

static connection_t *of_source(source_t *source) {
    return (connection_t *)((char *)source - offsetof(connection_t, source));
}

static void fail(connection_t *connection, int error) {
    stream_fail(&connection->stream, error, "connect to port %u", connection->port);
}

/* ---- bytes ---- */

static void want(connection_t *connection) {
    uint32_t events = connection->len > 0 ? (uint32_t)EPOLLOUT : 0;
    if (!connection->read_over && stream_room(&connection->stream) > 0) events |= EPOLLIN;
    source_want(&connection->source, events);
}

/* Ends it when both ways have. */
static bool is_over(connection_t *connection) {
    if (!connection->read_over || !(connection->write_over || connection->deaf)) return false;
    stream_done(&connection->stream);
    return true;
}

static void read_some(connection_t *connection) {
    uint8_t bytes[READ_BYTES];
    size_t room = stream_room(&connection->stream);
    if (connection->read_over || room == 0) return;
    ssize_t len =
        recv(connection->source.fd, bytes, room < sizeof bytes ? room : sizeof bytes, MSG_DONTWAIT);
    if (len > 0) {
        stream_send(&connection->stream, WIRE_BYTES, bytes, (size_t)len);
    } else if (len == 0) {
        connection->read_over = true;
        stream_send_end(&connection->stream, WIRE_BYTES);
    } else if (errno != EAGAIN && errno != EINTR) {
        fail(connection, errno);
    }
}

/* Some of these bytes; all of them when nobody hears. */
static size_t write_some(connection_t *connection, const uint8_t *data, size_t len) {
    ssize_t wrote = -1;
    if (!connection->deaf) {
        wrote = send(connection->source.fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (wrote < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    }
    /* What it still says may be read, as of a server that refuses a body half-way. */
    if (wrote < 0) connection->deaf = true;
    size_t gone = wrote < 0 ? len : (size_t)wrote;
    stream_credit(&connection->stream, gone);
    return gone;
}

static void write_waiting(connection_t *connection) {
    if (connection->len > 0) {
        size_t gone = write_some(connection, connection->waits + connection->at, connection->len);
        connection->at += gone;
        connection->len -= gone;
    }
    if (connection->len > 0) return;
    connection->at = 0;
    free(connection->waits);
    connection->waits = NULL;
    if (!connection->shut || connection->write_over) return;
    shutdown(connection->source.fd, SHUT_WR);
    connection->write_over = true;
}

static void connection_data(stream_t *stream, uint8_t channel, const uint8_t *data, size_t len) {
    connection_t *connection = (connection_t *)stream;
    (void)channel;
    if (connection->shut) return;
    if (connection->connected && connection->len == 0) {
        size_t gone = write_some(connection, data, len);
        data += gone;
        len -= gone;
    }
    if (len > 0) {
        if (connection->waits == NULL) connection->waits = malloc(WIRE_WINDOW);
        if (connection->waits == NULL) {
            fail(connection, ENOMEM);
            return;
        }
        /* Not credited yet, so no more than a window ever waits. */
        memmove(connection->waits, connection->waits + connection->at, connection->len);
        connection->at = 0;
        memcpy(connection->waits + connection->len, data, len);
        connection->len += len;
    }
    if (connection->connected && !is_over(connection)) want(connection);
}

static void connection_end(stream_t *stream, uint8_t channel) {
    connection_t *connection = (connection_t *)stream;
    (void)channel;
    connection->shut = true;
    if (!connection->connected) return;
    write_waiting(connection);
    if (!is_over(connection)) want(connection);
}

/* What hangs up is told of again and again; when there is nothing to be done about it, it must not
 * be listened to. */
static void settle_hang_up(connection_t *connection) {
    int error = 0;
    socklen_t len = sizeof error;
    if (!connection->read_over) {
        if (stream_room(&connection->stream) > 0) return; /* reading comes to its end */
        connection->parked = true;
        source_release(&connection->source);
        return;
    }
    getsockopt(connection->source.fd, SOL_SOCKET, SO_ERROR, &error, &len);
    fail(connection, error != 0 ? error : ECONNRESET);
}

static void on_ready(source_t *source, uint32_t events) {
    connection_t *connection = of_source(source);
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read_some(connection);
    if (connection->source.loop == NULL) return;
    if (events & (EPOLLOUT | EPOLLERR)) write_waiting(connection);
    if (is_over(connection)) return;
    if (events & (EPOLLHUP | EPOLLERR)) settle_hang_up(connection);
    want(connection);
}

static void connection_window(stream_t *stream) {
    connection_t *connection = (connection_t *)stream;
    if (!connection->connected) return;
    if (connection->parked) {
        int code = source_open(&connection->source, &stream->sandbox->loop, connection->source.fd,
                               EPOLLIN, on_ready);
        if (code < 0) {
            fail(connection, -code);
            return;
        }
        connection->parked = false;
    }
    want(connection);
}

/* ---- connecting ---- */

static void begin(connection_t *connection);

/* 127.0.0.1 has refused: ::1. */
static void refused(connection_t *connection, int error) {
    source_close(&connection->source);
    listener_search_destroy(&connection->search);
    connection->searching = false;
    if (connection->is_ipv6) {
        fail(connection, error == EAFNOSUPPORT || error == EADDRNOTAVAIL ? ECONNREFUSED : error);
        return;
    }
    connection->is_ipv6 = true;
    begin(connection);
}

/* Whether the network is the host's too, and others listen in it. */
static bool is_shared(const sandbox_t *sandbox) {
    return !(sandbox->features & WIRE_HAS_NETWORK);
}

static void established(connection_t *connection) {
    listeners_t now;
    sandbox_t *sandbox = connection->stream.sandbox;
    /* Who listened before listens now, so it is him who was reached. */
    if (is_shared(sandbox) && (listeners_find(&now, connection->is_ipv6, connection->port) < 0 ||
                               !listeners_equal(&now, &connection->search.listeners))) {
        refused(connection, ECONNREFUSED);
        return;
    }
    alarm_stop(&connection->deadline);
    connection->connected = true;
    answer_begin(sandbox, connection->stream.id, WIRE_STARTED);
    answer_end(sandbox);
    write_waiting(connection);
    want(connection);
}

static void on_connected(source_t *source, uint32_t events) {
    connection_t *connection = of_source(source);
    int error = 0;
    socklen_t len = sizeof error;
    (void)events;
    if (getsockopt(source->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0) error = errno;
    source->ready = on_ready;
    if (error != 0)
        refused(connection, error);
    else
        established(connection);
}

static int call(const connection_t *connection, int fd) {
    struct sockaddr_in ipv4 = {.sin_family = AF_INET,
                               .sin_port = htons(connection->port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6,
                                .sin6_port = htons(connection->port),
                                .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    if (connection->is_ipv6) return connect(fd, (struct sockaddr *)&ipv6, sizeof ipv6);
    return connect(fd, (struct sockaddr *)&ipv4, sizeof ipv4);
}

static void start_connecting(connection_t *connection) {
    int on = 1;
    int fd = socket(connection->is_ipv6 ? AF_INET6 : AF_INET,
                    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        refused(connection, errno);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    /* Even when it is there at once, the first event says so. */
    int error = call(connection, fd) < 0 && errno != EINPROGRESS ? errno : 0;
    if (error == 0)
        error = -source_open(&connection->source, &connection->stream.sandbox->loop, fd, EPOLLOUT,
                             on_connected);
    if (error == 0) return;
    close(fd);
    refused(connection, error);
}

static void connection_slice(stream_t *stream) {
    connection_t *connection = (connection_t *)stream;
    if (!connection->searching) return;
    int code = listener_search_step(&connection->search, SLICE_NAMES);
    if (code > 0) {
        stream_again(stream);
        return;
    }
    connection->searching = false;
    if (code < 0)
        refused(connection, -code);
    else
        start_connecting(connection);
}

static void begin(connection_t *connection) {
    sandbox_t *sandbox = connection->stream.sandbox;
    if (!is_shared(sandbox)) {
        start_connecting(connection);
        return;
    }
    int code =
        listener_search_init(&connection->search, sandbox, connection->is_ipv6, connection->port);
    connection->searching = code == 0;
    if (code < 0)
        refused(connection, -code);
    else
        connection_slice(&connection->stream);
}

static void on_deadline(loop_alarm_t *alarm) {
    connection_t *connection = (connection_t *)((char *)alarm - offsetof(connection_t, deadline));
    fail(connection, ETIMEDOUT);
}

static void connection_destroy(stream_t *stream) {
    connection_t *connection = (connection_t *)stream;
    alarm_stop(&connection->deadline);
    listener_search_destroy(&connection->search);
    if (connection->parked)
        close(connection->source.fd);
    else
        source_close(&connection->source);
    free(connection->waits);
}

static const stream_class_t connection_class = {.what = "CONNECT",
                                                .data = connection_data,
                                                .end = connection_end,
                                                .window = connection_window,
                                                .slice = connection_slice,
                                                .destroy = connection_destroy};

void connect_request(sandbox_t *sandbox, const wire_frame_t *frame) {
    wire_reader_t reader = wire_read(frame);
    uint32_t port = wire_read_u32(&reader);
    if (!wire_read_all(&reader)) {
        sandbox_end(sandbox, "the backend broke the rules: a CONNECT that is none");
        return;
    }
    if (port == 0 || port > UINT16_MAX) {
        answer_failed(sandbox, frame->stream, EINVAL, "connect to port %u", port);
        return;
    }
    connection_t *connection = stream_open(sandbox, frame, &connection_class, sizeof *connection);
    if (connection == NULL) return;
    connection->port = (uint16_t)port;
    alarm_set(&connection->deadline, &sandbox->loop, CONNECT_MS, on_deadline);
    begin(connection);
}
