/*
 * engine.c: curl's sockets in one poll set, driven by curl_multi_socket_action; timers in a binary
 * heap; easy handles reused. Pool thread. It must never wait: a caller that wants to wait watches
 * the poll set's descriptor.
 */
#include "engine.h"

#include <pthread.h>
#include <string.h>

#include "alloc.h"
#include "platform.h"
#include "socket.h"

#define EASY_POOL 256         /* handles kept for reuse; each idle one costs about 5 KB */
#define MAX_CONNECTIONS 1024L /* kept-alive connections in curl's cache */
#define MAX_IDLE_S 55L        /* below the 60 s at which common load balancers hang up */
#define PORT_SLOTS 1024       /* as many as there are connections; two may share a slot */
#define LOOK_MS 500           /* between looks at connections that are being made */
#define READY 64

struct e2b_engine {
    CURLM *multi;
    int pollset;
    int64_t curl_due_ms; /* when curl wants to be called for time; -1: never */
    e2b_timer_t **heap;
    size_t heap_len, heap_cap;
    e2b_deferred_t *deferred_first, **deferred_last;
    CURL *idle[EASY_POOL];
    int idle_len;
    e2b_transfer_t *started;   /* all that are under way */
    bool unsound;              /* the multi handle has failed: a new one is needed */
    bool renewing;             /* nothing can be started */
    size_t connecting;         /* transfers that have no connection yet */
    e2b_timer_t look;          /* set while there are any */
    int socket_of[PORT_SLOTS]; /* by local port; may be out of date: always looked at again */
};

/* process-global: libcurl asks for one global init before any thread uses it, and cleaning up
 * would pull it from under other users of the library in this process. */
static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void init_curl(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

const char *e2b_curl_version(void) {
    pthread_once(&curl_once, init_curl);
    return curl_version();
}

/* ---- curl's callbacks: only notes are taken here ---- */

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *per_socket) {
    e2b_engine_t *engine = context;
    (void)easy;
    (void)per_socket;
    if (what == CURL_POLL_REMOVE) {
        e2b_pollset_remove(engine->pollset, fd);
        return 0;
    }
    int port = e2b_socket_port(fd, false);
    if (port > 0) engine->socket_of[port % PORT_SLOTS] = fd;
    return e2b_pollset_set(engine->pollset, fd, (what & CURL_POLL_IN) != 0,
                           (what & CURL_POLL_OUT) != 0);
}

static int on_curl_timer(CURLM *multi, long timeout_ms, void *context) {
    e2b_engine_t *engine = context;
    (void)multi;
    engine->curl_due_ms = timeout_ms < 0 ? -1 : e2b_now_ms() + timeout_ms;
    return 0;
}

static void check(e2b_engine_t *engine, CURLMcode code) {
    if (code != CURLM_OK) engine->unsound = true;
}

/* libcurl 7.88 gives up on a silent address in time, but tries the next one only when it is called
 * again, for which it does not ask. Deprecated because it is slow; nothing else looks at them all.
 */
static void look_at_connecting(e2b_timer_t *look) {
    e2b_engine_t *engine = (e2b_engine_t *)((char *)look - offsetof(e2b_engine_t, look));
    int running;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    check(engine, curl_multi_socket_all(engine->multi, &running));
#pragma GCC diagnostic pop
    if (engine->connecting > 0) e2b_engine_timer_set(engine, look, e2b_now_ms() + LOOK_MS);
}

/* ---- life ---- */

