/*
 * processes_darwin.c: processes.h by sysctl and libproc. Orphans go to launchd, so what leaves its
 * parent is not found any more: that is what macOS cannot promise. A process whose user is another
 * one shows neither memory nor time. Empty elsewhere. Must not wait.
 */
#ifdef __APPLE__

#include "processes.h"

#include <errno.h>
#include <libproc.h>
#include <mach/mach_time.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/proc.h>
#include <sys/sysctl.h>
#include <unistd.h>

#define MORE 64 /* that may have started between the two questions */
#define NS_PER_S 1000000000u

static int compare(const void *left, const void *right) {
    pid_t one = *(const pid_t *)left, other = *(const pid_t *)right;
    return one < other ? -1 : one > other;
}

int processes_each(process_visit_t *visit, void *with) {
    int size = proc_listallpids(NULL, 0);
    if (size < 0) return -errno;
    size_t room = (size_t)size + MORE;
    pid_t *pids = calloc(room, sizeof *pids);
    if (pids == NULL) return -ENOMEM;
    int count = proc_listallpids(pids, (int)(room * sizeof *pids));
    int code = count < 0 ? -errno : 0;
    if (count > 0) qsort(pids, (size_t)count, sizeof *pids, compare);
    for (int i = 0; i < count; i++)
        if (pids[i] > 0 && !visit(with, pids[i])) break;
    free(pids);
    return code;
}

/* Of clock ticks there are 100 in a second; Mach's own unit is the processor's. */
static int64_t ticks_of(uint64_t mach_time) {
    mach_timebase_info_data_t base;
    if (mach_timebase_info(&base) != KERN_SUCCESS || base.denom == 0) return 0;
    double ns = (double)mach_time * base.numer / base.denom;
    return (int64_t)(ns * (double)sysconf(_SC_CLK_TCK) / NS_PER_S);
}

static char state_of(const struct kinfo_proc *info) {
    switch (info->kp_proc.p_stat) {
    case SZOMB:
        return 'Z';
    case SSTOP:
        return 'T';
    case SRUN:
        return 'R';
    default:
        return 'S';
    }
}

bool process_read(pid_t pid, descendant_t *one) {
    int name[] = {CTL_KERN, KERN_PROC, KERN_PROC_PID, pid};
    struct kinfo_proc info;
    struct proc_taskinfo task;
    size_t size = sizeof info;
    memset(&info, 0, sizeof info);
    if (sysctl(name, 4, &info, &size, NULL, 0) < 0 || size < sizeof info) return false;
    if (info.kp_proc.p_pid != pid) return false;
    *one = (descendant_t){.pid = pid, .parent = info.kp_eproc.e_ppid, .state = state_of(&info)};
    struct timeval start = info.kp_proc.p_starttime;
    one->start = (unsigned long long)start.tv_sec * 1000000u + (unsigned)start.tv_usec;
    if (proc_pidinfo(pid, PROC_PIDTASKINFO, 0, &task, sizeof task) == (int)sizeof task) {
        one->memory = (int64_t)task.pti_resident_size;
        one->cpu_ticks = ticks_of(task.pti_total_user + task.pti_total_system);
    }
    return one->state != 'Z';
}

/* Between the look and the signal a number could become another's: a child's of ours cannot, and
 * macOS deals numbers out in turn. */
void process_signal(const descendant_t *one, int number) {
    descendant_t now;
    if (process_read(one->pid, &now) && now.start == one->start) kill(one->pid, number);
}

#endif
