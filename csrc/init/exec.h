/*
 * exec.h: a program of the sandbox, from its plan to its first instruction. Nothing of it is kept:
 * the process is the caller's to wait for. Thread of pid 1, which stands still until the program
 * runs or has failed to.
 */
#ifndef E2B_INIT_EXEC_H
#define E2B_INIT_EXEC_H

#include <limits.h>

#include "users.h"

/* All borrowed. */
typedef struct exec_plan {
    sandbox_t *sandbox;
    char *const *args; /* the first is looked up in the PATH of env */
    char *const *bare; /* NULL, or the end of args that is to be tried before all of it */
    char **env;        /* with bare, its PWD is set */
    const char *cwd;   /* of the sandbox; absolute */
    const user_t *user;
    int stdio[3];  /* none of them 0, 1 or 2 */
    bool terminal; /* they are a terminal, and it becomes the process's own */
} exec_plan_t;

/* What could not be done, for a FAILED: "chdir /x". */
typedef struct exec_failure {
    const char *verb, *object; /* borrowed from the plan, or static */
} exec_failure_t;

/* Where a child says what failed; one is enough for all. NULL without memory. */
struct exec_report;
struct exec_report *exec_report_create(void);
void exec_report_free(struct exec_report *report);

/* 0 and the pid (as pid 1 sees it), or -errno and what failed. Either way there may be a child to
 * reap. */
int exec_start(const exec_plan_t *plan, struct exec_report *report, pid_t *pid,
               exec_failure_t *failure);

#endif
