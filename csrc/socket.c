/*
 * socket.c: opens a socket for libcurl, and looks at those that it owns between two requests. Any
 * thread. Must never wait, and never close: the descriptor is libcurl's.
 */
#include "socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PAIR_REACH 64 /* descriptors: what others opened meanwhile may lie between */
#define MAX_LOOKS 64  /* of 4 KB: what is left lies behind a shut socket */

int e2b_socket_open(int family, int type, int protocol) {
#ifdef SOCK_CLOEXEC
    return socket(family, type | SOCK_CLOEXEC, protocol);
#else
    int fd = socket(family, type, protocol);
    if (fd >= 0) fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
#endif
}

int e2b_socket_next(int any) {
    int fd = fcntl(any, F_DUPFD_CLOEXEC, 0);
    if (fd >= 0) close(fd);
    return fd;
}

#ifdef __linux__
/* Of a pair neither end has a name, and each has the other's maker for its peer: us. */
static bool is_end_of_pair(int fd) {
    struct sockaddr_un own, other;
    socklen_t own_len = sizeof own, other_len = sizeof other;
    struct ucred maker;
    socklen_t maker_len = sizeof maker;
    return getsockname(fd, (struct sockaddr *)&own, &own_len) == 0 && own.sun_family == AF_UNIX &&
           own_len == sizeof own.sun_family &&
           getpeername(fd, (struct sockaddr *)&other, &other_len) == 0 &&
           other_len == sizeof other.sun_family &&
           getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &maker, &maker_len) == 0 &&
           maker.pid == getpid();
}
#endif

void e2b_socket_keep_pairs(int first) {
#ifdef __linux__
    for (int fd = first; fd >= 0 && fd < first + PAIR_REACH; fd++) {
        if (fcntl(fd, F_GETFD) == 0 && is_end_of_pair(fd)) fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
#else
    (void)first;
#endif
}

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
