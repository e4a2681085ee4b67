/*
 * boot.h: what a sandbox is made of, as the backend says it in the first frame of a connection
 * (WIRE_BOOT), and how it becomes one. Read by the launcher, outside; used by pid 1 while it builds
 * the walls around itself.
 */
#ifndef E2B_INIT_BOOT_H
#define E2B_INIT_BOOT_H

#include "wire.h"

/* The ladder. Which rung a launcher serves is fixed when it starts; it fails rather than take a
 * lower one. */
typedef enum boot_rung {
    RUNG_ROOT, /* all namespaces but the user's; users user and root; cgroups where there are any */
    RUNG_USER, /* a user namespace of one identity */
    RUNG_NONE, /* no namespace: a subreaper, rlimits, kill by descent */
} boot_rung_t;

#define BOOT_NO_NETWORK 1u /* a network of its own, with nothing but its loopback */

/* Strings have a NUL and are the boot's own; lists end with NULL. */
typedef struct boot {
    char *id;        /* [a-z0-9]+ */
    char *hostname;  /* "e2b.local" */
    char *directory; /* of this sandbox, on the host; made by the backend, empty or with an `upper`
                        from a snapshot. What the sandbox writes goes below it: upper/ is what a
                        snapshot copies, all else is scratch */
    char *root;      /* what lies under everything: "" for the host's own files, or a directory */
    char **layers;   /* between the two, top first: directories of the same shape as upper/ */
    char **visible;  /* directories of the host that are to be seen at their own place, read-only,
                        though they lie in a hidden one (/root, /home) */
    char *user;      /* the default one */
    char *boot_id;   /* a UUID, for /proc/sys/kernel/random/boot_id */
    uint32_t flags;  /* BOOT_* */
    int64_t memory_bytes, disk_bytes; /* 0: no limit */
    uint32_t processes, cpu_percent;  /* 0: no limit; 200 is two processors */
} boot_t;

/* Whether it can name a sandbox, and so a file: it has no '.' and no '/'. */
bool boot_is_id(const char *id);
/* 0 or -EBADMSG, -ENOMEM. Order of the fields: as above. */
int boot_read(boot_t *boot, const wire_frame_t *frame);
void boot_destroy(boot_t *boot);

#endif
