/*
 * copy.c: copies by copy_file_range, which moves no byte through here where the file system can, or
 * by reading and writing. Must not fill holes. Thread of pid 1.
 */
#include "copy.h"

#include "system.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "quota.h"

#define BUFFER_BYTES (64u * 1024)

int copy_init(copy_t *copy, sandbox_t *sandbox, int from, int to, off_t base) {
    struct stat st;
    *copy = (copy_t){.sandbox = sandbox, .from = from, .to = to, .base = base};
    if (fstat(from, &st) < 0) return -errno;
    copy->end = st.st_size;
    return 0;
}

void copy_destroy(copy_t *copy) {
    if (copy->from >= 0) close(copy->from);
    if (copy->to >= 0) close(copy->to);
    copy->from = copy->to = -1;
}

/* Moves `at` to the next bytes that are there. Their length, 0 past the last one, or -errno. */
static off_t find_data(copy_t *copy) {
    off_t data = lseek(copy->from, copy->at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) data = copy->end;
    if (data < 0) return errno == EINVAL ? copy->end - copy->at : -errno;
    copy->at = data < copy->end ? data : copy->end;
    off_t hole = lseek(copy->from, copy->at, SEEK_HOLE);
    if (hole < 0 || hole > copy->end) hole = copy->end;
    return hole - copy->at;
}

static ssize_t move_by_hand(const copy_t *copy, size_t len) {
    char bytes[BUFFER_BYTES];
    if (len > sizeof bytes) len = sizeof bytes;
    ssize_t got = pread(copy->from, bytes, len, copy->at);
    return got > 0 ? pwrite(copy->to, bytes, (size_t)got, copy->base + copy->at) : got;
}

/* How many were moved; 0: from has become shorter; or -errno. */
static ssize_t move(const copy_t *copy, size_t len) {
    off_t from = copy->at, to = copy->base + copy->at;
    ssize_t moved = copy_file_range(copy->from, &from, copy->to, &to, len, 0);
    /* 0 is also what some file systems say for what they cannot. */
    bool cannot = moved < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS ||
                                errno == EOPNOTSUPP || errno == EPERM);
    if (cannot || moved == 0) moved = move_by_hand(copy, len);
    return moved < 0 ? -errno : moved;
}

int copy_step(copy_t *copy, size_t bytes) {
    while (bytes > 0) {
        off_t len = find_data(copy);
        if (len < 0) return (int)len;
        if (len == 0) {
            /* What ends with a hole. */
            return ftruncate(copy->to, copy->base + copy->end) < 0 ? -errno : 0;
        }
        size_t want = (uint64_t)len < bytes ? (size_t)len : bytes;
        if (quota_disk_full(copy->sandbox, (int64_t)want)) return -EDQUOT;
        ssize_t moved = move(copy, want);
        if (moved == -EINTR) continue;
        if (moved < 0) return (int)moved;
        if (moved == 0) copy->end = copy->at;
        quota_disk_wrote(copy->sandbox, moved);
        copy->at += moved;
        bytes -= (size_t)moved < bytes ? (size_t)moved : bytes;
    }
    return 1;
}

static void copy_xattrs(int from, int to) {
    char names[XATTR_LIST_MAX], value[XATTR_SIZE_MAX];
    ssize_t len = flistxattr(from, names, sizeof names);
    for (const char *at = names; len > 0 && at < names + len; at += strlen(at) + 1) {
        ssize_t size = fgetxattr(from, at, value, sizeof value);
        if (size >= 0) fsetxattr(to, at, value, (size_t)size, 0);
    }
}

void copy_attributes(int from, int to, const struct stat *st) {
    const struct timespec times[2] = {st->st_atim, st->st_mtim};
    /* Giving it away takes off the set-user-id bit, so the mode comes after. What must not be set
     * stays as it is for what was made by this process: that is no reason to refuse the file. */
    if (fchown(to, st->st_uid, st->st_gid) < 0) errno = 0;
    copy_xattrs(from, to);
    if (fchmod(to, st->st_mode & 07777) < 0) errno = 0;
    if (futimens(to, times) < 0) errno = 0;
}

void copy_temporary_name(char name[COPY_NAME]) {
    uint64_t number = 0;
    /* Never fails for so few bytes once the machine is up; a name in use is refused by O_EXCL. */
    if (getrandom(&number, sizeof number, 0) < 0) number = 0;
    snprintf(name, COPY_NAME, ".e2b-%016llx.tmp", (unsigned long long)number);
}
