/*
 * loop.h: one engine on one event loop: the client, the descriptor and the timer that are watched
 * for it, and the one work item that does all of its work on libuv's threadpool. Loop thread,
 * except where said. No thread is held while calls wait.
 */
#ifndef E2B_NAPI_LOOP_H
#define E2B_NAPI_LOOP_H

#include "calls.h"
#include "instance.h"

/* NULL: no memory or no descriptors. */
e2b_loop_t *e2b_loop_create(e2b_instance_t *instance);

/* Ends every call without settling it and frees the loop: at the latest when its work item has
 * returned (about 1 ms) and libuv has closed its handles; then e2b_instance_loop_closed is called.
 * The loop must not be used afterwards. */
void e2b_loop_close(e2b_loop_t *loop);

/* Takes op and pending on success. */
int e2b_loop_submit(e2b_loop_t *loop, e2b_op_t *op, e2b_pending_t *pending);
void e2b_loop_cancel(e2b_loop_t *loop, uint64_t id);
void e2b_loop_detach(e2b_loop_t *loop, uint64_t id);
void e2b_loop_ack(e2b_loop_t *loop, uint64_t id);
int e2b_loop_feed(e2b_loop_t *loop, uint64_t id, e2b_bytes_t bytes, bool end, size_t *waiting);
size_t e2b_loop_active(const e2b_loop_t *loop);

#endif
