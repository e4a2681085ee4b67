/*
 * far_script.c: the half of far_end.h that needs no thread: frames and answers built out of parts,
 * and ports that do not answer. Test thread.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "far_end.h"

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
