/*
 * engine.c: all transfers, in two lanes of libcurl under one descriptor; timers in a binary heap;
 * easy handles reused. Pool thread. It must never wait: a caller that wants to wait watches the
 * descriptor.
 *
 * In the narrow lane calls to a host share a few connections, as HTTP/2 can; without a bound
 * libcurl 7.88 would make a connection for nearly every stream. Where HTTP/1.1 is spoken the bound
 * would starve whoever comes after the first few, so the first connection that has not agreed on
 * HTTP/2 moves its host to the wide lane, with all that wait for it.
 */
#include "engine.h"

#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alloc.h"
#include "platform.h"
#include "socket.h"

#define EASY_POOL 256         /* handles kept for reuse; each idle one costs about 5 KB */
#define MAX_IDLE_S 55L        /* below the 60 s at which common load balancers hang up */
#define SHARED_CONNECTIONS 10 /* to one host over HTTP/2: a thousand streams and more */
#define VOID_MS 60000         /* no far end is that silent: daemons are asked for signs of life */
#define LOOK_MS 500           /* between looks at connections that are being made */

enum { WIDE, NARROW, LANES };

struct e2b_engine {
    e2b_lane_t lanes[LANES]; /* the poll set of the narrow one is in that of the wide one */
    CURLSH *shared;          /* idle connections and addresses */
    e2b_timers_t timers;
    e2b_deferred_t *deferred_first, **deferred_last;
    struct {
        CURL *easy;
        e2b_address_t address;
    } idle[EASY_POOL];
    int idle_len;
    e2b_transfer_t *started; /* all that are under way */
    bool renewing;           /* nothing can be started */
    size_t connecting;       /* transfers that have no connection yet */
    e2b_timer_t look;        /* set while there are any */
    e2b_host_memory_t hosts;
    e2b_deferred_t widen; /* a host in the narrow lane speaks HTTP/1.1 */
    bool retries_refused; /* libcurl resends what was refused, and nothing else */
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

/* libcurl 7.88 gives up on a silent address in time, but tries the next one only when it is called
 * again, for which it does not ask. One that is unpaused is looked at. Not curl_multi_socket_all:
 * it runs all transfers in turn, and drops at its end the wake-up of one for which a later one has
 * read something meanwhile: that one would never hear of its answer. */
static void look_at_connecting(e2b_timer_t *look) {
    e2b_engine_t *engine = (e2b_engine_t *)((char *)look - offsetof(e2b_engine_t, look));
    for (e2b_transfer_t *t = engine->started; t; t = t->next) {
        if (!t->connecting) continue;
        curl_easy_pause(t->easy, CURLPAUSE_RECV);
        curl_easy_pause(t->easy, CURLPAUSE_CONT);
    }
    if (engine->connecting > 0) e2b_engine_timer_set(engine, look, e2b_now_ms() + LOOK_MS);
}

/* ---- curl's sockets ---- */

/* As curl does it by itself, but that programs which this process starts do not inherit it. */
static curl_socket_t on_open(void *context, curlsocktype purpose, struct curl_sockaddr *address) {
    e2b_engine_t *engine = context;
    (void)purpose;
    int port = e2b_socket_port(&address->addr);
    int fd = e2b_socket_open(address->family, address->socktype, address->protocol);
    if (fd < 0) return CURL_SOCKET_BAD;
    for (int i = 0; i < LANES; i++) e2b_sockets_opened(&engine->lanes[i].sockets, fd, port);
    return fd;
}

/* Also when the lanes are gone and the connections that they shared go. */
static int on_close(void *context, curl_socket_t fd) {
    e2b_engine_t *engine = context;
    for (int i = 0; i < LANES; i++) e2b_sockets_closing(&engine->lanes[i].sockets, fd);
    return close(fd);
}

/* ---- life ---- */

static void widen(e2b_deferred_t *deferred);

int e2b_engine_create(e2b_engine_t **out) {
    pthread_once(&curl_once, init_curl);
    *out = NULL;
    e2b_engine_t *engine = e2b_calloc(1, sizeof *engine);
    if (!engine) return E2B_ERR_OUT_OF_MEMORY;
    engine->deferred_last = &engine->deferred_first;
    engine->look.fire = look_at_connecting;
    engine->widen.run = widen;
    engine->shared = curl_share_init();
    bool wide = e2b_lane_init(&engine->lanes[WIDE], 0);
    bool narrow = e2b_lane_init(&engine->lanes[NARROW], SHARED_CONNECTIONS);
    if (!engine->shared || !wide || !narrow ||
        e2b_pollset_set(engine->lanes[WIDE].sockets.pollset, engine->lanes[NARROW].sockets.pollset,
                        true, false)) {
        e2b_engine_free(engine);
        return E2B_ERR_OUT_OF_MEMORY;
    }
    /* One thread uses them: no locks. */
    curl_share_setopt(engine->shared, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
    curl_share_setopt(engine->shared, CURLSHOPT_SHARE, CURL_LOCK_DATA_CONNECT);
    *out = engine;
    return E2B_OK;
}

void e2b_engine_free(e2b_engine_t *engine) {
    if (!engine) return;
    while (engine->idle_len > 0) {
        curl_easy_cleanup(engine->idle[--engine->idle_len].easy);
        e2b_address_destroy(&engine->idle[engine->idle_len].address);
    }
    for (int i = 0; i < LANES; i++) e2b_lane_destroy(&engine->lanes[i]);
    curl_share_cleanup(engine->shared);
    e2b_timers_destroy(&engine->timers);
    e2b_free(engine);
}

int e2b_engine_fd(const e2b_engine_t *engine) {
    return engine->lanes[WIDE].sockets.pollset;
}

int e2b_engine_socket(const e2b_engine_t *engine, int local_port, int remote_port) {
    for (int i = 0; i < LANES; i++) {
        int fd = e2b_sockets_find(&engine->lanes[i].sockets, local_port, remote_port);
        if (fd >= 0) return fd;
    }
    for (int i = 0; i < LANES; i++) {
        int fd = e2b_sockets_search(&engine->lanes[i].sockets, local_port, remote_port);
        if (fd >= 0) return fd;
    }
    return -1;
}

void e2b_engine_shut(e2b_engine_t *engine, int local_port, int remote_port) {
    int fd = e2b_engine_socket(engine, local_port, remote_port);
    if (fd >= 0) e2b_socket_shut(fd);
}

void e2b_engine_shut_void(e2b_engine_t *engine, int local_port, int remote_port) {
    int fd = e2b_engine_socket(engine, local_port, remote_port);
    if (fd >= 0 && e2b_socket_silent_ms(fd) >= VOID_MS) e2b_socket_shut(fd);
}

/* ---- transfers ---- */

static CURL *new_easy(e2b_engine_t *engine) {
    CURL *easy = curl_easy_init();
    if (!easy) return NULL;
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, engine);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, engine);
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
    curl_easy_setopt(easy, CURLOPT_SHARE, engine->shared);
    /* No RTSP is spoken here. With this, and only with it, libcurl sends nothing again because a
     * connection has died under it, so that one more try of its own proves a refused stream. */
    engine->retries_refused =
        curl_easy_setopt(easy, CURLOPT_RTSP_REQUEST, (long)CURL_RTSPREQ_RECEIVE) == CURLE_OK;
    return easy;
}