static int make_multi(e2b_engine_t *engine) {
    engine->multi = curl_multi_init();
    if (!engine->multi) return E2B_ERR_OUT_OF_MEMORY;
    curl_multi_setopt(engine->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(engine->multi, CURLMOPT_SOCKETDATA, engine);
    curl_multi_setopt(engine->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    curl_multi_setopt(engine->multi, CURLMOPT_TIMERDATA, engine);
    curl_multi_setopt(engine->multi, CURLMOPT_MAXCONNECTS, MAX_CONNECTIONS);
    curl_multi_setopt(engine->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    return E2B_OK;
}

int e2b_engine_create(e2b_engine_t **out) {
    pthread_once(&curl_once, init_curl);
    *out = NULL;
    e2b_engine_t *engine = e2b_calloc(1, sizeof *engine);
    if (!engine) return E2B_ERR_OUT_OF_MEMORY;
    engine->curl_due_ms = -1;
    engine->deferred_last = &engine->deferred_first;
    engine->look.fire = look_at_connecting;
    engine->pollset = e2b_pollset_create();
    if (engine->pollset < 0 || make_multi(engine) != E2B_OK) {
        e2b_engine_free(engine);
        return E2B_ERR_OUT_OF_MEMORY;
    }
    *out = engine;
    return E2B_OK;
}

void e2b_engine_free(e2b_engine_t *engine) {
    if (!engine) return;
    while (engine->idle_len > 0) curl_easy_cleanup(engine->idle[--engine->idle_len]);
    if (engine->multi) curl_multi_cleanup(engine->multi);
    e2b_pollset_close(engine->pollset);
    e2b_free(engine->heap);
    e2b_free(engine);
}

int e2b_engine_fd(const e2b_engine_t *engine) {
    return engine->pollset;
}

int e2b_engine_socket(const e2b_engine_t *engine, int local_port, int remote_port) {
    int fd = engine->socket_of[local_port % PORT_SLOTS];
    bool right =
        e2b_socket_port(fd, false) == local_port && e2b_socket_port(fd, true) == remote_port;
    return right ? fd : -1;
}

/* ---- transfers ---- */

static CURL *new_easy(void) {
    CURL *easy = curl_easy_init();
    if (!easy) return NULL;
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, MAX_IDLE_S);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    /* Else libcurl waits, here, for the lookup of a transfer that ends before it: a name server
     * that is silent would hold up every call of the engine for as long. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    /* The trust store comes through SSL_CTX_FUNCTION (tls.h); with these libcurl would trust the
     * distribution's bundle besides, and parse it anew for every connection (20 ms). */
    curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, NULL);
    return easy;
}

CURL *e2b_engine_prepare(e2b_engine_t *engine, e2b_transfer_t *transfer) {
    CURL *easy = engine->idle_len > 0 ? engine->idle[--engine->idle_len] : new_easy();
    if (easy) curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    transfer->easy = easy;
    return easy;
}

int e2b_engine_start(e2b_engine_t *engine, e2b_transfer_t *transfer) {
    if (engine->renewing || (!engine->multi && make_multi(engine) != E2B_OK) ||
        curl_multi_add_handle(engine->multi, transfer->easy) != CURLM_OK) {
        return E2B_ERR_OUT_OF_MEMORY;
    }
    transfer->previous = NULL;
    transfer->next = engine->started;
    if (engine->started) engine->started->previous = transfer;
    engine->started = transfer;
    transfer->connecting = true;
    if (engine->connecting++ == 0) { /* without memory for it: as libcurl does by itself */
        e2b_engine_timer_set(engine, &engine->look, e2b_now_ms() + LOOK_MS);
    }
    return E2B_OK;
}

void e2b_engine_connected(e2b_engine_t *engine, e2b_transfer_t *transfer) {
    if (!transfer->connecting) return;
    transfer->connecting = false;
    if (--engine->connecting == 0) e2b_engine_timer_clear(engine, &engine->look);
}

void e2b_engine_stop(e2b_engine_t *engine, e2b_transfer_t *transfer) {
    CURL *easy = transfer->easy;
    if (!easy) return;
    transfer->easy = NULL;
    e2b_engine_connected(engine, transfer);
    e2b_engine_undefer(engine, &transfer->broken);
    if (transfer->previous) transfer->previous->next = transfer->next;
    if (transfer->next) transfer->next->previous = transfer->previous;
    if (engine->started == transfer) engine->started = transfer->next;
    transfer->previous = transfer->next = NULL;
    curl_multi_remove_handle(engine->multi, easy); /* one that was never added is no error */
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL);
    if (engine->idle_len < EASY_POOL) {
        engine->idle[engine->idle_len++] = easy;
    } else {
        curl_easy_cleanup(easy);
    }
}

static void report_broken(e2b_deferred_t *broken) {
    e2b_transfer_t *transfer =
        (e2b_transfer_t *)((char *)broken - offsetof(e2b_transfer_t, broken));
    transfer->on_done(transfer, transfer->broken_code);
}

/* libcurl hands out what it has kept at once. What the receiver says of it is told here only: the
 * transfer itself would go on, with a hole. */
void e2b_engine_unpause(e2b_engine_t *engine, e2b_transfer_t *transfer) {
    if (!transfer->easy) return;
    CURLcode code = curl_easy_pause(transfer->easy, CURLPAUSE_CONT);
    if (code == CURLE_OK) return;
    if (code == CURLE_ABORTED_BY_CALLBACK) engine->unsound = true; /* not a callback's: its own */
    transfer->broken_code = code;
    transfer->broken.run = report_broken;
    e2b_engine_defer(engine, &transfer->broken);
}

static bool deliver_finished(e2b_engine_t *engine) {
    bool any = false;
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(engine->multi, &left)) != NULL;) {
        if (m->msg != CURLMSG_DONE) continue;
        e2b_transfer_t *transfer = NULL;
        CURLcode code = m->data.result; /* m is gone once the handle is removed */
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        transfer->on_done(transfer, code);
        any = true;
    }
    return any;
}

/* ---- timers: a binary heap by due time ---- */

static void heap_place(e2b_engine_t *engine, size_t index, e2b_timer_t *timer) {
    engine->heap[index] = timer;
    timer->slot = index + 1;
}

static void heap_up(e2b_engine_t *engine, size_t index) {
    e2b_timer_t *timer = engine->heap[index];
    for (size_t parent; index > 0; index = parent) {
        parent = (index - 1) / 2;
        if (engine->heap[parent]->due_ms <= timer->due_ms) break;
        heap_place(engine, index, engine->heap[parent]);
    }
    heap_place(engine, index, timer);
}

