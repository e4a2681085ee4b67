/*
 * darwin.h: calls of Linux that macOS has not, made of its own. Only what RUNG_NONE needs, and no
 * more faithful than that takes: what is missing of each stands beside it. Compiled with Apple's
 * headers, never run on a Mac. Any process.
 */
#ifndef E2B_INIT_DARWIN_H
#define E2B_INIT_DARWIN_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/xattr.h>

#define st_atim st_atimespec
#define st_mtim st_mtimespec
#define st_ctim st_ctimespec

/* Opens what it names, so what may not be read cannot be looked at, and a socket cannot either. */
#define O_PATH (O_RDONLY | O_NONBLOCK | O_NOCTTY)
#define OPEN_PLACE (O_PATH | O_SYMLINK | O_CLOEXEC)

/* A link that is replaced meanwhile gives the new one's text. */
static inline ssize_t system_read_link(int fd, int parent, const char *name, char *text,
                                       size_t size) {
    (void)fd;
    return readlinkat(parent, name, text, size);
}

/* It may lead elsewhere by the time it is used. */
#define PATH_OF_FD 1024u
static inline void system_path_of_fd(int fd, char text[PATH_OF_FD]) {
    if (fcntl(fd, F_GETPATH, text) < 0) text[0] = '\0';
}

/* What macOS has nothing for: orphans are launchd's. */
static inline void system_die_with_parent(void) {
}
static inline int system_adopt_orphans(void) {
    return 0;
}
static inline void system_show_memory(int shown) {
    (void)shown;
}

/* ---- sockets and descriptors: flags are set after the making, in a process of one thread ---- */

#define SOCK_CLOEXEC 0x10000
#define SOCK_NONBLOCK 0x20000
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* SIGPIPE is blocked or ignored in every process of ours */
#endif

int darwin_socket(int domain, int type, int protocol);
#define socket(domain, type, protocol) darwin_socket(domain, type, protocol)
int accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);
int pipe2(int fds[2], int flags); /* O_CLOEXEC alone */

/* `last` is ~0u or a descriptor. */
#define CLOSE_RANGE_CLOEXEC 4
int close_range(unsigned low, unsigned last, int flags);

/* ---- extended attributes: without a position ---- */

#define XATTR_NAME_MAX XATTR_MAXNAMELEN
#define XATTR_LIST_MAX 65536
#define XATTR_SIZE_MAX 65536
#define llistxattr(path, names, size) listxattr(path, names, size, XATTR_NOFOLLOW)
#define lgetxattr(path, name, value, size) getxattr(path, name, value, size, 0, XATTR_NOFOLLOW)
#define flistxattr(fd, names, size) (flistxattr)(fd, names, size, 0)
#define fgetxattr(fd, name, value, size) (fgetxattr)(fd, name, value, size, 0, 0)
#define fsetxattr(fd, name, value, size, flags) (fsetxattr)(fd, name, value, size, 0, flags)
#define fremovexattr(fd, name) (fremovexattr)(fd, name, 0)

/* ---- others ---- */

#define SIGRTMAX (NSIG - 1)
#define CLONE_VM 0 /* clone_darwin.c copies the memory, and waits for the exec anyway */
#define CLONE_VFORK 0

/* The order of glibc's arguments. */
typedef int darwin_compare_t(const void *left, const void *right, void *with);
void darwin_qsort_r(void *base, size_t count, size_t size, darwin_compare_t *compare, void *with);
#define qsort_r(base, count, size, compare, with) darwin_qsort_r(base, count, size, compare, with)

/* Always ENOTSUP: pipes, sockets and devices are not copied. */
int darwin_mknodat(int at, const char *name, mode_t mode, dev_t device);
#define mknodat(at, name, mode, device) darwin_mknodat(at, name, mode, device)

void *memrchr(const void *text, int byte, size_t len);
ssize_t getrandom(void *bytes, size_t len, unsigned flags);
/* Always ENOSYS: who asks has another way. */
ssize_t copy_file_range(int from, off_t *from_at, int to, off_t *to_at, size_t len, unsigned flags);

#endif
