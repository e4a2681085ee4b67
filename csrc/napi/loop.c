/*
 * loop.c: drives the engine. The main loop watches one descriptor (uv_poll) and one timer; when
 * either says so, a work item on libuv's threadpool takes one step of at most about a millisecond
 * (and may wait as long for the next: linger.h), and its completion delivers what came of it. Loop
 * thread, except for execute(). At most one work item exists, so libcurl has one owner at any
 * moment; while it runs the descriptor is not watched (curl changes the set) and the client is only
 * given commands.
 */
#include "loop.h"

#include "alloc.h"
#include "gate.h"
#include "linger.h"
#include "news.h"

/* A step ends after this much work, so that process.exit and other users of the pool wait little.
 */
#define STEP_BUDGET_US 1000
/* An engine that idles longer gives its descriptors and memory back. No connection is worth keeping
 * then: libcurl does not reuse those that were idle for 55 s. */
#define IDLE_MS 60000
/* A work item that waits longer for a thread of the pool is taken back, and its step done on the
 * loop thread: it does not block, and calls must not hang because others use all threads. From then
 * on, for a while, steps do not ask the pool at all. */
#define PATIENCE_MS 5
#define RESCUED_MS 50
/* The longest that uv_timer is set; a step in between does no harm. */
#define MAX_TIMER_MS 86400000

typedef enum e2b_loop_state {
    IDLE,       /* nothing in flight: nothing is watched, the process may end */
    ARMED,      /* watching descriptor and timer; the process is held */
    RUNNING,    /* the work item is queued or runs; the process is held */
    RESCUING,   /* a step comes next on the loop thread; the process is held */
    DELIVERING, /* JavaScript is told of the news */
} e2b_loop_state_t;

struct e2b_loop {
    e2b_instance_t *instance;
    e2b_client_t *client;
    e2b_calls_t calls;
    e2b_linger_t linger;
    e2b_gate_t gate;
    napi_async_work work;
    uv_poll_t *poll; /* by uv_handle_size: the sizes are those of the node that runs */
    uv_timer_t *timer;
    uint64_t rescued_until; /* uv_now */
    unsigned handles;       /* opened and not yet closed */
    e2b_loop_state_t state;
    bool closing;
};

static void run(e2b_loop_t *loop);
static void on_late(uv_timer_t *timer);
static void on_rescue(uv_timer_t *timer);

/* Loop thread. */
static void disarm(e2b_loop_t *loop) {
    e2b_gate_set(&loop->gate, false);
    uv_timer_stop(loop->timer);
}

/* Loop thread. */
static void on_readable(uv_poll_t *poll, int status, int events) {
    (void)status; /* an error is for the step to find */
    (void)events;
    e2b_loop_t *loop = poll->data;
    if (loop->state == ARMED) run(loop);
}

/* Loop thread. */
static void on_time(uv_timer_t *timer) {
    e2b_loop_t *loop = timer->data;
    if (loop->state != IDLE) {
        run(loop);
    } else if (loop->instance->loop == loop) {
        loop->instance->loop = NULL;
        e2b_loop_close(loop);
    }
}

/* Loop thread. With nothing in flight neither handle holds the process. */
static void go_idle(e2b_loop_t *loop) {
    disarm(loop);
    loop->state = IDLE;
    uv_unref((uv_handle_t *)loop->poll);
    uv_unref((uv_handle_t *)loop->timer);
    uv_timer_start(loop->timer, on_time, IDLE_MS, 0);
    e2b_instance_hold(loop->instance, false);
}

/* Loop thread. */
static void arm(e2b_loop_t *loop, int64_t timeout_ms) {
    loop->state = ARMED;
    e2b_gate_set(&loop->gate, true);
    uv_ref((uv_handle_t *)loop->poll);
    uv_ref((uv_handle_t *)loop->timer);
    if (timeout_ms > MAX_TIMER_MS) timeout_ms = MAX_TIMER_MS;
    if (timeout_ms >= 0) uv_timer_start(loop->timer, on_time, (uint64_t)timeout_ms, 0);
}