static void heap_down(e2b_engine_t *engine, size_t index) {
    e2b_timer_t *timer = engine->heap[index];
    for (size_t child; (child = 2 * index + 1) < engine->heap_len; index = child) {
        if (child + 1 < engine->heap_len &&
            engine->heap[child + 1]->due_ms < engine->heap[child]->due_ms) {
            child++;
        }
        if (engine->heap[child]->due_ms >= timer->due_ms) break;
        heap_place(engine, index, engine->heap[child]);
    }
    heap_place(engine, index, timer);
}

int e2b_engine_timer_set(e2b_engine_t *engine, e2b_timer_t *timer, int64_t due_ms) {
    e2b_engine_timer_clear(engine, timer);
    if (engine->heap_len == engine->heap_cap) {
        size_t cap = engine->heap_cap ? engine->heap_cap * 2 : 64;
        e2b_timer_t **heap = e2b_realloc(engine->heap, cap * sizeof *heap);
        if (!heap) return E2B_ERR_OUT_OF_MEMORY;
        engine->heap = heap;
        engine->heap_cap = cap;
    }
    timer->due_ms = due_ms;
    heap_place(engine, engine->heap_len++, timer);
    heap_up(engine, engine->heap_len - 1);
    return E2B_OK;
}

void e2b_engine_timer_clear(e2b_engine_t *engine, e2b_timer_t *timer) {
    if (timer->slot == 0) return;
    size_t index = timer->slot - 1;
    timer->slot = 0;
    e2b_timer_t *last = engine->heap[--engine->heap_len];
    if (last == timer) return;
    heap_place(engine, index, last);
    heap_up(engine, index);
    heap_down(engine, last->slot - 1);
}

static bool fire_timers(e2b_engine_t *engine, int64_t now_ms) {
    bool any = false;
    while (engine->heap_len > 0 && engine->heap[0]->due_ms <= now_ms) {
        e2b_timer_t *timer = engine->heap[0];
        e2b_engine_timer_clear(engine, timer);
        timer->fire(timer);
        any = true;
    }
    return any;
}

int64_t e2b_engine_timeout_ms(const e2b_engine_t *engine) {
    if (engine->deferred_first) return 0;
    int64_t due = engine->curl_due_ms;
    if (engine->heap_len > 0 && (due < 0 || engine->heap[0]->due_ms < due)) {
        due = engine->heap[0]->due_ms;
    }
    if (due < 0) return -1;
    int64_t left = due - e2b_now_ms();
    return left < 0 ? 0 : left;
}

/* ---- deferred calls ---- */

void e2b_engine_defer(e2b_engine_t *engine, e2b_deferred_t *deferred) {
    if (deferred->queued) return;
    deferred->queued = true;
    deferred->next = NULL;
    *engine->deferred_last = deferred;
    engine->deferred_last = &deferred->next;
}

void e2b_engine_undefer(e2b_engine_t *engine, e2b_deferred_t *deferred) {
    if (!deferred->queued) return;
    deferred->queued = false;
    e2b_deferred_t **link = &engine->deferred_first;
    while (*link != deferred) link = &(*link)->next;
    *link = deferred->next;
    if (engine->deferred_last == &deferred->next) engine->deferred_last = link;
}

static bool run_deferred(e2b_engine_t *engine) {
    bool any = false;
    for (e2b_deferred_t *first; (first = engine->deferred_first) != NULL; any = true) {
        e2b_engine_undefer(engine, first);
        first->run(first);
    }
    return any;
}

/* ---- one turn ---- */

/* When libcurl 7.88 has no memory to note who waits for a socket, it forgets all who do, and
 * divides by zero when the next one comes; and when the poll set fails, it never works again. */
static void renew(e2b_engine_t *engine) {
    engine->renewing = true;
    deliver_finished(engine); /* what has come whole counts */
    while (engine->started) {
        engine->started->on_done(engine->started, CURLE_ABORTED_BY_CALLBACK);
    }
    curl_multi_cleanup(engine->multi);
    engine->multi = NULL; /* made by whoever needs it next */
    engine->curl_due_ms = -1;
    engine->unsound = engine->renewing = false;
}

bool e2b_engine_turn(e2b_engine_t *engine) {
    bool any = run_deferred(engine);
    int running;
    e2b_ready_t ready[READY];
    int count = e2b_pollset_ready(engine->pollset, ready, READY);
    for (int i = 0; i < count && !engine->unsound; i++) {
        int mask = (ready[i].in ? CURL_CSELECT_IN : 0) | (ready[i].out ? CURL_CSELECT_OUT : 0) |
                   (ready[i].broken ? CURL_CSELECT_ERR : 0);
        check(engine, curl_multi_socket_action(engine->multi, ready[i].fd, mask, &running));
    }
    int64_t now = e2b_now_ms();
    if (!engine->unsound && engine->curl_due_ms >= 0 && engine->curl_due_ms <= now) {
        engine->curl_due_ms = -1;
        check(engine, curl_multi_socket_action(engine->multi, CURL_SOCKET_TIMEOUT, 0, &running));
        any = true;
    }
    if (engine->unsound) renew(engine);
    any = fire_timers(engine, now) || any;
    if (engine->unsound) renew(engine);
    any = deliver_finished(engine) || any;
    any = run_deferred(engine) || any;
    return any || count > 0;
}
