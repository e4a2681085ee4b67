/*
 * processes.h: the processes of this machine, one by one: what descent.c needs to know who comes
 * from whom. By /proc on Linux, by sysctl and libproc on macOS. Launcher and pid 1.
 */
#ifndef E2B_INIT_PROCESSES_H
#define E2B_INIT_PROCESSES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct descendant {
    pid_t pid, parent;
    int64_t cpu_ticks, memory; /* memory: what is resident, in bytes */
    unsigned long long start;  /* with the pid: this process and no other */
    char state;                /* as /proc has it: 'R', 'S', 'T' ... */
} descendant_t;

typedef bool process_visit_t(void *with, pid_t pid);

/* Each of them, in an order in which a parent mostly comes before its children, until `visit` says
 * false; those that start meanwhile may be met too. 0 or -errno. */
int processes_each(process_visit_t *visit, void *with);

/* false: it is gone, or has ended. */
bool process_read(pid_t pid, descendant_t *one);
/* To exactly that one. */
void process_signal(const descendant_t *one, int number);

#endif
