/*
 * requests.h: every request that a sandbox answers, by the file that does it. A handler is found by
 * its type in requests.c; each owner adds his line there when his handler exists.
 */
#ifndef E2B_INIT_REQUESTS_H
#define E2B_INIT_REQUESTS_H

#include "stream.h"

extern const request_t sandbox_requests[WIRE_CANCEL];

/* spawn.c */
void spawn_request(sandbox_t *sandbox, const wire_frame_t *frame);

/* file.c */
void file_stat_request(sandbox_t *sandbox, const wire_frame_t *frame);
void file_read_request(sandbox_t *sandbox, const wire_frame_t *frame);
void file_write_request(sandbox_t *sandbox, const wire_frame_t *frame);
void file_compose_request(sandbox_t *sandbox, const wire_frame_t *frame);

/* tree.c */
void tree_list_request(sandbox_t *sandbox, const wire_frame_t *frame);
void tree_mkdir_request(sandbox_t *sandbox, const wire_frame_t *frame);
void tree_move_request(sandbox_t *sandbox, const wire_frame_t *frame);
void tree_remove_request(sandbox_t *sandbox, const wire_frame_t *frame);

/* watch.c, connect.c */
void watch_request(sandbox_t *sandbox, const wire_frame_t *frame);
void connect_request(sandbox_t *sandbox, const wire_frame_t *frame);

/* freeze.c, usage.c, isolate.c */
void freeze_request(sandbox_t *sandbox, const wire_frame_t *frame);
void thaw_request(sandbox_t *sandbox, const wire_frame_t *frame);
void usage_request(sandbox_t *sandbox, const wire_frame_t *frame);
void isolate_request(sandbox_t *sandbox, const wire_frame_t *frame);
void sync_request(sandbox_t *sandbox, const wire_frame_t *frame);

#endif
