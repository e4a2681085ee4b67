/*
 * http.h: one exchange: a request in, an answer or a stream out, and the outcome: what the far end
 * can have seen. It does not know E2B's operations. Pool thread only.
 */
#ifndef E2B_HTTP_H
#define E2B_HTTP_H

#include "buf.h"
#include "config.h"
#include "e2b.h"
#include "engine.h"
#include "header_lines.h"

#define E2B_HTTP_HEADERS 10

typedef struct e2b_http e2b_http_t;

/* A piece of a stream's body. 0: taken; E2B_HTTP_PAUSE: nothing of it was taken, it comes again
 * after e2b_http_resume; else an E2B_ERR_* with http->err filled, which ends the exchange. Runs
 * inside curl: must not start, stop or resume anything. */
#define E2B_HTTP_PAUSE 1
typedef int (*e2b_http_data_cb)(e2b_http_t *http, const char *data, size_t len);
/* The next piece of a request's body, up to room bytes; 0 of them: that was all. E2B_HTTP_PAUSE:
 * none yet. Under the same rules. */
typedef int (*e2b_http_body_cb)(e2b_http_t *http, char *buffer, size_t room, size_t *len);

struct e2b_http {
    e2b_transfer_t transfer;
    e2b_engine_t *engine;
    const e2b_config_t *config;

    /* request: set by the owner between init and start */
    const char *method; /* static text */
    const char *what;   /* for messages: "creating a sandbox"; static text */
    e2b_buf_t url;
    const void *body; /* kept until done */
    size_t body_len;
    const char *tokens[2];    /* kept: secrets in headers that no message may quote; NULL: none */
    e2b_header_lines_t lines; /* kept: more headers */
    e2b_http_body_cb on_body; /* instead of body */
    int64_t body_size;        /* with on_body: its length; -1: not known */
    bool bulk;                /* many bytes: larger buffers */
    bool idempotent;          /* may be sent again after an unknown outcome */
    bool control;             /* control plane: sends the API key */
    bool makes;         /* takes one of the account's concurrent sandboxes: 429 means CONCURRENCY */
    int64_t timeout_ms; /* whole exchange; 0: none (streams) */
    e2b_http_data_cb on_data; /* NULL: the body is collected in answer */
    void (*on_done)(e2b_http_t *http);
    void *context; /* the owner's */

    /* answer */
    int status;
    int64_t retry_after_ms;
    char content_type[64];
    char *next_token; /* of a list's page; NULL: none */
    e2b_buf_t answer; /* the body, or of a stream the body of a refusal */
    e2b_err_t err;    /* after on_done: E2B_OK when status is 2xx and the body is whole */
    bool sent;        /* some of the request may have reached the far end */
    bool answered;    /* a refusal with E2B's own JSON in it */

    /* private */
    e2b_timer_t deadline;
    e2b_timer_t early; /* set while an answer of HTTP/2 is there before the request's end */
    unsigned looks;    /* at that answer since something of it came */
    size_t looked_at;  /* its length then */
    e2b_deferred_t refused;
    size_t head_bytes;      /* of all header lines so far */
    int64_t content_length; /* -1: not said */
    bool head_done;         /* of the answer, not of a 1xx before it */
    bool encoded;           /* the body is not what its type says: gzip or the like */
    int handshakes;         /* of TLS that were begun for it */
    bool spoiled;           /* the connection held bytes that nobody had asked for */
    bool fresh;             /* not on a connection that was used before */
    size_t body_sent;
    bool issued;      /* curl has begun to send the request */
    int starts;       /* how often it was started */
    int64_t due_ms;   /* of the deadline, however often it is started */
    bool http2;       /* what the connection speaks */
    bool reused;      /* the connection */
    uint32_t stream;  /* of the request on it; 0: not known */
    bool unprocessed; /* it was sent, but the far end has proven not to have looked at it */
    bool paused;
    e2b_buf_t header_text;                /* lines, NUL-separated */
    uint16_t header_at[E2B_HTTP_HEADERS]; /* in that text */
    int header_count;
    struct curl_slist header_nodes[E2B_HTTP_HEADERS];
    char curl_text[CURL_ERROR_SIZE];
};

void e2b_http_init(e2b_http_t *http, e2b_engine_t *engine, const e2b_config_t *config);
void e2b_http_destroy(e2b_http_t *http); /* stops it first; on_done is not called */

/* Adds one header line. */
int e2b_http_header(e2b_http_t *http, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* 0, or E2B_ERR_OUT_OF_MEMORY with nothing started and on_done not called. */
int e2b_http_start(e2b_http_t *http);
/* Ends it silently; fine when idle. */
void e2b_http_stop(e2b_http_t *http);
void e2b_http_resume(e2b_http_t *http); /* after a pause */
/* The answer has begun: what is only needed to send the request is freed. True: the owner may free
 * its body too. Never from a curl callback. */
bool e2b_http_forget_request(e2b_http_t *http);
bool e2b_http_active(const e2b_http_t *http);

/* Tells what was seen of it until now: for a cancel or a deadline of the owner's. */
bool e2b_http_was_sent(const e2b_http_t *http);

#endif
