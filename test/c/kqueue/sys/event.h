/*
 * sys/event.h: kevent(2) as far as csrc/platform_kqueue.c and csrc/init/loop_kqueue.c use it, for
 * systems without it: so that their C tests run on Linux too, over models. It is our reading of the
 * manual pages of macOS and FreeBSD, not their code, and proves the logic above it, not their
 * kernels.
 */
#ifndef E2B_TEST_KQUEUE_EVENT_H
#define E2B_TEST_KQUEUE_EVENT_H

#include <stdint.h>
#include <time.h>

#define EVFILT_READ (-1)
#define EVFILT_WRITE (-2)
#define EVFILT_SIGNAL (-6)

#define EV_ADD 0x0001
#define EV_DELETE 0x0002
#define EV_CLEAR 0x0020
#define EV_RECEIPT 0x0040
#define EV_ERROR 0x4000
#define EV_EOF 0x8000

struct kevent {
    uintptr_t ident;
    int16_t filter;
    uint16_t flags;
    uint32_t fflags;
    intptr_t data;
    void *udata;
};

#define EV_SET(event, ident_, filter_, flags_, fflags_, data_, udata_)                             \
    (*(event) = (struct kevent){(uintptr_t)(ident_), (filter_), (uint16_t)(flags_), (fflags_),     \
                                (data_), (udata_)})

int kqueue(void);
int kevent(int set, const struct kevent *changes, int changes_len, struct kevent *events,
           int events_len, const struct timespec *timeout);

#endif
