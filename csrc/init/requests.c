/*
 * requests.c: the table of what a sandbox does on request. No logic: each line belongs to the file
 * that has its handler.
 */
#include "requests.h"

const request_t sandbox_requests[WIRE_CANCEL] = {
    [WIRE_SPAWN] = spawn_request,
    [WIRE_FREEZE] = freeze_request,
    [WIRE_THAW] = thaw_request,
    [WIRE_USAGE] = usage_request,
    [WIRE_ISOLATE] = isolate_request,
    [WIRE_SYNC] = sync_request,
};
