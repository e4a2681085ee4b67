/*
 * far_end.c: one thread accepts, one thread serves each connection with blocking calls; one lock
 * covers the script and the records. Whatever waits also looks at the quit descriptor, so that
 * far_stop never hangs.
 */
#include "far_state.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_HEAD 65536

static void tell(far_end_t *far) {
    uint64_t one = 1;
    if (write(far->news, &one, sizeof one) < 0 && errno != EAGAIN) abort();
}

/* ---- reading ---- */

/* Waits for the socket or for far_stop. */
static bool readable(connection_t *connection) {
    struct pollfd fds[2] = {{.fd = connection->fd, .events = POLLIN},
                            {.fd = connection->far->quit, .events = POLLIN}};
    while (poll(fds, 2, -1) < 0)
        if (errno != EINTR) return false;
    return fds[1].revents == 0;
}

static size_t receive(connection_t *connection, void *to, size_t room) {
    if (!readable(connection)) return 0;
    ssize_t got = recv(connection->fd, to, room, 0);
    return got > 0 ? (size_t)got : 0;
}

static bool read_head(connection_t *connection) {
    for (;;) {
        char *end = memmem(connection->head, connection->head_len, "\r\n\r\n", 4);
        if (end != NULL) {
            connection->head_ends = (size_t)(end - connection->head) + 4;
            return true;
        }
        if (connection->head_len == MAX_HEAD) return false;
        size_t got = receive(connection, connection->head + connection->head_len,
                             MAX_HEAD - connection->head_len);
        if (got == 0) return false;
        connection->head_len += got;
    }
}

/* Splits the head into a record; the body is read into it by read_body. */
static far_request_t parse_head(connection_t *connection) {
    far_request_t request = {.connection = connection->number};
    char *text = need(strndup(connection->head, connection->head_ends - 2));
    char *line_end = need(strstr(text, "\r\n"));
    request.headers = need(strdup(line_end + 2));
    *line_end = '\0';
    char *version = strstr(text, " HTTP/");
    if (version != NULL) *version = '\0';
    request.line = text;
    return request;
}

static bool read_body(connection_t *connection, far_request_t *request) {
    char text[32];
    far_find_header(request->headers, "Content-Length", text, sizeof text);
    size_t want = strtoul(text, NULL, 10);
    if (want > FAR_MAX_BODY) return false;
    request->body = need(malloc(want + 1));
    size_t spare = connection->head_len - connection->head_ends;
    size_t have = spare < want ? spare : want;
    memcpy(request->body, connection->head + connection->head_ends, have);
    connection->head_len = spare - have; /* the beginning of the next request */
    memmove(connection->head, connection->head + connection->head_ends + have,
            connection->head_len);
    while (have < want) {
        size_t got = receive(connection, request->body + have, want - have);
        if (got == 0) return false;
        have += got;
    }
    request->body[want] = '\0';
    request->body_len = want;
    return true;
}

static void record(far_end_t *far, const far_request_t *request) {
    pthread_mutex_lock(&far->lock);
    if (far->request_count == FAR_MAX_REQUESTS) abort();
    far->requests[far->request_count++] = *request;
    pthread_mutex_unlock(&far->lock);
    tell(far);
}

static void free_request(far_request_t *request) {
    free(request->line);
    free(request->headers);
    free(request->body);
}

/* ---- answering ---- */

static far_answer_t *match(far_end_t *far, const char *line, part_t **first, bool *early) {
    pthread_mutex_lock(&far->lock);
    far_answer_t *answer = far->answers;
    while (answer != NULL && ((answer->used && !answer->always) ||
                              strncmp(answer->route, line, strlen(answer->route)) != 0)) {
        answer = answer->next;
    }
    if (answer != NULL) {
        answer->used = true;
        *first = answer->first;
        *early = answer->early;
    }
    pthread_mutex_unlock(&far->lock);
    return answer;
}

static bool send_all(connection_t *connection, const char *data, size_t len) {
    for (size_t sent = 0; sent < len;) {
        ssize_t n = send(connection->fd, data + sent, len - sent, MSG_NOSIGNAL);
        if (n <= 0) return false;
        sent += (size_t)n;
    }
    return true;
}

static bool wait_gate(far_end_t *far) {
    pthread_mutex_lock(&far->lock);
    while (far->gates_open == 0 && !far->stopping) pthread_cond_wait(&far->opened, &far->lock);
    bool open = !far->stopping;
    if (open) far->gates_open--;
    pthread_mutex_unlock(&far->lock);
    return open;
}

