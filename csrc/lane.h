/*
 * lane.h: one libcurl multi handle with a poll set and a clock of its own. An engine has two of
 * them, which differ in how many connections they make to one host. Pool thread, but for
 * init/destroy.
 */
#ifndef E2B_LANE_H
#define E2B_LANE_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "sockets.h"

typedef struct e2b_lane {
    CURLM *multi;
    e2b_sockets_t sockets;
    long per_host;  /* connections to one host; 0: any number */
    int64_t due_ms; /* when curl wants to be called for time; -1: never */
    bool unsound;   /* the multi handle has failed: a new one is needed */
} e2b_lane_t;

/* False: out of memory, or of descriptors; destroy it also then. */
bool e2b_lane_init(e2b_lane_t *lane, long per_host);
void e2b_lane_destroy(e2b_lane_t *lane);

/* Adds a handle, after making a multi if there is none. False: out of memory. */
bool e2b_lane_add(e2b_lane_t *lane, CURL *easy);
/* All handles have been removed: the multi is thrown away; the next add makes a new one. */
void e2b_lane_reset(e2b_lane_t *lane);

/* What is ready. Another poll set in this one is not curl's: within says that it is. How many. */
int e2b_lane_ready(e2b_lane_t *lane, int inner, bool *inner_ready);
bool e2b_lane_due(e2b_lane_t *lane, int64_t now_ms); /* what is due. True: something was */

#endif
