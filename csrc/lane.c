/*
 * lane.c: a multi handle, driven by curl_multi_socket_action for what its poll set finds ready.
 * Pool thread. It must never wait, and never call into curl from curl's callbacks.
 */
#include "lane.h"

#include "platform.h"
#include "socket.h"

#define MAX_STREAMS 65536L    /* of one connection */
#define MAX_CONNECTIONS 1024L /* kept-alive connections in curl's cache */

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *per_socket) {
    e2b_lane_t *lane = context;
    (void)easy;
    (void)per_socket;
    if (what == CURL_POLL_REMOVE) {
        e2b_sockets_unwant(&lane->sockets, fd);
        return 0;
    }
    return e2b_sockets_want(&lane->sockets, fd, (what & CURL_POLL_IN) != 0,
                            (what & CURL_POLL_OUT) != 0);
}

static int on_timer(CURLM *multi, long timeout_ms, void *context) {
    e2b_lane_t *lane = context;
    (void)multi;
    lane->due_ms = timeout_ms < 0 ? -1 : e2b_now_ms() + timeout_ms;
    return 0;
}

static bool open_multi(e2b_lane_t *lane) {
    int first = e2b_socket_next(lane->sockets.pollset);
    lane->multi = curl_multi_init();
    if (!lane->multi) return false;
    e2b_socket_keep_pairs(first);
    curl_multi_setopt(lane->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(lane->multi, CURLMOPT_SOCKETDATA, lane);
    curl_multi_setopt(lane->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(lane->multi, CURLMOPT_TIMERDATA, lane);
    curl_multi_setopt(lane->multi, CURLMOPT_MAXCONNECTS, MAX_CONNECTIONS);
    curl_multi_setopt(lane->multi, CURLMOPT_MAX_HOST_CONNECTIONS, lane->per_host);
    curl_multi_setopt(lane->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    /* The far end's own limit counts, not libcurl's 100: call 1,001 would wait for ever. */
    curl_multi_setopt(lane->multi, CURLMOPT_MAX_CONCURRENT_STREAMS, MAX_STREAMS);
    return true;
}

bool e2b_lane_init(e2b_lane_t *lane, long per_host) {
    *lane = (e2b_lane_t){.per_host = per_host, .due_ms = -1};
    return e2b_sockets_init(&lane->sockets) == 0 && open_multi(lane);
}

void e2b_lane_reset(e2b_lane_t *lane) {
    if (lane->multi) curl_multi_cleanup(lane->multi);
    lane->multi = NULL;
    lane->due_ms = -1;
    lane->unsound = false;
}

void e2b_lane_destroy(e2b_lane_t *lane) {
    e2b_lane_reset(lane);
    e2b_sockets_destroy(&lane->sockets);
}

bool e2b_lane_add(e2b_lane_t *lane, CURL *easy) {
    return (lane->multi || open_multi(lane)) &&
           curl_multi_add_handle(lane->multi, easy) == CURLM_OK;
}

static void act(e2b_lane_t *lane, curl_socket_t fd, int mask) {
    int running;
    if (lane->unsound || !lane->multi) return;
    if (curl_multi_socket_action(lane->multi, fd, mask, &running) != CURLM_OK) lane->unsound = true;
}

int e2b_lane_ready(e2b_lane_t *lane, int inner, bool *inner_ready) {
    e2b_ready_t ready[E2B_READY_MAX];
    int count = e2b_sockets_ready(&lane->sockets, ready, E2B_READY_MAX);
    for (int i = 0; i < count; i++) {
        if (ready[i].fd == inner) {
            *inner_ready = true;
            continue;
        }
        act(lane, ready[i].fd,
            (ready[i].in ? CURL_CSELECT_IN : 0) | (ready[i].out ? CURL_CSELECT_OUT : 0) |
                (ready[i].broken ? CURL_CSELECT_ERR : 0));
    }
    return count;
}

bool e2b_lane_due(e2b_lane_t *lane, int64_t now_ms) {
    if (lane->due_ms < 0 || lane->due_ms > now_ms) return false;
    lane->due_ms = -1;
    act(lane, CURL_SOCKET_TIMEOUT, 0);
    return true;
}
