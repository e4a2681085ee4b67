/*
 * isolate.h: the walls of a sandbox: what its rung gives of namespaces, mounts, cgroups, limits and
 * capabilities. Built once, by the launcher's child around itself, before it answers anything; then
 * pid 1's for as long as it lives. What is asked while it lives: freeze.c, usage.c, quota.h.
 */
#ifndef E2B_INIT_ISOLATE_H
#define E2B_INIT_ISOLATE_H

#include "cgroup.h"
#include "clone.h"
#include "sandbox.h"

#include <sys/resource.h>
#include <sys/types.h>

#ifdef __linux__
#include "confine.h"
#endif

/* What could not be done, for a FAILED. */
typedef struct wall_failure {
    int error; /* a positive errno */
    char what[200];
} wall_failure_t;

typedef struct walls {
    boot_rung_t rung;
    uint32_t features;                        /* WIRE_HAS_* */
    int upper;                                /* boot.directory/upper; no program has it */
    int home_network;                         /* network.c: of the host, or -1; no program has it */
    struct rlimit file_size, data, processes; /* of each process; soft and hard alike */
    cgroup_t cgroup;                          /* of what runs in the sandbox; pid 1 is not in it */
#ifdef __linux__
    confine_t confine;
#endif
    struct quota *quota; /* quota.c */
} walls_t;

/* What the launcher knows and a boot does not say. */
typedef struct walls_plan {
    boot_rung_t rung;
    uid_t uid; /* the launcher's own, which on RUNG_USER is the one identity */
    gid_t gid;
    const char *private; /* of the host: no sandbox sees it */
    const cgroup_base_t *groups;
} walls_plan_t;

#define WALLS_USER 1000 /* the one identity of RUNG_USER, as it is called in the sandbox */

/* The clone3 flags of a sandbox's pid 1. */
uint64_t walls_namespaces(boot_rung_t rung);

/* In the child that was born with these namespaces. 0, or -1 and why not; then only _exit() makes
 * sense. A log line may be left in `note` ("" if none): what it had to do without. */
int walls_build(walls_t *walls, const walls_plan_t *plan, const boot_t *boot,
                wall_failure_t *failure, char *note, size_t note_size);

/* A process of the sandbox, for exec.c: as clone_into(), born in the sandbox's group where that can
 * be. `walls` may be NULL. The pid or -errno. */
pid_t walls_clone(const walls_t *walls, uint64_t flags, clone_run_t *run, void *stack,
                  size_t stack_size, void *argument);

/* In that child, while it has pid 1's capabilities: joins the rest of the groups and takes on
 * limits and the filter of system calls. System calls only. 0 or a positive errno. */
int walls_enter(const walls_t *walls);

#endif
