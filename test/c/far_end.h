/*
 * far_end.h: a scripted HTTP/1.1 server for the C tests: threads on a loopback port. A test says in
 * advance how each request is answered, byte by byte if need be; what came is recorded. It knows
 * nothing of E2B and nothing of the core. Test thread, unless a comment says otherwise.
 */
#ifndef E2B_TEST_FAR_END_H
#define E2B_TEST_FAR_END_H

#include <stdbool.h>
#include <stddef.h>

#define FAR_MAX_REQUESTS 4096
#define FAR_MAX_BODY (64u * 1024 * 1024)

typedef struct far_end far_end_t;
typedef struct far_answer far_answer_t;

typedef struct far_request {
    char *line;    /* "POST /v2/sandboxes?x=1" */
    char *headers; /* the lines after it, each with its \r\n */
    char *body;    /* NUL behind it */
    size_t body_len;
    int connection; /* 1, 2, ... in the order in which they came */
} far_request_t;

far_end_t *far_start(void); /* aborts when there is no loopback */
void far_stop(far_end_t *far);
int far_port(const far_end_t *far);
/* Readable whenever something has happened; far_seen clears it. */
int far_fd(const far_end_t *far);
void far_seen(far_end_t *far);

/* What came until now; a request is recorded when it is whole, and stays until far_stop. */
int far_count(far_end_t *far);
const far_request_t *far_request(far_end_t *far, int index);
/* Requests whose line begins with that. */
int far_count_of(far_end_t *far, const char *begin);
/* The index-th of them; NULL when there are not so many. */
const far_request_t *far_request_of(far_end_t *far, const char *begin, int index);
/* The value of a header, in one buffer for all: "" when it is not there. */
const char *far_header(far_end_t *far, const far_request_t *request, const char *name);
int far_connections(far_end_t *far);      /* ever made */
int far_open_connections(far_end_t *far); /* of those, not yet ended by either side */

/* How the next request whose line begins with route, and that no earlier answer took, is answered:
 * the parts in turn, then the connection waits for its next request. A request without an answer
 * gets the status 599. */
far_answer_t *far_on(far_end_t *far, const char *route);
void far_always(far_answer_t *answer); /* every such request, not just one */
void far_early(far_answer_t *answer);  /* begins once the head is read, not the body */

/* Parts. */
void far_send(far_answer_t *answer, const char *text);
void far_send_bytes(far_answer_t *answer, const void *data, size_t len);
void far_gate(far_answer_t *answer);  /* waits for one far_open */
void far_body(far_answer_t *answer);  /* after far_early: reads the body now */
void far_close(far_answer_t *answer); /* says goodbye */
void far_reset(far_answer_t *answer); /* RST */
void far_stall(far_answer_t *answer); /* silent until the client hangs up */
void far_open(far_end_t *far);

/* A whole answer: status, JSON (or what extra's Content-Type says), extra header lines or NULL. */
void far_reply(far_answer_t *answer, int status, const char *extra, const char *body);
/* 200 and the head of a chunked stream of Connect messages; a chunk; the end of the chunks. */
void far_stream(far_answer_t *answer);
void far_chunk(far_answer_t *answer, const void *data, size_t len);
void far_last(far_answer_t *answer);
/* One envelope in a chunk of its own. */
void far_frame(far_answer_t *answer, int flags, const char *json);

/* A loopback port where connecting neither succeeds nor fails; one where it fails at once. */
typedef struct far_hole {
    int port;
    int fds[8];
    int count;
} far_hole_t;
bool far_hole_make(far_hole_t *hole);
void far_hole_end(far_hole_t *hole);
int far_closed_port(void);

#endif
