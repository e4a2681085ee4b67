/*
 * e2b.h: the core's public API, in reading order. The core is plain C: it knows libcurl, cJSON and
 * OpenSSL, and neither JavaScript nor libuv. csrc/napi is its only user besides the C tests.
 *
 * Ownership words used in every header: borrowed (valid for the call), kept (must outlive the
 * object), taken (the callee frees it), given (the caller frees it).
 *
 * Threads: an object belongs to one thread at a time. "loop thread" is the one that submits calls
 * and takes results; "pool thread" is whichever runs e2b_client_step, one at a time. While a step
 * runs, the loop thread may only use the functions marked "any time".
 */
#ifndef E2B_H
#define E2B_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- 1. Limits: each with its reason ------------------------------------------------------- */

#define E2B_MAX_TIMEOUT_S 86400                /* E2B's longest life of a sandbox: 24 h */
#define E2B_MAX_UNARY_BODY (16u * 1024 * 1024) /* E2B's own request limit, used for answers */
#define E2B_MAX_FILE_BODY (256u * 1024 * 1024) /* a file read as a whole; more needs a stream */
#define E2B_MAX_FRAME (64u * 1024 * 1024)      /* events hold 32 KiB; far above, still bounded */
#define E2B_DEFAULT_MAX_OUTPUT (16u * 1024 * 1024) /* tail kept of stdout and of stderr */
#define E2B_FEED_MAX (1024u * 1024) /* bytes of an upload's body that lie here to be sent */
/* Bytes that a reader has not acknowledged, at which a stream pauses: less the more all streams
 * have together. One alone gets through its data in fewer, larger turns. */
#define E2B_STREAM_MARK (1024u * 1024)       /* up to a quarter of E2B_STREAMS_MARK */
#define E2B_STREAM_MARK_MANY (256u * 1024)   /* up to E2B_STREAMS_MARK */
#define E2B_STREAM_SHARE (64u * 1024)        /* above: what each may have nevertheless */
#define E2B_STREAMS_MARK (64u * 1024 * 1024) /* of all streams */
#define E2B_DEFAULT_REQUEST_TIMEOUT_MS 60000 /* as the official client */
#define E2B_MAX_CALLS 65536                  /* calls in flight; one past it is refused */

/* ---- 2. Errors ----------------------------------------------------------------------------- */

/* What the far end can have seen of the request. */
typedef enum e2b_outcome {
    E2B_OUTCOME_NOT_SENT,    /* nothing left this machine */
    E2B_OUTCOME_REJECTED,    /* the far end said no: nothing was changed there */
    E2B_OUTCOME_UNKNOWN,     /* it may or may not have been carried out */
    E2B_OUTCOME_INTERRUPTED, /* it began, and then we lost sight of it */
} e2b_outcome_t;

/*
 * The one table of errors: X(NAME, number, class in JavaScript, code). JavaScript takes it from
 * here (addon export `errors`); codes that only JavaScript raises stand here too, so that there is
 * one list.
 */
