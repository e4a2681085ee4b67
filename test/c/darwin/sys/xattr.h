/*
 * The part of macOS's sys/xattr.h that csrc/init uses, for compilers that come without it: to see
 * that the calls are spelt as its manual page has them. Declares, and defines nothing.
 */
#ifndef E2B_TEST_DARWIN_XATTR_H
#define E2B_TEST_DARWIN_XATTR_H

#include <stdint.h>
#include <sys/types.h>

#define XATTR_NOFOLLOW 0x0001
#define XATTR_MAXNAMELEN 127

ssize_t getxattr(const char *path, const char *name, void *value, size_t size, uint32_t position,
                 int options);
ssize_t fgetxattr(int fd, const char *name, void *value, size_t size, uint32_t position,
                  int options);
int fsetxattr(int fd, const char *name, const void *value, size_t size, uint32_t position,
              int options);
int fremovexattr(int fd, const char *name, int options);
ssize_t listxattr(const char *path, char *names, size_t size, int options);
ssize_t flistxattr(int fd, char *names, size_t size, int options);

#endif
