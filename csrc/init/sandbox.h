/*
 * sandbox.h: the state of one sandbox's pid 1, and its life once its walls stand. Each part belongs
 * to the file that is named beside it; others use that file's functions.
 */
#ifndef E2B_INIT_SANDBOX_H
#define E2B_INIT_SANDBOX_H

#include "boot.h"
#include "channel.h"

struct sandbox {
    const boot_t *boot;
    boot_rung_t rung;
    uint32_t features; /* WIRE_HAS_* */
    loop_t loop;
    channel_t channel;       /* channel.c */
    struct spawns *spawns;   /* spawn.c */
    struct users *users;     /* users.c: made when first asked for */
    struct watches *watches; /* watch.c: made when first asked for */
    struct walls *walls;     /* isolate.c: cgroups and what else it has to remember */
    source_t launcher;       /* sandbox.c */
    bool frozen;             /* freeze.c: nothing may be started */
    bool ending;             /* sandbox_end() was called */
};

/* What the launcher's child has become by the time its walls stand. */
typedef struct sandbox_birth {
    int channel;           /* taken */
    int launcher;          /* a pidfd of the launcher, taken: when it dies, so does this */
    wire_decoder_t *begun; /* taken: what was read of the channel after BOOT */
    const boot_t *boot;    /* borrowed */
    boot_rung_t rung;
    uint32_t features;
    struct walls *walls; /* borrowed; NULL: none, not even those of RUNG_NONE (tests) */
    const char *note;    /* borrowed: a line for the log, or NULL */
} sandbox_birth_t;

/* Answers BOOTED and serves the channel to its end. Then the caller ends the process, and with it
 * everything in the sandbox. The exit status. */
int sandbox_run(const sandbox_birth_t *birth);

#endif
