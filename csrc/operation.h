/*
 * operation.h: a call made of several exchanges, as a small state machine, and the helpers that all
 * operations share. Pool thread, but for the constructors (loop thread, before submission).
 *
 * An operation's own struct begins with e2b_op_t. Its class has these functions: advance (called
 * when it starts and whenever something that it waits for has happened, never from inside curl),
 * cancelled (what a cancel means beyond stopping the exchange; may be NULL), destroy, and stop
 * (ends what it has in flight beside its exchange; may be NULL).
 */
#ifndef E2B_OPERATION_H
#define E2B_OPERATION_H

#include "access.h"
#include "buf.h"
#include "config.h"
#include "e2b.h"
#include "engine.h"
#include "http.h"

typedef struct e2b_op_class {
    const char *what; /* "creating a sandbox": begins every message */
    void (*advance)(e2b_op_t *op);
    void (*cancelled)(e2b_op_t *op);
    void (*destroy)(e2b_op_t *op);
    void (*stop)(e2b_op_t *op);
} e2b_op_class_t;

/* Bytes on their way from the loop thread into a request's body. Under the client's lock. */
typedef struct e2b_feed {
    e2b_buf_t waiting;
    bool end; /* no more will come */
} e2b_feed_t;

struct e2b_op {
    const e2b_op_class_t *class;
    e2b_client_t *client; /* set at submission */
    uint64_t id;          /* 0: the client's own, nobody waits for it */
    e2b_config_t *config;
    char *sandbox_id; /* "" when it has none */
    int64_t timeout_ms;
    int phase; /* the class's own; 0 at first */

    e2b_http_t http;
    bool http_made, http_done;
    e2b_buf_t request; /* body of the exchange */
    e2b_access_wait_t access;
    e2b_access_t *credentials; /* once e2b_op_need_access has said true; kept to the end */
    e2b_deferred_t soon;
    e2b_timer_t timer;
    bool timer_fired;

    unsigned news;
    bool in_news, finished;
    bool began;          /* something was done there: a lost call was interrupted, not unknown */
    int64_t moved_at_ms; /* of a stream: when bytes last went either way */
    bool waits_for_idle; /* wants to advance when another call to its sandbox ends */
    e2b_feed_t *feed;    /* of an upload whose bytes come piece by piece; else NULL */
    size_t unread;  /* bytes for the reader that he has not acknowledged: by e2b_op_set_unread */
    unsigned asked; /* commands of the loop thread; the client's, under its lock */
    struct e2b_op *next_asked, *next_news, *next_in_table, *previous, *next;
    e2b_buf_t body, extra, stream[2];
    e2b_tail_t tail[2];
    e2b_result_t result;
};

/* Makes the common part in zeroed memory of `size` bytes. NULL on failure, with err filled. */
e2b_op_t *e2b_op_new(size_t size, const e2b_op_class_t *class, const e2b_call_t *call,
                     const char *sandbox_id, e2b_err_t *err);
/* Refuses a malformed id, and a missing key for control-plane calls. */
int e2b_op_check_id(const char *sandbox_id, e2b_err_t *err);
int e2b_op_check_timeout(const char *field, double seconds, e2b_err_t *err);
long long e2b_op_seconds(double seconds); /* whole ones, rounded up */

/* The constructor's answer when building a request came to code: out of memory, or what is too
 * long. */
int e2b_op_refuse(int code, const char *what, e2b_err_t *err);
int e2b_op_check_user(const char *user, e2b_err_t *err); /* NULL is fine */

/* Prepares op->http afresh for one exchange; the caller completes it and calls e2b_op_send. */
void e2b_op_exchange(e2b_op_t *op, const char *method, bool control);
/* URL: control plane base, or the sandbox's base, then path. Adds routing headers and token. */
int e2b_op_control_url(e2b_op_t *op, const char *format, ...) __attribute__((format(printf, 2, 3)));
int e2b_op_daemon(e2b_op_t *op, e2b_http_t *http, const char *path, const char *content_type,
                  const char *user);
/* The same for any port of the sandbox. */
int e2b_op_port(e2b_op_t *op, e2b_http_t *http, int port, const char *path,
                const char *content_type, const char *user);
/* Starts the exchange with op->request as body; advance runs when it is done (op->http_done). */
void e2b_op_send(e2b_op_t *op);
/* The same with JSON or nothing as body; code: what preparing it has come to. */
void e2b_op_send_json(e2b_op_t *op, int code);
/* The exchange has succeeded. False: it goes on, or it has failed and op has ended with that. */
bool e2b_op_answered(e2b_op_t *op);
void e2b_op_keep_answer(e2b_op_t *op); /* the answer becomes the result's body */
/* Asks for the daemon's credentials; advance runs when they are there. True: there already. They
 * are waited for no longer than the request's timeout. */
bool e2b_op_need_access(e2b_op_t *op);

/* A stream may last; but when nothing moves for as long as a request may take, it fails. Waiting
 * for our own side is no fault. watch_idle: before it is sent, and whenever the timer has fired. */
void e2b_op_moved(e2b_op_t *op);
void e2b_op_watch_idle(e2b_op_t *op);

void e2b_op_soon(e2b_op_t *op);                       /* advance, outside of curl */
void e2b_op_timer(e2b_op_t *op, int64_t after_ms);    /* advance with timer_fired */
void e2b_op_tell(e2b_op_t *op, unsigned news);        /* for the loop thread */
void e2b_op_finish(e2b_op_t *op);                     /* done as result.err says */
void e2b_op_fail(e2b_op_t *op, const e2b_err_t *err); /* done with that */
void e2b_op_fail_memory(e2b_op_t *op);

/* Where bytes for the reader are added; he leaves it empty (e2b_op_emptied). */
e2b_buf_t *e2b_op_stream(e2b_op_t *op, int which);
/* Its reader, or the readers of all streams together, have enough: it has to pause. */
bool e2b_op_is_full(const e2b_op_t *op);
void e2b_op_set_unread(e2b_op_t *op, size_t unread);

/* client.c */
e2b_engine_t *e2b_client_engine(e2b_client_t *client);
e2b_access_cache_t *e2b_client_access(e2b_client_t *client);
void e2b_client_tell(e2b_client_t *client, e2b_op_t *op);
/* What has been fed goes into piece, which must be empty; end: no more will come. */
void e2b_client_take_feed(e2b_op_t *op, e2b_buf_t *piece, bool *end);
void e2b_client_ended(e2b_client_t *client, e2b_op_t *op); /* wakes those that wait for idle */
/* Other unfinished calls of this client to that sandbox. */
size_t e2b_client_busy(const e2b_client_t *client, const e2b_op_t *self);
/* Runs an op that nobody waits for; freed when it ends. */
void e2b_client_adopt(e2b_client_t *client, e2b_op_t *op);

#endif
