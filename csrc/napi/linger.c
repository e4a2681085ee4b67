/*
 * linger.c: waiting for a moment in the work item, by poll() on the client's descriptor and a pipe.
 * The one place where a thread of the pool waits. It touches nothing of the client's but what any
 * thread may.
 */
#include "linger.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <uv.h>

#define LINGER_MS 1
#define MAX_DELAY_NS 200000u /* items that are queued for longer: others need the threads */
#define MAX_FUTILE 4u        /* a far end that is so far away answers after the millisecond */
#define TRY_AGAIN 64u        /* items, after which waiting is tried again */

/* Loop thread. Neither end waits, and no program that is started inherits them. */
static bool open_pipe(int ends[2]) {
#ifdef __linux__
    return pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0;
#else
    if (pipe(ends) != 0) return false;
    for (int i = 0; i < 2; i++) {
        fcntl(ends[i], F_SETFD, FD_CLOEXEC);
        fcntl(ends[i], F_SETFL, O_NONBLOCK);
    }
    return true;
#endif
}

/* Loop thread. */
bool e2b_linger_init(e2b_linger_t *linger) {
    if (open_pipe(linger->wake)) return true;
    linger->wake[0] = linger->wake[1] = -1;
    return false;
}

/* Loop thread. */
void e2b_linger_destroy(e2b_linger_t *linger) {
    for (int i = 0; i < 2; i++) {
        if (linger->wake[i] >= 0) close(linger->wake[i]);
        linger->wake[i] = -1;
    }
}

/* Loop thread. */
void e2b_linger_queued(e2b_linger_t *linger, bool calls) {
    bool pays = linger->futile < MAX_FUTILE || ++linger->items % TRY_AGAIN == 0;
    linger->wanted = calls && pays && linger->delay_ns < MAX_DELAY_NS;
    linger->queued_ns = uv_hrtime();
}

/* Pool thread. */
void e2b_linger_begin(e2b_linger_t *linger) {
    linger->began_ns = uv_hrtime();
    uint64_t delay_ns = linger->began_ns - linger->queued_ns;
    linger->delay_ns = (7 * linger->delay_ns + delay_ns) / 8;
}

/* Pool thread. Who gives a command sees `waiting` after it, or we see the command after that. */
bool e2b_linger_wait(e2b_linger_t *linger, e2b_client_t *client) {
    if (!linger->wanted || e2b_client_has_news(client)) return false;
    if (uv_hrtime() - linger->began_ns >= LINGER_MS * 1000000u) return false;
    struct pollfd fds[2] = {{.fd = e2b_client_fd(client), .events = POLLIN},
                            {.fd = linger->wake[0], .events = POLLIN}};
    char byte;
    atomic_store(&linger->waiting, true);
    int ready = e2b_client_pending(client) ? 1 : poll(fds, 2, LINGER_MS);
    atomic_store(&linger->waiting, false);
    /* A byte that is still on its way ends the next wait at once, which does no harm. */
    while (fds[1].revents && read(linger->wake[0], &byte, 1) < 0 && errno == EINTR) continue;
    linger->futile = ready > 0 ? 0 : linger->futile + 1;
    return ready > 0;
}

/* Loop thread. */
void e2b_linger_wake(e2b_linger_t *linger) {
    if (!atomic_exchange(&linger->waiting, false)) return;
    while (write(linger->wake[1], "", 1) < 0 && errno == EINTR) continue;
}
