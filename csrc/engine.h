/*
 * engine.h: every transfer in flight. Two lanes of libcurl under one descriptor, a heap of
 * timers, and a list of deferred calls. It drives curl; it does not know HTTP's meaning, E2B, or
 * calls.
 *
 * Pool thread only, but for create/free/fd/timeout, which the loop thread uses while no step runs.
 * libcurl must not be re-entered from its callbacks: what a callback wants done it defers.
 */
#ifndef E2B_ENGINE_H
#define E2B_ENGINE_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "e2b.h"
#include "host_memory.h"
#include "lane.h"
#include "timers.h"

typedef struct e2b_engine e2b_engine_t;

typedef struct e2b_deferred {
    struct e2b_deferred *next;
    bool queued;
    void (*run)(struct e2b_deferred *deferred);
} e2b_deferred_t;

/* One curl transfer; embedded in its owner, which must stop it before it goes away. */
typedef struct e2b_transfer {
    CURL *easy;            /* NULL when idle */
    e2b_address_t address; /* the handle's own */
    void (*on_done)(struct e2b_transfer *transfer, CURLcode code);
    uint64_t host; /* e2b_host_key; 0: nothing is kept of it, and it goes the wide way */
    int local_port, remote_port;          /* of its connection, once it has one */
    e2b_lane_t *lane;                     /* private, as all below */
    struct e2b_transfer *previous, *next; /* those that are under way */
    bool connecting;                      /* has no connection yet */
    bool http2;                           /* so its connection speaks */
    bool over;                            /* libcurl is done with its stream */
    bool whole;                           /* and all was well */
    e2b_deferred_t broken;                /* it failed when it was unpaused */
    CURLcode broken_code;
} e2b_transfer_t;

int e2b_engine_create(e2b_engine_t **out);
void e2b_engine_free(e2b_engine_t *engine); /* every transfer must have been stopped */
int e2b_engine_fd(const e2b_engine_t *engine);

/* Does everything that can be done without waiting, once. True: something was done, look again. */
bool e2b_engine_turn(e2b_engine_t *engine);

/* Milliseconds until the next timer; 0: at once; -1: none. */
int64_t e2b_engine_timeout_ms(const e2b_engine_t *engine);

/* Borrows an easy handle with the engine's fixed options set; the caller sets the rest and starts
 * it. NULL: out of memory. */
CURL *e2b_engine_prepare(e2b_engine_t *engine, e2b_transfer_t *transfer);
int e2b_engine_start(e2b_engine_t *engine, e2b_transfer_t *transfer);

/* Its request is on its way, over HTTP/2 or not. Also from a curl callback. */
void e2b_engine_connected(e2b_engine_t *engine, e2b_transfer_t *transfer, bool http2);
e2b_host_memory_t *e2b_engine_hosts(e2b_engine_t *engine);
/* libcurl sends a request again by itself when its stream was refused, and only then. */
bool e2b_engine_retries_refused(const e2b_engine_t *engine);

/* Ends the transfer (also one that was only prepared) and takes the handle back; on_done is not
 * called. Fine when idle. Never from a curl callback. */
void e2b_engine_stop(e2b_engine_t *engine, e2b_transfer_t *transfer);

/* A connection of HTTP/2 on which nobody can hear anything any more. Once the transfer has been
 * stopped; whoever is on it besides hears of its end. */
void e2b_engine_shut(e2b_engine_t *engine, int local_port, int remote_port);
/* Nothing has come for a transfer in time, over HTTP/2. Once it has been stopped, its connection is
 * shut if nothing came for anybody, so that nobody else is sent into the void. */
void e2b_engine_shut_void(e2b_engine_t *engine, int local_port, int remote_port);

/* The socket of a connection that is in curl's hands; -1: not known. Borrowed from curl. */
int e2b_engine_socket(const e2b_engine_t *engine, int local_port, int remote_port);

/* Lets a paused transfer go on. Never from a curl callback. */
void e2b_engine_unpause(e2b_engine_t *engine, e2b_transfer_t *transfer);

/* Setting an armed timer moves it. OUT_OF_MEMORY when the heap cannot grow. */
int e2b_engine_timer_set(e2b_engine_t *engine, e2b_timer_t *timer, int64_t due_ms);
void e2b_engine_timer_clear(e2b_engine_t *engine, e2b_timer_t *timer);

/* Runs once, after the current curl call has returned; queueing it twice is the same as once. */
void e2b_engine_defer(e2b_engine_t *engine, e2b_deferred_t *deferred);
void e2b_engine_undefer(e2b_engine_t *engine, e2b_deferred_t *deferred);

#endif