/* Loop thread. Queues the work item, unless it is there already. */
static void run(e2b_loop_t *loop) {
    if (loop->closing || loop->state == DELIVERING || loop->state == RESCUING) return;
    if (loop->state == RUNNING) {
        e2b_linger_wake(&loop->linger);
        return;
    }
    disarm(loop);
    if (uv_now(loop->instance->uv) < loop->rescued_until) {
        loop->state = RESCUING;
        uv_timer_start(loop->timer, on_rescue, 0, 0);
        return;
    }
    e2b_linger_queued(&loop->linger, loop->calls.exchanges > 0);
    if (napi_queue_async_work(loop->instance->env, loop->work) == napi_ok) {
        loop->state = RUNNING;
        uv_update_time(loop->instance->uv); /* stale after a long callback: late at once */
        uv_timer_start(loop->timer, on_late, PATIENCE_MS, 0);
    } else {
        arm(loop, 1); /* refused: the environment ends, or it will do the next time */
    }
}

/* Loop thread. */
static void go_on(e2b_loop_t *loop) {
    loop->state = IDLE;
    if (e2b_client_active(loop->client) == 0) {
        go_idle(loop);
        return;
    }
    int64_t timeout_ms = e2b_client_timeout_ms(loop->client);
    if (timeout_ms == 0 || e2b_client_pending(loop->client)) {
        run(loop);
    } else {
        arm(loop, timeout_ms);
    }
}

/* ---- the work item ---- */

/* Pool thread. */
static void execute(napi_env env, void *data) {
    e2b_loop_t *loop = data;
    (void)env;
    e2b_linger_begin(&loop->linger);
    do e2b_client_step(loop->client, STEP_BUDGET_US);
    while (e2b_linger_wait(&loop->linger, loop->client));
}

static void close_handles(e2b_loop_t *loop);

/* Loop thread, after a step. The user's callbacks run in here: they may submit, cancel and end the
 * process. */
static void stepped(e2b_loop_t *loop) {
    loop->instance->steps++;
    if (!loop->closing) {
        loop->state = DELIVERING;
        e2b_news_deliver(loop->instance, loop->client, &loop->calls);
    }
    loop->state = IDLE;
    if (loop->closing) {
        close_handles(loop);
    } else if (e2b_instance_is_ending(loop->instance)) {
        /* An environment that ends runs the loop until no work is queued, before it calls any
         * cleanup hook: a busy engine that queued more would hold it for ever. */
        e2b_instance_abandon(loop->instance);
    } else {
        go_on(loop);
    }
}

/* Loop thread. */
static void rescue(e2b_loop_t *loop) {
    loop->instance->rescues++;
    e2b_client_step(loop->client, STEP_BUDGET_US);
    stepped(loop);
}

/* Loop thread. */
static void complete(napi_env env, napi_status status, void *data) {
    e2b_loop_t *loop = data;
    (void)env;
    uv_timer_stop(loop->timer);
    if (status == napi_cancelled && !loop->closing) {
        loop->rescued_until = uv_now(loop->instance->uv) + RESCUED_MS;
        rescue(loop);
    } else {
        stepped(loop);
    }
}

/* Loop thread. The item is queued for too long, or it runs: then it cannot be taken back. */
static void on_late(uv_timer_t *timer) {
    e2b_loop_t *loop = timer->data;
    if (loop->state == RUNNING) napi_cancel_async_work(loop->instance->env, loop->work);
}

/* Loop thread. Node opens these scopes around complete(); only with them what the promises of the
 * batch set off runs at once. */
static void on_rescue(uv_timer_t *timer) {
    e2b_loop_t *loop = timer->data;
    e2b_instance_t *instance = loop->instance;
    napi_env env = instance->env;
    napi_handle_scope handles;
    napi_callback_scope callbacks;
    napi_value resource;
    if (loop->state != RESCUING || napi_open_handle_scope(env, &handles) != napi_ok) return;
    bool scoped = napi_create_object(env, &resource) == napi_ok &&
                  napi_open_callback_scope(env, resource, instance->context, &callbacks) == napi_ok;
    rescue(loop);
    if (scoped) napi_close_callback_scope(env, callbacks);
    napi_close_handle_scope(env, handles);
}

/* ---- the end ---- */

/* Loop thread. The ops go before the bytes that they refer to. */
static void free_loop(e2b_loop_t *loop) {
    napi_env env = loop->instance->env;
    e2b_client_free(loop->client);
    e2b_calls_destroy(&loop->calls, env);
    if (loop->work) napi_delete_async_work(env, loop->work);
    e2b_linger_destroy(&loop->linger);
    e2b_gate_destroy(&loop->gate);
    e2b_free(loop->poll);
    e2b_free(loop->timer);
    e2b_free(loop);
}

