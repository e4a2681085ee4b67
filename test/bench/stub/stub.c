/*
 * stub.c: the far end of the benchmark: just enough of E2B's two planes, from one thread and one
 * epoll set, at a few microseconds a request, so that what is measured is the client. Loopback
 * only.
 *
 *   stub API_KEY
 *
 * It reads requests as a server must (headers in any case, bodies with a length or in chunks),
 * looks into no body but that of a start, for the word that says what the process prints, and
 * refuses what does not carry the key, the token of the daemon or a path it knows: refusals are
 * counted, as is everything else. It prints its port on stdout and ends when its stdin does; a
 * client that breaks the protocol, or does not read, ends it with a word on stderr: numbers
 * measured against half of it would be wrong.
 */
#include "stub.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READY 256

static int poll_set, listener;
static uint64_t accepted;

uint64_t connections_accepted(void) {
    return accepted;
}

void die(const char *what) {
    fprintf(stderr, "stub: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
    exit(1);
}

void send_all(connection_t *c, const char *data, size_t len) {
    ssize_t sent = send(c->fd, data, len, MSG_NOSIGNAL);
    if (sent == (ssize_t)len) return;
    if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) return; /* the next read says so */
    die("a client does not read");
}

/* ---- reading ---- */

static void request_done(connection_t *c) {
    c->state = HEAD;
    if (c->starts) {
        start_stream(c);
    } else if (c->downloads) {
        pour_file(c);
    } else {
        send_all(c, c->answer, c->answer_len);
    }
}

static void read_line(connection_t *c, char *line) {
    char *colon = strchr(line, ':');
    if (!colon) die("a header without a colon");
    *colon = '\0';
    char *value = colon + 1 + strspn(colon + 1, " \t");
    if (strcasecmp(line, "content-length") == 0) {
        c->left = strtoul(value, NULL, 10);
        c->state = BODY;
    } else if (strcasecmp(line, "transfer-encoding") == 0 && strcasecmp(value, "chunked") == 0) {
        c->state = CHUNK_SIZE;
    } else if (strcasecmp(line, "expect") == 0) {
        die("a client asks to be told to go on");
    } else {
        read_header(c, line, value);
    }
}

/* The head is whole, and ends with an empty line. */
static void read_head(connection_t *c, char *head) {
    char *line = strstr(head, "\r\n");
    *line = '\0';
    char *path = strchr(head, ' ');
    char *version = path ? strchr(path + 1, ' ') : NULL;
    if (!version) die("not a request line");
    *path++ = *version = '\0';
    c->left = 0;
    c->state = BODY;
    c->starts = c->uploads = c->downloads = c->has_key = c->has_token = c->is_connect_json = false;
    for (line += 2; strncmp(line, "\r\n", 2) != 0;) {
        char *end = strstr(line, "\r\n");
        *end = '\0';
        read_line(c, line);
        line = end + 2;
    }
    route(c, head, path);
}

/* Takes what it can of the bytes that are there; how many. */
static size_t read_some(connection_t *c, char *at, size_t len) {
    if (c->state == BODY || c->state == CHUNK) {
        if (c->starts && c->state == BODY) { /* looked at as a whole */
            if (len < c->left) return 0;
            read_start(c, at, c->left);
        }
        size_t taken = c->left < len ? c->left : len;
        c->left -= taken;
        if (c->uploads) count_upload(taken);
        if (c->left > 0) return taken;
        if (c->state == BODY) {
            request_done(c);
        } else {
            c->state = CHUNK_END;
        }
        return taken;
    }
    const char *sought = c->state == HEAD ? "\r\n\r\n" : "\r\n";
    char *end = memmem(at, len, sought, strlen(sought));
    if (!end) return 0;
    size_t taken = (size_t)(end - at) + strlen(sought);
    switch (c->state) {
    case HEAD:
        read_head(c, at);
        if (c->state == BODY && c->left == 0) request_done(c);
        break;
    case CHUNK_SIZE:
        c->left = strtoul(at, NULL, 16);
        c->state = c->left > 0 ? CHUNK : TRAILER;
        break;
    case CHUNK_END:
        c->state = CHUNK_SIZE;
        break;
    default:
        if (end == at) request_done(c);
    }
    return taken;
}

static void close_connection(connection_t *c) {
    stop_stream(c);
    close(c->fd);
    free(c);
}

static void on_readable(connection_t *c) {
    ssize_t got = recv(c->fd, c->in + c->len, MAX_HEAD - c->len, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
        close_connection(c);
        return;
    }
    c->len += (size_t)got;
    c->in[c->len] = '\0';
    size_t at = 0;
    for (size_t taken; at < c->len; at += taken) {
        taken = read_some(c, c->in + at, c->len - at);
        if (taken == 0) break;
    }
    c->len -= at;
    memmove(c->in, c->in + at, c->len);
    errno = 0;
    if (c->len == MAX_HEAD) die("a head that is too long");
}

static void set_interest(connection_t *c, int operation, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = c};
    if (epoll_ctl(poll_set, operation, c->fd, &event) != 0) die("epoll_ctl");
}

void watch_room(connection_t *c, bool watched) {
    set_interest(c, EPOLL_CTL_MOD, watched ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void on_connection(void) {
    int fd, one = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        connection_t *c = calloc(1, sizeof *c);
        if (!c) die("out of memory");
        c->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        set_interest(c, EPOLL_CTL_ADD, EPOLLIN);
        accepted++;
    }
    if (errno != EAGAIN && errno != ECONNABORTED) die("accept");
}

/* ---- life ---- */

static void listen_on_loopback(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, len) != 0 ||
        listen(listener, 4096) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &len) != 0) {
        die("listen");
    }
    printf("%u\n", ntohs(address.sin_port));
    fflush(stdout);
}

static void watch(int fd, void *what) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};
    if (epoll_ctl(poll_set, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
}

int main(int argc, char **argv) {
    struct epoll_event ready[READY];
    if (argc != 2) die("usage: stub API_KEY");
    expect_key(argv[1]);
    poll_set = epoll_create1(EPOLL_CLOEXEC);
    if (poll_set < 0) die("epoll_create1");
    make_events();
    make_blocks();
    listen_on_loopback();
    watch(STDIN_FILENO, NULL);
    watch(listener, &listener);
    for (;;) {
        int count = epoll_wait(poll_set, ready, READY, milliseconds_until_due());
        if (count < 0 && errno != EINTR) die("epoll_wait");
        for (int i = 0; i < count; i++) {
            errno = 0;
            if (!ready[i].data.ptr) return 0; /* nothing is ever written to stdin: it has ended */
            if (ready[i].data.ptr == &listener) {
                on_connection();
            } else if (ready[i].events & EPOLLIN) {
                on_readable(ready[i].data.ptr);
            } else if (ready[i].events & EPOLLOUT) {
                on_room(ready[i].data.ptr);
            } else {
                on_readable(ready[i].data.ptr); /* an error, or its end */
            }
        }
        send_due_frames();
    }
}
