/*
 * requests.c: the table of what a sandbox does on request. No logic: each line belongs to the file
 * that has its handler.
 */
#include "requests.h"

const request_t sandbox_requests[WIRE_CANCEL] = {
    [WIRE_SPAWN] = spawn_request,
};
