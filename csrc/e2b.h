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

#define E2B_MAX_TIMEOUT_S 86400                    /* E2B's longest life of a sandbox: 24 h */
#define E2B_MAX_UNARY_BODY (16u * 1024 * 1024)     /* E2B's own request limit, used for answers */
#define E2B_MAX_FILE_BODY (256u * 1024 * 1024)     /* a file read as a whole; more needs a stream */
#define E2B_MAX_FRAME (64u * 1024 * 1024)          /* events hold 32 KiB; far above, still bounded */
#define E2B_DEFAULT_MAX_OUTPUT (16u * 1024 * 1024) /* tail kept of stdout and of stderr */
#define E2B_STREAM_MARK (256u * 1024)              /* undelivered bytes at which a stream pauses */
#define E2B_DEFAULT_REQUEST_TIMEOUT_MS 60000       /* as the official client */
#define E2B_MAX_CALLS 65536                        /* calls in flight; one past it is refused */

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
    X(ADDON_MISSING, 36, "E2bError", "ADDON_MISSING")

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

/* Overwrites every occurrence of secret in text with '*'. secret may be NULL or "". */
void e2b_err_scrub(char *text, const char *secret);