#define E2B_ERR_MAP(X)                                                                             \
    X(OUT_OF_MEMORY, 1, "E2bError", "OUT_OF_MEMORY")                                               \
    X(INVALID_ARGUMENT, 2, "InvalidArgumentError", "INVALID_ARGUMENT")                             \
    X(UNKNOWN_OPTION, 3, "InvalidArgumentError", "UNKNOWN_OPTION")                                 \
    X(BAD_REQUEST, 4, "InvalidArgumentError", "BAD_REQUEST")                                       \
    X(MISSING_API_KEY, 5, "AuthenticationError", "MISSING_API_KEY")                                \
    X(UNAUTHENTICATED, 6, "AuthenticationError", "UNAUTHENTICATED")                                \
    X(PERMISSION_DENIED, 7, "PermissionError", "PERMISSION_DENIED")                                \
    X(NOT_FOUND, 8, "NotFoundError", "NOT_FOUND")                                                  \
    X(SANDBOX_GONE, 9, "NotFoundError", "SANDBOX_GONE")                                            \
    X(CONFLICT, 10, "ConflictError", "CONFLICT")                                                   \
    X(RATE_LIMITED, 11, "RateLimitError", "RATE_LIMITED")                                          \
    X(CONCURRENCY_LIMIT, 12, "ConcurrencyError", "CONCURRENCY_LIMIT")                              \
    X(TIMEOUT, 13, "TimeoutError", "TIMEOUT")                                                      \
    X(DNS_FAILED, 14, "NetworkError", "DNS_FAILED")                                                \
    X(CONNECT_FAILED, 15, "NetworkError", "CONNECT_FAILED")                                        \
    X(CONNECTION_LOST, 16, "NetworkError", "CONNECTION_LOST")                                      \
    X(TLS_FAILED, 17, "NetworkError", "TLS_FAILED")                                                \
    X(CERTIFICATE_REFUSED, 18, "NetworkError", "CERTIFICATE_REFUSED")                              \
    X(PROXY_FAILED, 19, "NetworkError", "PROXY_FAILED")                                            \
    X(BAD_RESPONSE, 20, "ProtocolError", "BAD_RESPONSE")                                           \
    X(RESPONSE_TOO_LARGE, 21, "ProtocolError", "RESPONSE_TOO_LARGE")                               \
    X(REDIRECT_REFUSED, 22, "ProtocolError", "REDIRECT_REFUSED")                                   \
    X(SERVER_ERROR, 23, "ServerError", "SERVER_ERROR")                                             \
    X(SERVER_BUSY, 24, "ServerError", "SERVER_BUSY")                                               \
    X(NO_COMPATIBLE_NODE, 25, "ServerError", "NO_COMPATIBLE_NODE")                                 \
    X(BAD_GATEWAY, 26, "ServerError", "BAD_GATEWAY")                                               \
    X(GATEWAY_TIMEOUT, 27, "ServerError", "GATEWAY_TIMEOUT")                                       \
    X(DISK_FULL, 28, "ServerError", "DISK_FULL")                                                   \
    X(PORT_CLOSED, 29, "ServerError", "PORT_CLOSED")                                               \
    X(CANCELLED, 30, "CancelledError", "CANCELLED")                                                \
    X(CAPACITY, 31, "CapacityError", "CAPACITY")                                                   \
    X(BUDGET, 32, "BudgetError", "BUDGET")                                                         \
    X(CLOSED, 33, "ClosedError", "CLOSED")                                                         \
    X(NON_ZERO_EXIT, 34, "ProcessExitError", "NON_ZERO_EXIT")                                      \
    X(AGENT_FAILED, 35, "ProcessExitError", "AGENT_FAILED")                                        \
    X(ADDON_MISSING, 36, "E2bError", "ADDON_MISSING")                                              \
    X(CERTIFICATE_EXPIRED, 37, "NetworkError", "CERTIFICATE_EXPIRED")                              \
    X(CERTIFICATE_NOT_YET_VALID, 38, "NetworkError", "CERTIFICATE_NOT_YET_VALID")                  \
    X(CERTIFICATE_NAME, 39, "NetworkError", "CERTIFICATE_NAME")                                    \
    X(CERTIFICATE_SELF_SIGNED, 40, "NetworkError", "CERTIFICATE_SELF_SIGNED")                      \
    X(CERTIFICATE_UNKNOWN_ISSUER, 41, "NetworkError", "CERTIFICATE_UNKNOWN_ISSUER")                \
    X(BREAKER_OPEN, 42, "ServerError", "BREAKER_OPEN")                                             \
    X(THROTTLED, 43, "ServerError", "THROTTLED")                                                   \
    X(EJECTED, 44, "ServerError", "EJECTED")

enum {
    E2B_OK = 0,
#define X(name, number, class_name, code) E2B_ERR_##name = -(number),
    E2B_ERR_MAP(X)
#undef X
};

/* Everything that a failure says. Never holds a key or a token. */
typedef struct e2b_err {
    int code;               /* E2B_OK or E2B_ERR_* */
    e2b_outcome_t outcome;  /* */
    bool retryable;         /* safe, and sensible, to send again without looking first */
    int status;             /* HTTP status; 0 without an answer */
    int64_t retry_after_ms; /* what the far end asked for; -1 when it did not */
    int curl_code;          /* CURLcode of the cause; 0 when there is none */
    char message[512];      /* for people: what failed and what to change */
    char cause[192];        /* libcurl's or the parser's own words; "" when there are none */
    char server_code[64];   /* the far end's own code ("sandbox_create_failed", "not_found"); "" */
} e2b_err_t;

