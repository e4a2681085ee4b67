/*
 * door.h: the launcher's socket, and those who stand at it: connections whose first frame is not
 * there yet. Hands on whoever has said what sandbox he wants. Launcher.
 */
#ifndef E2B_INIT_DOOR_H
#define E2B_INIT_DOOR_H

#include "boot.h"
#include "loop.h"

#define DOOR_MAX_WAITING 256

typedef struct door door_t;
typedef struct visitor visitor_t;

/* A whole boot has come: `boot` is borrowed, `channel` is taken. Nothing more has been read of it.
 */
typedef void (*door_opened_t)(door_t *door, const boot_t *boot, int channel);

struct door {
    loop_t *loop;
    source_t source;
    visitor_t *waiting;
    unsigned count;
    door_opened_t opened;
};

/* Listens at `name` in the current directory. 0 or -errno. */
int door_open(door_t *door, loop_t *loop, const char *name, door_opened_t opened);
/* Whoever waits is sent away. */
void door_close(door_t *door);

#endif
