/*
 * far_script.c: the script of answers, the records of requests, and ports that do not answer. Test
 * thread, but for far_find_header.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "far_state.h"

/* ---- records ---- */

bool far_find_header(const char *headers, const char *name, char *out, size_t size) {
    size_t len = strlen(name);
    for (const char *line = headers; *line != '\0';) {
        const char *end = strstr(line, "\r\n");
        if (end == NULL) break;
        if (strncasecmp(line, name, len) == 0 && line[len] == ':') {
            const char *value = line + len + 1;
            while (*value == ' ') value++;
            snprintf(out, size, "%.*s", (int)(end - value), value);
            return true;
        }
        line = end + 2;
    }
    out[0] = '\0';
    return false;
}

int far_port(const far_end_t *far) {
    return far->port;
}

int far_fd(const far_end_t *far) {
    return far->news;
}

void far_seen(far_end_t *far) {
    uint64_t count;
    if (read(far->news, &count, sizeof count) < 0 && errno != EAGAIN) abort();
}

static int count_of(far_end_t *far, const char *begin, int wanted, const far_request_t **found) {
    int count = 0;
    pthread_mutex_lock(&far->lock);
    for (int i = 0; i < far->request_count; i++) {
        if (strncmp(far->requests[i].line, begin, strlen(begin)) != 0) continue;
        if (count++ == wanted) *found = &far->requests[i];
    }
    pthread_mutex_unlock(&far->lock);
    return count;
}

int far_count(far_end_t *far) {
    return far_count_of(far, "");
}

const far_request_t *far_request(far_end_t *far, int index) {
    return far_request_of(far, "", index);
}

int far_count_of(far_end_t *far, const char *begin) {
    return count_of(far, begin, -1, NULL);
}

const far_request_t *far_request_of(far_end_t *far, const char *begin, int index) {
    const far_request_t *found = NULL;
    count_of(far, begin, index, &found);
    return found;
}

const char *far_header(far_end_t *far, const far_request_t *request, const char *name) {
    far_find_header(request->headers, name, far->header, sizeof far->header);
    return far->header;
}

int far_connections(far_end_t *far) {
    pthread_mutex_lock(&far->lock);
    int count = far->connection_count;
    pthread_mutex_unlock(&far->lock);
    return count;
}

int far_open_connections(far_end_t *far) {
    int count = 0;
    pthread_mutex_lock(&far->lock);
    for (int i = 0; i < far->connection_count; i++) count += !far->connections[i]->over;
    pthread_mutex_unlock(&far->lock);
    return count;
}

/* ---- the script ---- */

far_answer_t *far_on(far_end_t *far, const char *route) {
    far_answer_t *answer = need(calloc(1, sizeof *answer));
    answer->far = far;
    answer->route = need(strdup(route));
    answer->last = &answer->first;
    pthread_mutex_lock(&far->lock);
    *far->last_answer = answer;
    far->last_answer = &answer->next;
    pthread_mutex_unlock(&far->lock);
    return answer;
}

static void add_part(far_answer_t *answer, part_kind_t kind, const void *data, size_t len) {
    part_t *part = need(calloc(1, sizeof *part));
    part->kind = kind;
    part->len = len;
    part->data = need(malloc(len + 1));
    if (len > 0) memcpy(part->data, data, len);
    pthread_mutex_lock(&answer->far->lock);
    *answer->last = part;
    answer->last = &part->next;
    pthread_mutex_unlock(&answer->far->lock);
}

void far_always(far_answer_t *answer) {
    pthread_mutex_lock(&answer->far->lock);
    answer->always = true;
    pthread_mutex_unlock(&answer->far->lock);
}

void far_early(far_answer_t *answer) {
    pthread_mutex_lock(&answer->far->lock);
    answer->early = true;
    pthread_mutex_unlock(&answer->far->lock);
}

void far_send_bytes(far_answer_t *answer, const void *data, size_t len) {
    add_part(answer, SEND, data, len);
}

void far_gate(far_answer_t *answer) {
    add_part(answer, GATE, NULL, 0);
}

void far_body(far_answer_t *answer) {
    add_part(answer, BODY, NULL, 0);
}

void far_close(far_answer_t *answer) {
    add_part(answer, CLOSE, NULL, 0);
}

void far_reset(far_answer_t *answer) {
    add_part(answer, RESET, NULL, 0);
}

void far_stall(far_answer_t *answer) {
    add_part(answer, STALL, NULL, 0);
}

void far_open(far_end_t *far) {
    pthread_mutex_lock(&far->lock);
    far->gates_open++;
    pthread_cond_signal(&far->opened);
    pthread_mutex_unlock(&far->lock);
}

/* ---- whole answers ---- */

void far_send(far_answer_t *answer, const char *text) {
    far_send_bytes(answer, text, strlen(text));
}

void far_reply(far_answer_t *answer, int status, const char *extra, const char *body) {
    char head[2048];
    snprintf(head, sizeof head, "HTTP/1.1 %d Scripted\r\n%sContent-Length: %zu\r\n%s\r\n", status,
             extra != NULL && strcasestr(extra, "content-type:") != NULL
                 ? ""
                 : "Content-Type: application/json\r\n",
             strlen(body), extra != NULL ? extra : "");
    far_send(answer, head);
    far_send(answer, body);
}

void far_stream(far_answer_t *answer) {
    far_send(answer, "HTTP/1.1 200 OK\r\nContent-Type: application/connect+json\r\n"
                     "Transfer-Encoding: chunked\r\n\r\n");
}

void far_chunk(far_answer_t *answer, const void *data, size_t len) {
    char *text = malloc(len + 32);
    if (text == NULL) abort();
    size_t head = (size_t)snprintf(text, 24, "%zx\r\n", len);
    memcpy(text + head, data, len);
    memcpy(text + head + len, "\r\n", 2);
    far_send_bytes(answer, text, head + len + 2);
    free(text);
}

void far_last(far_answer_t *answer) {
    far_send(answer, "0\r\n\r\n");
}

void far_frame(far_answer_t *answer, int flags, const char *json) {
    size_t len = strlen(json);
    char *frame = malloc(len + 5);
    if (frame == NULL) abort();
    const unsigned char head[5] = {(unsigned char)flags, (unsigned char)(len >> 24),
                                   (unsigned char)(len >> 16), (unsigned char)(len >> 8),
                                   (unsigned char)len};
    memcpy(frame, head, 5);
    memcpy(frame + 5, json, len);
    far_chunk(answer, frame, len + 5);
    free(frame);
}

/* ---- ports without a server ---- */

static int loopback(int *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        abort();
    }
    *port = ntohs(address.sin_port);
    return fd;
}

int far_closed_port(void) {
    int port;
    close(loopback(&port));
    return port;
}

/* A listener that never accepts answers no more SYNs once its queue is full. */
bool far_hole_make(far_hole_t *hole) {
    int listener = loopback(&hole->port);
    if (listen(listener, 0) != 0) abort();
    hole->fds[0] = listener;
    hole->count = 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((unsigned short)hole->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    while (hole->count < 8) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0) abort();
        hole->fds[hole->count++] = fd;
        if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) continue;
        struct pollfd ready = {.fd = fd, .events = POLLOUT};
        if (errno == EINPROGRESS && poll(&ready, 1, 100) == 0) return true;
    }
    far_hole_end(hole);
    return false;
}

void far_hole_end(far_hole_t *hole) {
    while (hole->count > 0) close(hole->fds[--hole->count]);
}