/* Clears err: E2B_OK, not sent, not retryable, no wait. */
void e2b_err_init(e2b_err_t *err);

/* Sets code and message (cut at the end if too long), keeps the other fields; err may be NULL.
 * Answers code, so that callers can write `return e2b_err_set(...)`. */
int e2b_err_set(e2b_err_t *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "NOT_FOUND" for E2B_ERR_NOT_FOUND; "NotFoundError"; NULL for a number that is none. */
const char *e2b_err_code_name(int code);
const char *e2b_err_class_name(int code);

/* Overwrites every occurrence of secret in text with '*', also one that was cut at the text's end
 * and still has 8 characters. secret may be NULL or "". */
void e2b_err_scrub(char *text, const char *secret);

/* ---- 3. Trust and configuration: made once, shared by many calls --------------------------- */

/* Certificates to trust, PEM; parsed at the first TLS connection. Counted references, any time. */
typedef struct e2b_trust e2b_trust_t;
int e2b_trust_create(const char *pem, size_t len, e2b_trust_t **out);
void e2b_trust_retain(e2b_trust_t *trust);
void e2b_trust_release(e2b_trust_t *trust);

typedef struct e2b_config_options {
    const char *api_key;        /* NULL or "": control-plane calls fail with MISSING_API_KEY */
    const char *api_url;        /* NULL: https://api.<domain> */
    const char *sandbox_url;    /* NULL: from the domain and the sandbox */
    const char *domain;         /* NULL: e2b.app */
    const char *proxy;          /* NULL or "": none; libcurl's environment variables are not read */
    const char *no_proxy;       /* hosts that go without it */
    const char *user_agent;     /* NULL: "e2b-swarm" */
    const char *const *headers; /* "Name: value" each, sent on both planes */
    size_t header_count;
    e2b_trust_t *trust; /* retained; NULL: https connections fail */
} e2b_config_options_t;

/* Immutable once made. Counted references, any time. Fails with INVALID_ARGUMENT naming the field.
 */
typedef struct e2b_config e2b_config_t;
int e2b_config_create(const e2b_config_options_t *options, e2b_config_t **out, e2b_err_t *err);
void e2b_config_retain(e2b_config_t *config);
void e2b_config_release(e2b_config_t *config);

/* Bytes by reference; those of an operation's arguments are kept until the op is freed. */
typedef struct e2b_bytes {
    const void *data;
    size_t len;
} e2b_bytes_t;

/* ---- 4. The client: one per environment ---------------------------------------------------- */

typedef struct e2b_client e2b_client_t;
typedef struct e2b_op e2b_op_t;

/* libcurl's own words about itself: version, TLS library, features. Borrowed for ever. Any time. */
const char *e2b_curl_version(void);

int e2b_client_create(e2b_client_t **out);
/* Ends everything at once, without waiting and without results. No step may be running. */
void e2b_client_free(e2b_client_t *client);

/* Readable when a step has something to do. */
int e2b_client_fd(const e2b_client_t *client);
/* How long one may wait for the descriptor before the next step: 0 now, -1 for ever. Loop thread.
 */
int64_t e2b_client_timeout_ms(const e2b_client_t *client);
/* Commands are waiting for a step. Any time. */
bool e2b_client_pending(e2b_client_t *client);
/* Calls not yet taken as done, and what the client does by itself (the kill that follows a cancel):
 * above 0 it has to be stepped. Loop thread. */
size_t e2b_client_active(const e2b_client_t *client);

/* Taken: op belongs to the client until it is taken as done. id is the caller's, never reused;
 * 0 is not allowed. Any time. On failure (E2B_ERR_CAPACITY above E2B_MAX_CALLS) op still belongs to
 * the caller. */
int e2b_client_submit(e2b_client_t *client, e2b_op_t *op, uint64_t id);
/* Unknown or finished ids are fine: a cancel may cross the completion. Any time. */
void e2b_client_cancel(e2b_client_t *client, uint64_t id);
/* As cancel, but a process that the call started or watches lives on. Any time. */
void e2b_client_detach(e2b_client_t *client, uint64_t id);
/* The reader of a stream has dealt with all it was given: the stream may go on. Any time. */
void e2b_client_ack(e2b_client_t *client, uint64_t id);

/* More of the body of an upload, at most E2B_FEED_MAX - waiting bytes, copied; end: the last.
 * waiting: bytes that lie here now; E2B_NEWS_DRAINED says that they are gone. Loop thread. */
int e2b_client_feed(e2b_client_t *client, uint64_t id, e2b_bytes_t bytes, bool end,
                    size_t *waiting);

/* Instead of E2B_STREAMS_MARK. Before the first step. */
void e2b_client_limit_streams(e2b_client_t *client, size_t bytes);

/* Pool thread: everything that can be done without waiting, for about budget_us at most. */
void e2b_client_step(e2b_client_t *client, int64_t budget_us);
/* Pool thread, between steps, or loop thread while none runs: there is something to take. */
bool e2b_client_has_news(const e2b_client_t *client);

/* Loop thread, no step running: the next op that has news, or NULL. Deal with it (e2b_op_news),
 * then take the next. An op with E2B_NEWS_DONE belongs to the caller again: e2b_op_free. */
e2b_op_t *e2b_client_take(e2b_client_t *client);

enum {
    E2B_NEWS_STARTED = 1, /* a process runs: result->pid */
    E2B_NEWS_OUTPUT = 2,  /* result->stream[0] and [1] hold new bytes; reset them when read */
    E2B_NEWS_DONE = 4,    /* the result is whole */
    E2B_NEWS_DRAINED = 8, /* what was fed is on its way: more is welcome */
};

typedef struct e2b_buf e2b_buf_t;
typedef struct e2b_tail e2b_tail_t;

/* What a call came to. Borrowed from the op; buffers may be taken out of it (e2b_buf_take). */
typedef struct e2b_result {
    const e2b_err_t *err;   /* borrowed as all this; err->code is E2B_OK on success */
    int status;             /* HTTP status of the main answer */
    e2b_buf_t *body;        /* JSON text, or the bytes of a file */
    e2b_buf_t *extra;       /* get status: the daemon's metrics; empty when not asked or not had */
    int extra_code;         /* get status: E2B_OK, or why there are no metrics */
    const char *next_token; /* list: "" on the last page */
    bool already_gone;      /* terminate */
    uint32_t pid;
    bool exited;     /* false: a signal, or no end seen */
    int exit_code;   /* when exited */
    char signal[16]; /* "SIGKILL", ...; "" when none */
    bool timed_out;  /* the deadline of the call ended it */
    int64_t duration_ms;
    e2b_buf_t *stream[2]; /* new bytes of stdout and stderr for a reader */
    e2b_tail_t *tail[2];  /* kept stdout and stderr */
} e2b_result_t;

unsigned e2b_op_news(e2b_op_t *op); /* E2B_NEWS_*; reading clears them */
e2b_result_t *e2b_op_result(e2b_op_t *op);
uint64_t e2b_op_id(const e2b_op_t *op);
const char *e2b_op_sandbox_id(const e2b_op_t *op); /* "" for calls without */
/* The reader has taken, or copied, what was in result->stream[which]: it is empty afterwards. Loop
 * thread, no step running. */
void e2b_op_emptied(e2b_op_t *op, int which);
void e2b_op_free(e2b_op_t *op);

/* ---- 5. Operations: each copies its arguments, checks them, sends nothing ------------------- */

/* What every call has. */
typedef struct e2b_call {
    e2b_config_t *config;       /* retained */
    int64_t request_timeout_ms; /* 1..86,400,000; 0: the default */
} e2b_call_t;

/* A list of strings; for pairs: key, value, key, value... Borrowed. */
typedef struct e2b_strings {
    const char *const *items;
    size_t count;
} e2b_strings_t;

/* 5a. Sandboxes (control plane; create.c, sandbox.c) */
typedef struct e2b_create_args {
    const char *name;        /* not empty; travels as metadata e2b-swarm.name */
    const char *template_id; /* NULL: base */
    double timeout_s;        /* > 0, <= 86,400; fractions are rounded up */
    double memory_mb;        /* 0: not given; else >= 128: checked, not sent */
    double cpu_count;        /* 0: not given; else a whole number >= 1: checked, not sent */
    e2b_strings_t metadata;  /* pairs */
    e2b_strings_t env;       /* pairs */
    int auto_pause;          /* -1: not given, as the next three */
    int auto_pause_memory;   /* */
    int auto_resume;         /* */
    int allow_internet;      /* */
    const char *network;     /* a JSON object, as it is sent; NULL: not given */
} e2b_create_args_t;
int e2b_op_create(const e2b_call_t *call, const e2b_create_args_t *args, e2b_op_t **out,
                  e2b_err_t *err);
/* With metrics, the daemon is asked too when the sandbox runs. */
int e2b_op_get(const e2b_call_t *call, const char *sandbox_id, bool metrics, e2b_op_t **out,
               e2b_err_t *err);
/* One page. */
typedef struct e2b_list_args {
    const char *state;         /* "running", "paused", "running,paused" or NULL */
    e2b_strings_t metadata;    /* pairs, which must all match */
    const char *template_id;   /* or a name, without a tag; NULL: any */
    const char *started_after; /* RFC 3339; NULL: whenever */
    const char *order;         /* "asc", "desc" by the time of the start; NULL: the server's */
    int limit;                 /* 1 to 100 */
    const char *next_token;    /* of the page before, under the same order; NULL or "": the first */
} e2b_list_args_t;
int e2b_op_list(const e2b_call_t *call, const e2b_list_args_t *args, e2b_op_t **out,
                e2b_err_t *err);
int e2b_op_set_timeout(const e2b_call_t *call, const char *sandbox_id, double seconds,
                       e2b_op_t **out, e2b_err_t *err);
/* timeout_s 0: the server's default. memory: 0 boots a paused one anew; -1: not said. */
int e2b_op_connect(const e2b_call_t *call, const char *sandbox_id, double timeout_s, int memory,
                   e2b_op_t **out, e2b_err_t *err);
/* Waits up to grace_ms for this client's own calls to the sandbox, then deletes. */
int e2b_op_terminate(const e2b_call_t *call, const char *sandbox_id, int64_t grace_ms,
                     e2b_op_t **out, e2b_err_t *err);

/* 5b. Processes (daemon; process_*.c) */
typedef struct e2b_upload {
    const char *path;
    e2b_bytes_t bytes;
} e2b_upload_t;
typedef struct e2b_exec_args {
    const char *command;         /* not empty */
    bool shell;                  /* a line for /bin/bash -l -c; args must be empty */
    e2b_strings_t args;          /* */
    double timeout_s;            /* > 0, <= 86,400 */
    const char *cwd;             /* NULL: the daemon's default */
    const char *user;            /* NULL: the daemon's default */
    e2b_strings_t env;           /* pairs */
    uint16_t pty_cols, pty_rows; /* above 0: on a terminal of that size, whose output comes as
                                    stdout; stdin does not apply */
    bool stdin_open;             /* leaves stdin open for e2b_op_input */
    bool has_stdin;              /* stdin_data is written, then closed */
    e2b_bytes_t stdin_data;      /* */
    bool keep;                   /* keep the tails */
    bool stream;                 /* give a reader all bytes, with back-pressure */
    size_t max_output;           /* of each tail; 0: the default */
    const e2b_upload_t *uploads; /* files written before the start; 0 of them is usual */
    size_t upload_count;
} e2b_exec_args_t;
int e2b_op_exec(const e2b_call_t *call, const char *sandbox_id, const e2b_exec_args_t *args,
                e2b_op_t **out, e2b_err_t *err);
/* Attaches to a running process. timeout_s 0: no limit; its end ends only this view. */
int e2b_op_attach(const e2b_call_t *call, const char *sandbox_id, uint32_t pid, double timeout_s,
                  bool keep, bool stream, size_t max_output, e2b_op_t **out, e2b_err_t *err);
int e2b_op_processes(const e2b_call_t *call, const char *sandbox_id, e2b_op_t **out,
                     e2b_err_t *err);
/* data may be empty; end closes stdin afterwards. */
int e2b_op_input(const e2b_call_t *call, const char *sandbox_id, uint32_t pid, e2b_bytes_t data,
                 bool end, e2b_op_t **out, e2b_err_t *err);
/* signal: "SIGKILL" or "SIGTERM", the two that the protocol has. */
int e2b_op_signal(const e2b_call_t *call, const char *sandbox_id, uint32_t pid, const char *signal,
                  e2b_op_t **out, e2b_err_t *err);

/* 5c. Files (daemon; files.c) */
typedef struct e2b_write_args {
    const char *path;      /* not empty; of a form NULL: its parts name their own */
    const char *user;      /* NULL: the daemon's default */
    e2b_strings_t headers; /* "Name: value"; of a form with its Content-Type */
    bool form;             /* multipart; else the bytes are the file */
} e2b_write_args_t;
int e2b_op_write_file(const e2b_call_t *call, const char *sandbox_id, const e2b_write_args_t *args,
                      e2b_bytes_t data, e2b_op_t **out, e2b_err_t *err);
/* max_bytes 0: E2B_MAX_FILE_BODY. A longer file: RESPONSE_TOO_LARGE. */
int e2b_op_read_file(const e2b_call_t *call, const char *sandbox_id, const char *path,
                     const char *user, size_t max_bytes, e2b_op_t **out, e2b_err_t *err);
/* As streams, of any length (transfer.c). Down: NEWS_STARTED with the first bytes, which come as
 * NEWS_OUTPUT in stream[0] from `offset` on. Up: fed by e2b_client_feed; size -1: not known. The
 * request's timeout is for the time in which nothing moves. */
int e2b_op_download(const e2b_call_t *call, const char *sandbox_id, const char *path,
                    const char *user, int64_t offset, e2b_op_t **out, e2b_err_t *err);
int e2b_op_upload(const e2b_call_t *call, const char *sandbox_id, const e2b_write_args_t *args,
                  int64_t size, e2b_op_t **out, e2b_err_t *err);
int e2b_op_list_files(const e2b_call_t *call, const char *sandbox_id, const char *path,
                      const char *user, int depth, e2b_op_t **out, e2b_err_t *err);
int e2b_op_remove_file(const e2b_call_t *call, const char *sandbox_id, const char *path,
                       const char *user, e2b_op_t **out, e2b_err_t *err);

/* The address of a file for whoever has it, in result.body: to read it, or to write it. expires_at:
 * Unix seconds; 0: never. Nothing is sent, but a look-up when the credentials are not known. */
int e2b_op_sign_file(const e2b_call_t *call, const char *sandbox_id, const char *path,
                     const char *user, bool write, int64_t expires_at, e2b_op_t **out,
                     e2b_err_t *err);

/* 5d. Whatever else either plane offers (direct.c): one request, put together by the caller. A
 * stream's answer comes as of a download; everything else in result.body and .next_token. */
typedef struct e2b_direct_args {
    const char *what;   /* begins every message: "pausing the sandbox" */
    const char *method; /* GET, POST, PUT, PATCH, DELETE */
    const char *path;   /* with its query, escaped */
    int port;           /* of the sandbox; 0: the control plane, sandbox_id may be NULL then */
    e2b_bytes_t body;   /* copied; empty: none */
    const char *content_type; /* of the body; NULL: application/json */
    const char *user;         /* NULL: the daemon's default */
    e2b_strings_t headers;    /* at most 3, "Name: value" */
    int expected_status;      /* of a stream: any other success is refused; 0: whatever it is */
    bool idempotent;          /* safe to send again without looking first */
    bool makes;               /* takes one of the account's concurrent sandboxes */
    bool stream;              /* hand the answer on as it comes, with back-pressure */
} e2b_direct_args_t;
int e2b_op_direct(const e2b_call_t *call, const char *sandbox_id, const e2b_direct_args_t *args,
                  e2b_op_t **out, e2b_err_t *err);

/* 5e. Agents (agent.c): uploads the program, its configuration and its data, then runs it. */
typedef struct e2b_agent_args {
    const char *agent_id;          /* [A-Za-z0-9-], names the agent's folder under the home */
    const char *agent_type;        /* for the configuration file */
    const char *program_name;      /* "momentum.js" */
    const char *program;           /* its text */
    const char *params_json;       /* a JSON object */
    e2b_strings_t symbols;         /* at least one */
    const e2b_bytes_t *data;       /* one per symbol */
    const char *const *data_names; /* file name of each, "SPX.csv" */
    double timeout_s;
    e2b_strings_t env;
    const char *user;
    bool stream;
    size_t max_output;
} e2b_agent_args_t;
int e2b_op_agent(const e2b_call_t *call, const char *sandbox_id, const e2b_agent_args_t *args,
                 e2b_op_t **out, e2b_err_t *err);

#endif
