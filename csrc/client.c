/*
 * client.c: all calls of one environment: commands in, steps, news out. Commands cross from the
 * loop thread under a lock and need no memory: none can be lost. Everything else belongs to whoever
 * runs (a step, or the loop thread while none runs). The loop thread knows calls by id, never by
 * pointer: a cancel may cross a completion.
 */
#include <pthread.h>
#include <string.h>

#include "alloc.h"
#include "operation.h"
#include "platform.h"

#define BUCKETS 4096
#define KEPT_BYTES 65536u /* of a stream's buffer between two deliveries */
#define MAX_TURNS_WITHOUT_CLOCK                                                                    \
    4 /* reading the clock at each turn costs more than a small turn                               \
       */

enum { ASK_SUBMIT = 1, ASK_CANCEL = 2, ASK_DETACH = 4, ASK_ACK = 8, ASK_FED = 16, ASK_END = 6 };

struct e2b_client {
    e2b_engine_t *engine;
    e2b_access_cache_t *access;
    pthread_mutex_t lock; /* this list, and every op's asked and next_asked */
    e2b_op_t *asked_first, **asked_last;
    size_t active;            /* loop thread, as is the table: */
    e2b_op_t *table[BUCKETS]; /* calls submitted and not yet taken as done, by id */
    size_t adopted;           /* ops of our own, such as the kill that follows a cancel */
    e2b_op_t *all;            /* accepted by a step and not yet given back */
    e2b_op_t *news_first, **news_last;
    size_t waiting; /* ops with waits_for_idle */
    size_t unread;  /* bytes of all streams that their readers have not acknowledged */
    size_t unread_mark;
    e2b_buf_t spare; /* the memory of a stream that was emptied, for the next that needs much */
};

int e2b_client_create(e2b_client_t **out) {
    *out = NULL;
    e2b_client_t *client = e2b_calloc(1, sizeof *client);
    if (!client) return E2B_ERR_OUT_OF_MEMORY;
    client->unread_mark = E2B_STREAMS_MARK;
    client->news_last = &client->news_first;
    client->asked_last = &client->asked_first;
    if (pthread_mutex_init(&client->lock, NULL) != 0) {
        e2b_free(client);
        return E2B_ERR_OUT_OF_MEMORY;
    }
    if (e2b_engine_create(&client->engine) != E2B_OK ||
        e2b_access_create(client->engine, &client->access) != E2B_OK) {
        e2b_client_free(client);
        return E2B_ERR_OUT_OF_MEMORY;
    }
    *out = client;
    return E2B_OK;
}

void e2b_client_free(e2b_client_t *client) {
    if (!client) return;
    for (e2b_op_t *op; (op = client->asked_first) != NULL;) {
        client->asked_first = op->next_asked;
        if (op->asked & ASK_SUBMIT) e2b_op_free(op); /* no step has seen it */
    }
    for (e2b_op_t *op; (op = client->all) != NULL;) {
        client->all = op->next;
        e2b_op_free(op);
    }
    e2b_access_free(client->access);
    e2b_buf_destroy(&client->spare);
    e2b_engine_free(client->engine);
    pthread_mutex_destroy(&client->lock);
    e2b_free(client);
}

int e2b_client_fd(const e2b_client_t *client) {
    return e2b_engine_fd(client->engine);
}

e2b_engine_t *e2b_client_engine(e2b_client_t *client) {
    return client->engine;
}

e2b_access_cache_t *e2b_client_access(e2b_client_t *client) {
    return client->access;
}

/* ---- commands: bits on the op, which is in the list while it has any ---- */

static void ask(e2b_client_t *client, e2b_op_t *op, unsigned what) {
    pthread_mutex_lock(&client->lock);
    bool ended = (op->asked & ASK_END) && (what & ASK_END);
    if (!ended) { /* of a cancel and a detach the first counts */
        if (!op->asked) {
            op->next_asked = NULL;
            *client->asked_last = op;
            client->asked_last = &op->next_asked;
        }
        op->asked |= what;
    }
    pthread_mutex_unlock(&client->lock);
}

static void unlink_asked(e2b_client_t *client, e2b_op_t *op) {
    e2b_op_t **link = &client->asked_first;
    while (*link != op) link = &(*link)->next_asked;
    *link = op->next_asked;
    if (!op->next_asked) client->asked_last = link;
}

/* The next op with commands, which are taken off it; NULL: none is left. */
static e2b_op_t *next_asked(e2b_client_t *client, unsigned *what) {
    pthread_mutex_lock(&client->lock);
    e2b_op_t *op = client->asked_first;
    if (op) {
        unlink_asked(client, op);
        *what = op->asked;
        op->asked = 0;
    }
    pthread_mutex_unlock(&client->lock);
    return op;
}

