/*
 * gate.c: a poll set of the system with the client's as its only member, of which nothing changes
 * but whether it counts. Loop thread.
 */
#include "gate.h"

#include <unistd.h>

#ifdef __linux__

#include <sys/epoll.h>

/* Loop thread. */
bool e2b_gate_init(e2b_gate_t *gate, int behind) {
    struct epoll_event nothing = {.events = 0};
    *gate = (e2b_gate_t){.fd = epoll_create1(EPOLL_CLOEXEC), .behind = behind};
    return gate->fd >= 0 && epoll_ctl(gate->fd, EPOLL_CTL_ADD, behind, &nothing) == 0;
}

/* Loop thread. */
static void set(const e2b_gate_t *gate, bool open) {
    struct epoll_event event = {.events = open ? EPOLLIN : 0u};
    epoll_ctl(gate->fd, EPOLL_CTL_MOD, gate->behind, &event);
}

#else

#include <fcntl.h>
#include <stddef.h>
#include <sys/types.h>

#include <sys/event.h>
#include <sys/time.h>

/* Loop thread. */
static bool change(const e2b_gate_t *gate, unsigned short flags) {
    struct kevent event;
    EV_SET(&event, gate->behind, EVFILT_READ, flags, 0, 0, NULL);
    return kevent(gate->fd, &event, 1, NULL, 0, NULL) == 0;
}

/* Loop thread. */
bool e2b_gate_init(e2b_gate_t *gate, int behind) {
    *gate = (e2b_gate_t){.fd = kqueue(), .behind = behind};
    if (gate->fd < 0) return false;
    fcntl(gate->fd, F_SETFD, FD_CLOEXEC);
    return change(gate, EV_ADD | EV_DISABLE);
}

/* Loop thread. */
static void set(const e2b_gate_t *gate, bool open) {
    change(gate, open ? EV_ENABLE : EV_DISABLE);
}

#endif

/* Loop thread. */
void e2b_gate_destroy(e2b_gate_t *gate) {
    if (gate->fd >= 0) close(gate->fd);
    gate->fd = -1;
}

/* Loop thread. Cannot fail: both descriptors are there. */
void e2b_gate_set(e2b_gate_t *gate, bool open) {
    if (gate->open == open) return;
    set(gate, open);
    gate->open = open;
}
