/*
 * darwin.c: see darwin.h. Empty elsewhere.
 */
#ifdef __APPLE__

#include "system.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>

#undef socket

#define MOST_DESCRIPTORS 65536 /* looked at, where there is no limit to them */

static int with_flags(int fd, int flags) {
    if (fd < 0) return fd;
    if ((flags & SOCK_CLOEXEC) != 0) fcntl(fd, F_SETFD, FD_CLOEXEC);
    if ((flags & SOCK_NONBLOCK) != 0) fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

int darwin_socket(int domain, int type, int protocol) {
    int flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
    return with_flags(socket(domain, type & ~flags, protocol), type & flags);
}

int accept4(int fd, struct sockaddr *address, socklen_t *len, int flags) {
    return with_flags(accept(fd, address, len), flags);
}

int pipe2(int fds[2], int flags) {
    if (flags != O_CLOEXEC) {
        errno = EINVAL;
        return -1;
    }
    if (pipe(fds) < 0) return -1;
    fcntl(fds[0], F_SETFD, FD_CLOEXEC);
    fcntl(fds[1], F_SETFD, FD_CLOEXEC);
    return 0;
}

int close_range(unsigned low, unsigned last, int flags) {
    struct rlimit files;
    unsigned end = MOST_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < end)
        end = (unsigned)files.rlim_cur;
    if (last < end) end = last + 1;
    for (unsigned fd = low; fd < end; fd++) {
        if ((flags & CLOSE_RANGE_CLOEXEC) != 0)
            fcntl((int)fd, F_SETFD, FD_CLOEXEC);
        else
            close((int)fd);
    }
    return 0;
}

typedef struct order {
    darwin_compare_t *compare;
    void *with;
} order_t;

static int by_order(void *order, const void *left, const void *right) {
    return ((order_t *)order)->compare(left, right, ((order_t *)order)->with);
}

void darwin_qsort_r(void *base, size_t count, size_t size, darwin_compare_t *compare, void *with) {
    order_t order = {compare, with};
    (qsort_r)(base, count, size, &order, by_order);
}

int darwin_mknodat(int at, const char *name, mode_t mode, dev_t device) {
    (void)at, (void)name, (void)mode, (void)device;
    errno = ENOTSUP;
    return -1;
}

void *memrchr(const void *text, int byte, size_t len) {
    const unsigned char *at = (const unsigned char *)text + len;
    while (at > (const unsigned char *)text)
        if (*--at == (unsigned char)byte) return (void *)(uintptr_t)at;
    return NULL;
}

ssize_t getrandom(void *bytes, size_t len, unsigned flags) {
    (void)flags;
    return getentropy(bytes, len) == 0 ? (ssize_t)len : -1;
}

ssize_t copy_file_range(int from, off_t *from_at, int to, off_t *to_at, size_t len,
                        unsigned flags) {
    (void)from, (void)from_at, (void)to, (void)to_at, (void)len, (void)flags;
    errno = ENOSYS;
    return -1;
}

#endif
