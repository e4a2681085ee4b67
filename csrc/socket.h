/*
 * socket.h: the few things that are asked of a connection's socket behind libcurl's back. POSIX;
 * any thread.
 */
#ifndef E2B_SOCKET_H
#define E2B_SOCKET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* As socket(), but that no program which is started inherits it. */
int e2b_socket_open(int family, int type, int protocol);

/* The lowest descriptor that is free, which the next one to be opened gets; -1: there is none. It
 * borrows any open one for that. */
int e2b_socket_next(int any);
/* Keeps from programs that are started later what libcurl has made for itself without saying so:
 * pairs of sockets, among the descriptors from first on. What is not such a pair of this process is
 * left alone, so that it matters little who else opens what meanwhile. Linux; elsewhere nothing. */
void e2b_socket_keep_pairs(int first);

/* -1: it is no internet address. */
int e2b_socket_port(const struct sockaddr *address);
/* The port of its own end; -1: it is no internet socket. */
int e2b_socket_local_port(int fd);

/* True when something lies there to be read, or it is broken: it is then shut and emptied, so that
 * whoever looks at it next finds its end. Never waits. */
bool e2b_socket_shut_if_readable(int fd);

/* Milliseconds since anything came; 0 where the system does not tell. */
int64_t e2b_socket_silent_ms(int fd);

/* Nothing comes or goes any more: libcurl finds it dead. */
void e2b_socket_shut(int fd);

#endif
