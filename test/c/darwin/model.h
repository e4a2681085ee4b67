/*
 * Included before everything when a Linux compiler looks at what csrc/init is on macOS: names of
 * macOS's that Linux's headers lack, and none of those that Linux alone has. With the headers
 * beside it, it is our reading of the manual pages: it finds a slip of the pen on every machine,
 * and proves nothing about a Mac. Declares, defines nothing.
 */
#ifndef E2B_TEST_DARWIN_MODEL_H
#define E2B_TEST_DARWIN_MODEL_H

/* Linux's own headers first, while they still see their system. This one has another order. */
#define qsort_r linux_qsort_r
#include <stdlib.h>
#undef qsort_r

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#undef __linux__
#undef XATTR_NAME_MAX
#undef XATTR_LIST_MAX
#undef XATTR_SIZE_MAX
#undef st_atim
#undef st_mtim
#undef st_ctim
#undef O_PATH
#undef CLONE_VM
#undef CLONE_VFORK
#undef SIGRTMAX
#undef MSG_NOSIGNAL
#undef SOCK_CLOEXEC
#undef SOCK_NONBLOCK
#undef CLOSE_RANGE_CLOEXEC
#define __APPLE__ 1

#define O_SYMLINK 0x200000
#define F_GETPATH 50
#define st_atimespec st_atim
#define st_mtimespec st_mtim
#define st_ctimespec st_ctim

void qsort_r(void *base, size_t count, size_t size, void *with,
             int (*compare)(void *with, const void *left, const void *right));
int getpeereid(int fd, uid_t *uid, gid_t *gid);

#endif
