/*
 * processes_linux.c: processes.h by /proc. Empty elsewhere. Must not wait.
 */
#ifdef __linux__

#include "processes.h"

#include "text_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int processes_each(process_visit_t *visit, void *with) {
    DIR *list = opendir("/proc");
    if (list == NULL) return -errno;
    bool more = true;
    for (struct dirent *entry; more && (entry = readdir(list)) != NULL;)
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
            more = visit(with, (pid_t)strtol(entry->d_name, NULL, 10));
    closedir(list);
    return 0;
}

bool process_read(pid_t pid, descendant_t *one) {
    char path[48], text[1024];
    long long user, system, resident;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (text_read(AT_FDCWD, path, text, sizeof text) <= 0) return false;
    /* The name before it may hold anything. */
    const char *at = strrchr(text, ')');
    *one = (descendant_t){.pid = pid};
    if (at == NULL ||
        sscanf(at + 1,
               " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lld %lld %*d %*d %*d %*d %*d %*d %llu "
               "%*u %lld",
               &one->state, &one->parent, &user, &system, &one->start, &resident) != 6)
        return false;
    one->cpu_ticks = user + system;
    one->memory = resident * sysconf(_SC_PAGESIZE);
    return one->state != 'Z' && one->state != 'X';
}

void process_signal(const descendant_t *one, int number) {
    descendant_t now;
    int fd = (int)syscall(SYS_pidfd_open, one->pid, 0);
    if (fd < 0) return;
    if (process_read(one->pid, &now) && now.start == one->start)
        syscall(SYS_pidfd_send_signal, fd, number, NULL, 0);
    close(fd);
}

#endif