/* Loop thread. */
static void on_handle_closed(uv_handle_t *handle) {
    e2b_loop_t *loop = handle->data;
    if (--loop->handles > 0) return;
    e2b_instance_t *instance = loop->instance;
    free_loop(loop);
    e2b_instance_loop_closed(instance);
}

/* Loop thread, when no work item is left. */
static void close_handles(e2b_loop_t *loop) {
    disarm(loop);
    uv_close((uv_handle_t *)loop->poll, on_handle_closed);
    uv_close((uv_handle_t *)loop->timer, on_handle_closed);
}

/* Loop thread. */
void e2b_loop_close(e2b_loop_t *loop) {
    if (loop->closing) return;
    loop->closing = true;
    switch (loop->state) {
    case RUNNING: /* complete() goes on; at once when a busy pool had not begun it */
        napi_cancel_async_work(loop->instance->env, loop->work);
        break;
    case DELIVERING: /* complete() goes on */
        break;
    default:
        close_handles(loop);
    }
}

/* ---- life ---- */

/* Loop thread. */
static bool create_work(e2b_loop_t *loop) {
    napi_env env = loop->instance->env;
    napi_value name;
    return napi_create_string_utf8(env, "e2b-swarm", NAPI_AUTO_LENGTH, &name) == napi_ok &&
           napi_create_async_work(env, NULL, name, execute, complete, loop, &loop->work) == napi_ok;
}

/* Loop thread. The handles come last, because only libuv can undo them. */
e2b_loop_t *e2b_loop_create(e2b_instance_t *instance) {
    e2b_loop_t *loop = e2b_calloc(1, sizeof *loop);
    if (!loop) return NULL;
    loop->instance = instance;
    loop->linger.wake[0] = loop->linger.wake[1] = loop->gate.fd = -1;
    loop->poll = e2b_calloc(1, uv_handle_size(UV_POLL));
    loop->timer = e2b_calloc(1, uv_handle_size(UV_TIMER));
    if (!loop->poll || !loop->timer || e2b_client_create(&loop->client) != E2B_OK ||
        !e2b_linger_init(&loop->linger) || !create_work(loop) ||
        !e2b_gate_init(&loop->gate, e2b_client_fd(loop->client)) ||
        uv_poll_init(instance->uv, loop->poll, loop->gate.fd) != 0) {
        free_loop(loop);
        return NULL;
    }
    uv_timer_init(instance->uv, loop->timer); /* cannot fail */
    loop->poll->data = loop;
    loop->timer->data = loop;
    loop->handles = 2;
    uv_poll_start(loop->poll, UV_READABLE, on_readable); /* the gate decides */
    go_idle(loop);
    return loop;
}

/* ---- commands ---- */

/* Loop thread. */
int e2b_loop_submit(e2b_loop_t *loop, e2b_op_t *op, e2b_pending_t *pending) {
    if (!e2b_calls_add(&loop->calls, pending)) return E2B_ERR_OUT_OF_MEMORY;
    int code = e2b_client_submit(loop->client, op, pending->id);
    if (code != E2B_OK) {
        e2b_calls_take(&loop->calls, pending->id);
        return code;
    }
    e2b_instance_hold(loop->instance, true);
    run(loop);
    return E2B_OK;
}

/* Loop thread. */
void e2b_loop_cancel(e2b_loop_t *loop, uint64_t id) {
    if (!e2b_calls_find(&loop->calls, id)) return;
    e2b_client_cancel(loop->client, id);
    run(loop);
}

/* Loop thread. */
void e2b_loop_detach(e2b_loop_t *loop, uint64_t id) {
    if (!e2b_calls_find(&loop->calls, id)) return;
    e2b_client_detach(loop->client, id);
    run(loop);
}

/* Loop thread. */
void e2b_loop_ack(e2b_loop_t *loop, uint64_t id) {
    if (!e2b_calls_find(&loop->calls, id)) return;
    e2b_client_ack(loop->client, id);
    run(loop);
}

/* Loop thread. */
int e2b_loop_feed(e2b_loop_t *loop, uint64_t id, e2b_bytes_t bytes, bool end, size_t *waiting) {
    *waiting = 0;
    if (!e2b_calls_find(&loop->calls, id)) return E2B_OK;
    int code = e2b_client_feed(loop->client, id, bytes, end, waiting);
    run(loop);
    return code;
}

/* Loop thread. */
size_t e2b_loop_active(const e2b_loop_t *loop) {
    return loop->calls.count;
}