static e2b_op_t *find(e2b_client_t *client, uint64_t id) {
    e2b_op_t *op = client->table[id % BUCKETS];
    while (op && op->id != id) op = op->next_in_table;
    return op;
}

static void ask_by_id(e2b_client_t *client, uint64_t id, unsigned what) {
    e2b_op_t *op = find(client, id);
    if (op) ask(client, op, what);
}

int e2b_client_submit(e2b_client_t *client, e2b_op_t *op, uint64_t id) {
    if (client->active >= E2B_MAX_CALLS) return E2B_ERR_CAPACITY;
    op->id = id;
    op->client = client;
    op->next_in_table = client->table[id % BUCKETS];
    client->table[id % BUCKETS] = op;
    client->active++;
    ask(client, op, ASK_SUBMIT);
    return E2B_OK;
}

void e2b_client_cancel(e2b_client_t *client, uint64_t id) {
    ask_by_id(client, id, ASK_CANCEL);
}

void e2b_client_detach(e2b_client_t *client, uint64_t id) {
    ask_by_id(client, id, ASK_DETACH);
}

void e2b_client_ack(e2b_client_t *client, uint64_t id) {
    ask_by_id(client, id, ASK_ACK);
}

int e2b_client_feed(e2b_client_t *client, uint64_t id, e2b_bytes_t bytes, bool end,
                    size_t *waiting) {
    e2b_op_t *op = find(client, id);
    *waiting = 0;
    if (!op || !op->feed) return E2B_OK; /* it is over: nobody wants them */
    pthread_mutex_lock(&client->lock);
    int code = e2b_buf_append(&op->feed->waiting, bytes.data, bytes.len);
    if (code == E2B_OK && end) op->feed->end = true;
    *waiting = op->feed->waiting.len;
    pthread_mutex_unlock(&client->lock);
    if (code == E2B_OK) ask(client, op, ASK_FED);
    return code;
}

void e2b_client_take_feed(e2b_op_t *op, e2b_buf_t *piece, bool *end) {
    pthread_mutex_lock(&op->client->lock);
    e2b_buf_t fed = op->feed->waiting;
    op->feed->waiting = *piece; /* its memory is used again */
    *piece = fed;
    *end = op->feed->end;
    pthread_mutex_unlock(&op->client->lock);
}

bool e2b_client_pending(e2b_client_t *client) {
    pthread_mutex_lock(&client->lock);
    bool pending = client->asked_first != NULL;
    pthread_mutex_unlock(&client->lock);
    return pending;
}

size_t e2b_client_active(const e2b_client_t *client) {
    return client->active + client->adopted;
}

static void admit(e2b_client_t *client, e2b_op_t *op) {
    op->client = client;
    op->previous = NULL;
    op->next = client->all;
    if (client->all) client->all->previous = op;
    client->all = op;
    if (op->waits_for_idle) client->waiting++;
    e2b_op_soon(op);
}

static void cancel(e2b_op_t *op, bool detach) {
    e2b_err_t err;
    e2b_err_init(&err);
    bool sent = e2b_http_was_sent(&op->http);
    err.outcome = op->began ? E2B_OUTCOME_INTERRUPTED
                  : sent    ? E2B_OUTCOME_UNKNOWN
                            : E2B_OUTCOME_NOT_SENT;
    e2b_err_set(&err, E2B_ERR_CANCELLED, "%s was cancelled", op->class->what);
    if (op->class->cancelled && !detach) op->class->cancelled(op);
    e2b_op_fail(op, &err);
}

static void run_commands(e2b_client_t *client, e2b_op_t *op, unsigned what) {
    if (what & ASK_SUBMIT) admit(client, op);
    if (op->finished) return;
    if (what & ASK_END) {
        cancel(op, (what & ASK_DETACH) != 0);
    } else if (what & ASK_ACK) {
        e2b_op_set_unread(op, op->stream[0].len + op->stream[1].len);
        e2b_http_resume(&op->http);
    } else if (what & ASK_FED) {
        e2b_http_resume(&op->http);
    }
}

static bool drain(e2b_client_t *client) {
    bool any = false;
    unsigned what;
    for (e2b_op_t *op; (op = next_asked(client, &what)) != NULL; any = true) {
        run_commands(client, op, what);
    }
    return any;
}

/* ---- back-pressure ---- */

/* Each stream has its share, however much the others hold: were it held back with less, nobody
 * might ever acknowledge anything for it. */
