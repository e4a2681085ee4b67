/*
 * far_state.h: what the two halves of the far end share: far_end.c, which serves, and far_script.c,
 * which keeps the script and the records. Everything mutable is covered by the lock.
 */
#ifndef E2B_TEST_FAR_STATE_H
#define E2B_TEST_FAR_STATE_H

#include <pthread.h>
#include <stdlib.h>

#include "far_end.h"

#define MAX_CONNECTIONS                                                                            \
    4096 /* as requests: a loop over failing allocations makes one or two each time */

typedef enum part_kind { SEND, GATE, BODY, CLOSE, RESET, STALL } part_kind_t;

typedef struct part {
    struct part *next;
    part_kind_t kind;
    char *data;
    size_t len;
} part_t;

struct far_answer {
    far_answer_t *next;
    far_end_t *far;
    char *route;
    part_t *first, **last;
    bool always, early, used;
};

typedef struct connection {
    far_end_t *far;
    pthread_t thread;
    int fd, number;
    bool over; /* the thread has ended or is about to */
    char *head;
    size_t head_len;  /* bytes in head, which may reach into the body */
    size_t head_ends; /* of the present request */
} connection_t;

struct far_end {
    pthread_mutex_t lock;
    pthread_cond_t opened;
    pthread_t acceptor;
    int listener, port, news, quit;
    bool stopping;
    int gates_open;
    far_answer_t *answers, **last_answer;
    far_request_t requests[FAR_MAX_REQUESTS];
    int request_count;
    connection_t *connections[MAX_CONNECTIONS];
    int connection_count;
    char header[4096];
};

static inline void *need(void *ptr) {
    if (ptr == NULL) abort();
    return ptr;
}

/* The value of a header into out; "" and false when it is not there. Any thread. */
bool far_find_header(const char *headers, const char *name, char *out, size_t size);

#endif
