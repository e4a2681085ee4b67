/*
 * talks.h: a channel with requests that exist for the tests of it, served on a thread of its own;
 * the facts are checked at the far end. Test thread.
 */
#ifndef E2B_INIT_TEST_TALKS_H
#define E2B_INIT_TEST_TALKS_H

#include "far.h"
#include "stream.h"

enum talks {
    ECHO = 10, /* answers the data that it gets, and credits it; its END ends it */
    FLOOD,     /* sends as much as it may, for ever */
    SLICES,    /* counts to 1000 in slices, then fails with ECHRNG */
    DEAF,      /* takes data, and gives nothing back for it */
    TELL,      /* 100000 entries, then DONE */
    NOW,       /* DONE */
    QUIT,      /* DONE, and the sandbox ends */
    ALARM,     /* u32 milliseconds: DONE after them */
    /* Two streams, the second with the next number, whose sources are ready in one round: the one
     * that is told of closes the other's source, and answers ENTRY, u32 how often it was closed. */
    PAIR,
    CLOSER, /* the same with slices; the first to have one closes both, and answers ENTRY, u32 0 */
};

extern const request_t talks_requests[WIRE_CANCEL];

/* Streams that were destroyed since it began; to be read after it was finished. */
extern int talks_destroyed;

far_t talks_begin(void);
/* With frames that were read before; taken. */
far_t talks_begin_after(const wire_decoder_t *begun);
void talks_finish(far_t *far);

#endif