static void reset(connection_t *connection) {
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

/* False: the connection is over. */
static bool play(connection_t *connection, const part_t *part, far_request_t *request) {
    char rest[4096];
    for (; part != NULL; part = part->next) {
        switch (part->kind) {
        case SEND:
            if (!send_all(connection, part->data, part->len)) return false;
            break;
        case GATE:
            if (!wait_gate(connection->far)) return false;
            break;
        case BODY:
            if (!read_body(connection, request)) return false;
            record(connection->far, request);
            request->line = NULL; /* recorded: not ours any more */
            break;
        case RESET:
            reset(connection);
            return false;
        case CLOSE:
            return false;
        case STALL:
            while (receive(connection, rest, sizeof rest) > 0) continue;
            return false;
        }
    }
    return true;
}

/* One request. False: the connection is over. */
static bool serve_one(connection_t *connection) {
    static const char unscripted[] = "HTTP/1.1 599 Unscripted\r\nContent-Length: 0\r\n\r\n";
    if (!read_head(connection)) return false;
    far_request_t request = parse_head(connection);
    part_t *first = NULL;
    bool early = false;
    far_answer_t *answer = match(connection->far, request.line, &first, &early);
    if (early) {
        bool on = play(connection, first, &request);
        if (request.line != NULL) free_request(&request);
        return on;
    }
    if (!read_body(connection, &request)) {
        free_request(&request);
        return false;
    }
    record(connection->far, &request);
    if (answer == NULL) return send_all(connection, unscripted, sizeof unscripted - 1);
    return play(connection, first, &request);
}

static void *serve(void *context) {
    connection_t *connection = context;
    while (serve_one(connection)) continue;
    pthread_mutex_lock(&connection->far->lock);
    connection->over = true;
    close(connection->fd);
    connection->fd = -1;
    pthread_mutex_unlock(&connection->far->lock);
    tell(connection->far);
    return NULL;
}

static void *accept_all(void *context) {
    far_end_t *far = context;
    struct pollfd fds[2] = {{.fd = far->listener, .events = POLLIN},
                            {.fd = far->quit, .events = POLLIN}};
    while (poll(fds, 2, -1) >= 0 || errno == EINTR) {
        if (fds[1].revents != 0) break;
        int on = 1, fd = accept4(far->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) continue;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        connection_t *connection = need(calloc(1, sizeof *connection));
        connection->far = far;
        connection->fd = fd;
        connection->head = need(malloc(MAX_HEAD));
        pthread_mutex_lock(&far->lock);
        if (far->connection_count == MAX_CONNECTIONS) abort();
        far->connections[far->connection_count++] = connection;
        connection->number = far->connection_count;
        if (pthread_create(&connection->thread, NULL, serve, connection) != 0) abort();
        pthread_mutex_unlock(&far->lock);
        tell(far);
    }
    return NULL;
}

/* ---- life ---- */

static int listen_on(int backlog, int *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(fd, backlog) != 0 || getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        abort();
    }
    *port = ntohs(address.sin_port);
    return fd;
}

far_end_t *far_start(void) {
    far_end_t *far = need(calloc(1, sizeof *far));
    pthread_mutex_init(&far->lock, NULL);
    pthread_cond_init(&far->opened, NULL);
    far->last_answer = &far->answers;
    far->news = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    far->quit = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    far->listener = listen_on(256, &far->port);
    if (far->news < 0 || far->quit < 0) abort();
    if (pthread_create(&far->acceptor, NULL, accept_all, far) != 0) abort();
    return far;
}

static void free_answer(far_answer_t *answer) {
    for (part_t *part; (part = answer->first) != NULL;) {
        answer->first = part->next;
        free(part->data);
        free(part);
    }
    free(answer->route);
    free(answer);
}

void far_stop(far_end_t *far) {
    uint64_t one = 1;
    pthread_mutex_lock(&far->lock);
    far->stopping = true;
    pthread_cond_broadcast(&far->opened);
    for (int i = 0; i < far->connection_count; i++) {
        if (far->connections[i]->fd >= 0) shutdown(far->connections[i]->fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&far->lock);
    if (write(far->quit, &one, sizeof one) < 0) abort();
    pthread_join(far->acceptor, NULL);
    for (int i = 0; i < far->connection_count; i++) {
        pthread_join(far->connections[i]->thread, NULL);
        free(far->connections[i]->head);
        free(far->connections[i]);
    }
    for (far_answer_t *answer; (answer = far->answers) != NULL;) {
        far->answers = answer->next;
        free_answer(answer);
    }
    for (int i = 0; i < far->request_count; i++) free_request(&far->requests[i]);
    close(far->listener);
    close(far->news);
    close(far->quit);
    pthread_cond_destroy(&far->opened);
    pthread_mutex_destroy(&far->lock);
    free(far);
}
