/*
 * usage.h: what the processes of a sandbox use, as /proc says. Thread of pid 1.
 */
#ifndef E2B_INIT_USAGE_H
#define E2B_INIT_USAGE_H

#include "descent.h"

typedef struct usage {
    uint32_t processes; /* all that live, without pid 1 */
    int64_t cpu_us;     /* also of those that have ended */
    int64_t memory;     /* bytes; what several share counts for each */
    descendant_t largest;
    int64_t largest_memory;
} usage_t;

/* 0 or -errno. */
int usage_of_processes(usage_t *usage);

#endif
