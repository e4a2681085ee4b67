/*
 * client.c: all calls of one environment: commands in, steps, news out. Commands cross from the
 * loop thread under a lock; everything else belongs to whoever runs (a step, or the loop thread
 * while none runs). Calls are known by id, never by pointer: a cancel may cross a completion.
 */
#include <pthread.h>
#include <string.h>

#include "alloc.h"
#include "operation.h"
#include "platform.h"

#define BUCKETS 4096
#define MAX_TURNS_WITHOUT_CLOCK                                                                    \
    4 /* reading the clock at each turn costs more than a small turn                               \
       */

typedef enum command_kind { SUBMIT, CANCEL, DETACH, ACK } command_kind_t;
typedef struct command {
    command_kind_t kind;
    uint64_t id;
    e2b_op_t *op; /* SUBMIT */
} command_t;

struct e2b_client {
    e2b_engine_t *engine;
    e2b_access_cache_t *access;
    pthread_mutex_t lock; /* commands only */
    command_t *commands;
    size_t command_count, command_cap;
    command_t *draining; /* the step's own, swapped with commands */
    size_t draining_cap;
    size_t active;  /* loop thread */
    size_t adopted; /* ops of our own, such as the kill that follows a cancel */
    e2b_op_t *all;  /* accepted by a step and not yet given back */
    e2b_op_t *table[BUCKETS];
    e2b_op_t *news_first, **news_last;
    size_t waiting; /* ops with waits_for_idle */
};

int e2b_client_create(e2b_client_t **out) {
    *out = NULL;
    e2b_client_t *client = e2b_calloc(1, sizeof *client);
    if (!client) return E2B_ERR_OUT_OF_MEMORY;
    client->news_last = &client->news_first;
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
    for (size_t i = 0; i < client->command_count; i++) {
        if (client->commands[i].op) e2b_op_free(client->commands[i].op);
    }
    for (e2b_op_t *op; (op = client->all) != NULL;) {
        client->all = op->next;
        e2b_op_free(op);
    }
    e2b_access_free(client->access);
    e2b_engine_free(client->engine);
    pthread_mutex_destroy(&client->lock);
    e2b_free(client->commands);
    e2b_free(client->draining);
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

/* ---- commands ---- */

static int push(e2b_client_t *client, command_t command) {
    int code = E2B_OK;
    pthread_mutex_lock(&client->lock);
    if (client->command_count == client->command_cap) {
        size_t cap = client->command_cap ? client->command_cap * 2 : 64;
        command_t *grown = e2b_realloc(client->commands, cap * sizeof *grown);
        if (grown) {
            client->commands = grown;
            client->command_cap = cap;
        } else {
            code = E2B_ERR_OUT_OF_MEMORY;
        }
    }
    if (code == E2B_OK) client->commands[client->command_count++] = command;
    pthread_mutex_unlock(&client->lock);
    return code;
}

int e2b_client_submit(e2b_client_t *client, e2b_op_t *op, uint64_t id) {
    if (client->active >= E2B_MAX_CALLS) return E2B_ERR_CAPACITY;
    op->id = id;
    op->client = client;
    int code = push(client, (command_t){SUBMIT, id, op});
    if (code == E2B_OK) client->active++;
    return code;
}

void e2b_client_cancel(e2b_client_t *client, uint64_t id) {
    push(client, (command_t){CANCEL, id, NULL});
}

void e2b_client_detach(e2b_client_t *client, uint64_t id) {
    push(client, (command_t){DETACH, id, NULL});
}

void e2b_client_ack(e2b_client_t *client, uint64_t id) {
    push(client, (command_t){ACK, id, NULL});
}

bool e2b_client_pending(e2b_client_t *client) {
    pthread_mutex_lock(&client->lock);
    bool pending = client->command_count > 0;
    pthread_mutex_unlock(&client->lock);
    return pending;
}

size_t e2b_client_active(const e2b_client_t *client) {
    return client->active + client->adopted;
}

static e2b_op_t *find(e2b_client_t *client, uint64_t id) {
    e2b_op_t *op = client->table[id % BUCKETS];
    while (op && op->id != id) op = op->next_in_table;
    return op;
}

static void admit(e2b_client_t *client, e2b_op_t *op) {
    op->client = client;
    op->previous = NULL;
    op->next = client->all;
    if (client->all) client->all->previous = op;
    client->all = op;
    if (op->id) {
        op->next_in_table = client->table[op->id % BUCKETS];
        client->table[op->id % BUCKETS] = op;
    }
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

static void run_command(e2b_client_t *client, const command_t *command) {
    if (command->kind == SUBMIT) {
        admit(client, command->op);
        return;
    }
    e2b_op_t *op = find(client, command->id);
    if (!op || op->finished) return;
    if (command->kind != ACK) {
        cancel(op, command->kind == DETACH);
    } else {
        op->unread = op->stream[0].len + op->stream[1].len;
        e2b_http_resume(&op->http);
    }
}

static bool drain(e2b_client_t *client) {
    pthread_mutex_lock(&client->lock);
    command_t *list = client->commands;
    size_t count = client->command_count, cap = client->command_cap;
    if (count > 0) {
        client->commands = client->draining;
        client->command_cap = client->draining_cap;
        client->command_count = 0;
        client->draining = list;
        client->draining_cap = cap;
    }
    pthread_mutex_unlock(&client->lock);
    for (size_t i = 0; i < count; i++) run_command(client, &list[i]);
    return count > 0;
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
    e2b_op_t **link = &client->table[op->id % BUCKETS];
    while (*link != op) link = &(*link)->next_in_table;
    *link = op->next_in_table;
}

e2b_op_t *e2b_client_take(e2b_client_t *client) {
    for (e2b_op_t *op; (op = client->news_first) != NULL;) {
        client->news_first = op->next_news;
        if (!client->news_first) client->news_last = &client->news_first;
        op->in_news = false;
        if (op->finished) give_back(client, op);
        if (op->id) {
            if (op->finished) client->active--;
            return op;
        }
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