static size_t mark_of(const e2b_client_t *client) {
    if (client->unread < client->unread_mark / 4) return E2B_STREAM_MARK;
    return client->unread < client->unread_mark ? E2B_STREAM_MARK_MANY : E2B_STREAM_SHARE;
}

bool e2b_op_is_full(const e2b_op_t *op) {
    return op->unread >= mark_of(op->client);
}

void e2b_client_limit_streams(e2b_client_t *client, size_t bytes) {
    client->unread_mark = bytes;
}

void e2b_op_set_unread(e2b_op_t *op, size_t unread) {
    op->client->unread = op->client->unread - op->unread + unread;
    op->unread = unread;
}

/* What a busy stream has emptied goes to the next that is filled, so that the same memory is used
 * again, which the processor has at hand: to map and clear it anew cost more than to decode what
 * came. An idle stream keeps little.
 *
 * Of two empty buffers. */
static void swap_memory(e2b_buf_t *a, e2b_buf_t *b) {
    e2b_buf_t was = *a;
    a->data = b->data;
    a->cap = b->cap;
    b->data = was.data;
    b->cap = was.cap;
}

e2b_buf_t *e2b_op_stream(e2b_op_t *op, int which) {
    e2b_buf_t *stream = &op->stream[which], *spare = &op->client->spare;
    if (stream->len == 0 && stream->cap < spare->cap) swap_memory(stream, spare);
    return stream;
}

void e2b_op_emptied(e2b_op_t *op, int which) {
    e2b_buf_t *stream = &op->stream[which], *spare = &op->client->spare;
    e2b_buf_reset(stream);
    if (stream->cap <= KEPT_BYTES) return;
    if (stream->cap > spare->cap) swap_memory(stream, spare);
    if (stream->cap > KEPT_BYTES) e2b_buf_destroy(stream);
}

/* ---- steps ---- */

void e2b_client_step(e2b_client_t *client, int64_t budget_us) {
    int64_t until = e2b_now_us() + budget_us;
    for (unsigned turns = 1;; turns++) {
        bool any = drain(client);
        any = e2b_engine_turn(client->engine) || any;
        if (!any) return;
        if (turns % MAX_TURNS_WITHOUT_CLOCK == 0 && e2b_now_us() >= until) return;
    }
}

int64_t e2b_client_timeout_ms(const e2b_client_t *client) {
    return e2b_engine_timeout_ms(client->engine);
}

/* ---- news ---- */

void e2b_client_tell(e2b_client_t *client, e2b_op_t *op) {
    if (op->in_news) return;
    op->in_news = true;
    op->next_news = NULL;
    *client->news_last = op;
    client->news_last = &op->next_news;
}

static void give_back(e2b_client_t *client, e2b_op_t *op) {
    *(op->previous ? &op->previous->next : &client->all) = op->next;
    if (op->next) op->next->previous = op->previous;
    if (!op->id) return;
    if (op->asked) unlink_asked(client, op); /* a command that crossed its end */
    e2b_op_t **link = &client->table[op->id % BUCKETS];
    while (*link != op) link = &(*link)->next_in_table;
    *link = op->next_in_table;
    client->active--;
}

bool e2b_client_has_news(const e2b_client_t *client) {
    return client->news_first != NULL;
}

e2b_op_t *e2b_client_take(e2b_client_t *client) {
    for (e2b_op_t *op; (op = client->news_first) != NULL;) {
        client->news_first = op->next_news;
        if (!client->news_first) client->news_last = &client->news_first;
        op->in_news = false;
        if (op->finished) give_back(client, op);
        if (op->id) return op;
        if (op->finished) {
            client->adopted--;
            e2b_op_free(op);
        }
    }
    return NULL;
}

void e2b_client_adopt(e2b_client_t *client, e2b_op_t *op) {
    op->id = 0;
    client->adopted++;
    admit(client, op);
}

/* ---- who waits for whom ---- */

size_t e2b_client_busy(const e2b_client_t *client, const e2b_op_t *self) {
    size_t busy = 0;
    for (const e2b_op_t *op = client->all; op; op = op->next) {
        if (op != self && !op->finished && !op->waits_for_idle &&
            strcmp(op->sandbox_id, self->sandbox_id) == 0) {
            busy++;
        }
    }
    return busy;
}

void e2b_client_ended(e2b_client_t *client, e2b_op_t *ended) {
    if (ended->waits_for_idle) client->waiting--;
    if (client->waiting == 0) return;
    for (e2b_op_t *op = client->all; op; op = op->next) {
        if (op->waits_for_idle && !op->finished && strcmp(op->sandbox_id, ended->sandbox_id) == 0) {
            e2b_op_soon(op);
        }
    }
}
