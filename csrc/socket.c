/*
 * socket.c: looks at a socket that libcurl owns, between two requests. Pool thread. Must never
 * wait, and never close: the descriptor is libcurl's.
 */
#include "socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define MAX_LOOKS 64 /* of 4 KB: what is left lies behind a shut socket */

int e2b_socket_port(const struct sockaddr *address) {
    const void *any = address;
    if (address->sa_family == AF_INET) return ntohs(((const struct sockaddr_in *)any)->sin_port);
    if (address->sa_family == AF_INET6) return ntohs(((const struct sockaddr_in6 *)any)->sin6_port);
    return -1;
}

int e2b_socket_local_port(int fd) {
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0) return -1;
    return e2b_socket_port((struct sockaddr *)&address);
}

bool e2b_socket_shut_if_readable(int fd) {
    char bytes[4096];
    ssize_t n = recv(fd, bytes, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return false;
    shutdown(fd, SHUT_RDWR);
    for (int i = 0; n > 0 && i < MAX_LOOKS; i++) n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    return true;
}

int64_t e2b_socket_silent_ms(int fd) {
#ifdef __linux__
    struct tcp_info info;
    socklen_t len = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0) return info.tcpi_last_data_recv;
#else
    (void)fd;
#endif
    return 0;
}

void e2b_socket_shut(int fd) {
    shutdown(fd, SHUT_RDWR);
}
