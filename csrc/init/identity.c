/*
 * identity.c: see identity.h. Must not allocate, nor use libc's own set*id(), which are made for
 * programs with threads and keep state of their own.
 */
#ifdef __linux__

#include "identity.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int identity_write(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return errno;
    int error = write(fd, text, strlen(text)) < 0 ? errno : 0;
    close(fd);
    return error;
}

int identity_take(uid_t uid, gid_t gid, const gid_t *groups, size_t group_count) {
    if (syscall(SYS_setgroups, group_count, groups) < 0 ||
        syscall(SYS_setresgid, gid, gid, gid) < 0 || syscall(SYS_setresuid, uid, uid, uid) < 0)
        return errno;
    return 0;
}

int identity_rename(uid_t uid, gid_t gid, uid_t own_uid, gid_t own_gid) {
    char uid_map[64], gid_map[64];
    snprintf(uid_map, sizeof uid_map, "%u %u 1", uid, own_uid);
    snprintf(gid_map, sizeof gid_map, "%u %u 1", gid, own_gid);
    if (unshare(CLONE_NEWUSER) < 0) return errno;
    int error = identity_write("/proc/self/setgroups", "deny");
    if (error == 0) error = identity_write("/proc/self/uid_map", uid_map);
    if (error == 0) error = identity_write("/proc/self/gid_map", gid_map);
    return error;
}

#endif