CURL *e2b_engine_prepare(e2b_engine_t *engine, e2b_transfer_t *transfer) {
    bool kept = engine->idle_len > 0;
    CURL *easy = kept ? engine->idle[--engine->idle_len].easy : new_easy(engine);
    if (kept) transfer->address = engine->idle[engine->idle_len].address;
    if (easy) curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    transfer->easy = easy;
    return easy;
}

/* In the wide lane each makes its connection at once, and waits for nobody. */
static bool enter(e2b_transfer_t *transfer, e2b_lane_t *lane) {
    transfer->lane = lane;
    curl_easy_setopt(transfer->easy, CURLOPT_PIPEWAIT, lane->per_host > 0 ? 1L : 0L);
    return e2b_lane_add(lane, transfer->easy);
}

int e2b_engine_start(e2b_engine_t *engine, e2b_transfer_t *transfer) {
    bool shares = transfer->host != 0 && !e2b_host_is_old(&engine->hosts, transfer->host);
    if (engine->renewing || !enter(transfer, &engine->lanes[shares ? NARROW : WIDE])) {
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

static void connected(e2b_engine_t *engine, e2b_transfer_t *transfer) {
    if (!transfer->connecting) return;
    transfer->connecting = false;
    if (--engine->connecting == 0) e2b_engine_timer_clear(engine, &engine->look);
}

void e2b_engine_connected(e2b_engine_t *engine, e2b_transfer_t *transfer, bool http2) {
    connected(engine, transfer);
    transfer->http2 = http2;
    if (transfer->host == 0) return;
    e2b_host_spoke(&engine->hosts, transfer->host, http2);
    if (!http2 && transfer->lane == &engine->lanes[NARROW]) {
        e2b_engine_defer(engine, &engine->widen);
    }
}

static void report_broken(e2b_deferred_t *broken) {
    e2b_transfer_t *transfer =
        (e2b_transfer_t *)((char *)broken - offsetof(e2b_transfer_t, broken));
    transfer->on_done(transfer, transfer->broken_code);
}

static void breaks(e2b_engine_t *engine, e2b_transfer_t *transfer, CURLcode code) {
    transfer->broken_code = code;
    transfer->broken.run = report_broken;
    e2b_engine_defer(engine, &transfer->broken);
}

/* Moves who waits in the narrow lane for a host that has turned out to speak HTTP/1.1. */
static void widen(e2b_deferred_t *deferred) {
    e2b_engine_t *engine = (e2b_engine_t *)((char *)deferred - offsetof(e2b_engine_t, widen));
    for (e2b_transfer_t *t = engine->started; t; t = t->next) {
        if (!t->connecting || t->lane != &engine->lanes[NARROW]) continue;
        if (!e2b_host_is_old(&engine->hosts, t->host)) continue;
        if (t->lane->multi) curl_multi_remove_handle(t->lane->multi, t->easy);
        if (!enter(t, &engine->lanes[WIDE])) breaks(engine, t, CURLE_OUT_OF_MEMORY);
    }
}

e2b_host_memory_t *e2b_engine_hosts(e2b_engine_t *engine) {
    return &engine->hosts;
}

bool e2b_engine_retries_refused(const e2b_engine_t *engine) {
    return engine->retries_refused;
}

/* Connections to different far ends may have one local port. */
static bool is_same_connection(const e2b_transfer_t *a, const e2b_transfer_t *b) {
    return a->local_port == b->local_port && a->remote_port == b->remote_port;
}

/* Of a stream of HTTP/2 that ends early libcurl 7.88 leaves the far end uninformed until something
 * else goes out on the connection. A neighbour that is unpaused sends what is left over; where
 * there is none, the connection itself is the message, as with HTTP/1.1. */
static void tell_far_end(e2b_engine_t *engine, const e2b_transfer_t *transfer) {
    for (e2b_transfer_t *t = engine->started; t; t = t->next) {
        if (t->connecting || !is_same_connection(t, transfer)) continue;
        curl_easy_pause(t->easy, CURLPAUSE_RECV);
        e2b_engine_unpause(engine, t);
        return;
    }
    int fd = e2b_engine_socket(engine, transfer->local_port, transfer->remote_port);
    if (fd >= 0) e2b_socket_shut(fd);
}

void e2b_engine_stop(e2b_engine_t *engine, e2b_transfer_t *transfer) {
    CURL *easy = transfer->easy;
    if (!easy) return;
    bool early = transfer->lane && transfer->http2 && !transfer->over;
    transfer->easy = NULL;
    connected(engine, transfer);
    e2b_engine_undefer(engine, &transfer->broken);
    if (transfer->previous) transfer->previous->next = transfer->next;
    if (transfer->next) transfer->next->previous = transfer->previous;
    if (engine->started == transfer) engine->started = transfer->next;
    transfer->previous = transfer->next = NULL;
    if (transfer->lane && transfer->lane->multi) {
        curl_multi_remove_handle(transfer->lane->multi, easy);
    }
    if (early) tell_far_end(engine, transfer);
    transfer->lane = NULL;
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL);
    /* One that has failed may remember it: 7.88 counts tries, and wants to rewind, for ever. */
    bool good = transfer->whole;
    transfer->whole = transfer->over = transfer->http2 = false;
    if (good && engine->idle_len < EASY_POOL) {
        engine->idle[engine->idle_len].easy = easy;
        engine->idle[engine->idle_len++].address = transfer->address;
        transfer->address = (e2b_address_t){.parsed = NULL};
    } else {
        curl_easy_cleanup(easy);
        e2b_address_destroy(&transfer->address);
    }
}

/* libcurl hands out what it has kept at once. What the receiver says of it is told here only: the
 * transfer itself would go on, with a hole. */
void e2b_engine_unpause(e2b_engine_t *engine, e2b_transfer_t *transfer) {
    if (!transfer->easy) return;
    CURLcode code = curl_easy_pause(transfer->easy, CURLPAUSE_CONT);
    if (code == CURLE_OK) return;
    if (code == CURLE_ABORTED_BY_CALLBACK) transfer->lane->unsound = true; /* of its own accord */
    breaks(engine, transfer, code);
}

static bool deliver_finished(e2b_lane_t *lane) {
    bool any = false;
    int left;
    for (CURLMsg *m; lane->multi && (m = curl_multi_info_read(lane->multi, &left)) != NULL;) {
        if (m->msg != CURLMSG_DONE) continue;
        e2b_transfer_t *transfer = NULL;
        CURLcode code = m->data.result; /* m is gone once the handle is removed */
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        /* Where nothing came, libcurl keeps a connection that may be past use. */
        transfer->over = code != CURLE_GOT_NOTHING;
        transfer->whole = code == CURLE_OK;
        transfer->on_done(transfer, code);
        any = true;
    }
    return any;
}

/* ---- time ---- */

int e2b_engine_timer_set(e2b_engine_t *engine, e2b_timer_t *timer, int64_t due_ms) {
    return e2b_timers_set(&engine->timers, timer, due_ms);
}

void e2b_engine_timer_clear(e2b_engine_t *engine, e2b_timer_t *timer) {
    e2b_timers_clear(&engine->timers, timer);
}

int64_t e2b_engine_timeout_ms(const e2b_engine_t *engine) {
    if (engine->deferred_first) return 0;
    int64_t due = e2b_timers_next(&engine->timers);
    for (int i = 0; i < LANES; i++) {
        int64_t of_lane = engine->lanes[i].due_ms;
        if (of_lane >= 0 && (due < 0 || of_lane < due)) due = of_lane;
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
static void renew(e2b_engine_t *engine, e2b_lane_t *lane) {
    if (!lane->unsound) return;
    engine->renewing = true;
    for (e2b_transfer_t *t = engine->started; t;) {
        if (t->lane != lane) {
            t = t->next;
            continue;
        }
        t->on_done(t, CURLE_ABORTED_BY_CALLBACK);
        t = engine->started; /* any of them may have ended with it */
    }
    e2b_lane_reset(lane);
    engine->renewing = false;
}

static void renew_unsound(e2b_engine_t *engine) {
    for (int i = 0; i < LANES; i++) renew(engine, &engine->lanes[i]);
}

bool e2b_engine_turn(e2b_engine_t *engine) {
    e2b_lane_t *wide = &engine->lanes[WIDE], *narrow = &engine->lanes[NARROW];
    bool any = run_deferred(engine), inner = false;
    any = e2b_lane_ready(wide, narrow->sockets.pollset, &inner) > 0 || any;
    if (inner) e2b_lane_ready(narrow, -1, &inner);
    int64_t now = e2b_now_ms();
    for (int i = 0; i < LANES; i++) any = e2b_lane_due(&engine->lanes[i], now) || any;
    renew_unsound(engine);
    any = e2b_timers_fire(&engine->timers, now) || any;
    renew_unsound(engine);
    for (int i = 0; i < LANES; i++) any = deliver_finished(&engine->lanes[i]) || any;
    return run_deferred(engine) || any;
}
