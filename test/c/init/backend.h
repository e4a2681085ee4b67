/*
 * backend.h: the backend of the real program, for tests: starts the launcher of a rung, makes what
 * lies under its sandboxes (users, groups, a home, and `sudo` where the host has none), boots them.
 * As root it also plays an ordinary user, uid 1000. Test thread.
 */
#ifndef E2B_INIT_TEST_BACKEND_H
#define E2B_INIT_TEST_BACKEND_H

#include <linux/limits.h>
#include <sys/types.h>

#include "boot.h"
#include "far.h"

typedef struct backend {
    boot_rung_t rung;
    pid_t launcher;
    int hold;           /* its fd 0: closed, it ends everything */
    int said;           /* its fd 1 */
    char directory[64]; /* its own; base/ in it is a layer of every sandbox */
    uid_t uid;          /* whose all of it is */
    unsigned boots;
} backend_t;

/* Ends the test run when it does not serve. RUNG_ROOT needs root. */
void backend_start(backend_t *backend, boot_rung_t rung);
/* Ends the launcher as its backend's death would, and looks that it has left nothing. */
void backend_stop(backend_t *backend);
/* Another launcher on the same directory, after one that has died. */
void backend_restart(backend_t *backend);
/* A file of the layer under every sandbox, before they are booted. */
void backend_put(const backend_t *backend, const char *path, const char *text, mode_t mode);

/* What a sandbox differs in from one without limits. */
typedef struct backend_boot {
    uint32_t flags, processes, cpu_percent;
    int64_t memory_bytes, disk_bytes;
    const char *const *visible; /* NULL-ended, or NULL */
    const char *root;           /* NULL: the host's */
    const char *layer;          /* above the base; NULL: none */
} backend_boot_t;

/* The WIRE_HAS_* of BOOTED. `boot` may be NULL. `directory`: of the sandbox, or NULL. */
uint32_t backend_open(backend_t *backend, far_t *far, const backend_boot_t *boot,
                      char directory[PATH_MAX]);

#endif
