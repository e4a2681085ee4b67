/*
 * requests.c: the table of what a sandbox does on request. No logic: each line belongs to the file
 * that has its handler.
 */
#include "requests.h"

const request_t sandbox_requests[WIRE_CANCEL] = {
    [WIRE_SPAWN] = spawn_request,
    [WIRE_STAT] = file_stat_request,
    [WIRE_LIST] = tree_list_request,
    [WIRE_MKDIR] = tree_mkdir_request,
    [WIRE_MOVE] = tree_move_request,
    [WIRE_REMOVE] = tree_remove_request,
    [WIRE_READ] = file_read_request,
    [WIRE_WRITE] = file_write_request,
    [WIRE_COMPOSE] = file_compose_request,
    [WIRE_WATCH] = watch_request,
    [WIRE_CONNECT] = connect_request,
    [WIRE_FREEZE] = freeze_request,
    [WIRE_THAW] = thaw_request,
    [WIRE_USAGE] = usage_request,
    [WIRE_ISOLATE] = isolate_request,
    [WIRE_SYNC] = sync_request,
};
