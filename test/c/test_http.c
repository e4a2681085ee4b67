/* Facts about http.c and http_error.c: what each way of failing means, on a fresh connection and on
 * a warmed one, and that nothing is ever sent twice. */
#include "drive.h"

#include <time.h>

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

typedef enum end_kind { KEEP, CLOSE, RESET, STALL } end_kind_t;

/* How the far end fails, and what that means for a create (which must not be repeated) and for a
 * get (which may be). */
typedef struct fault {
    const char *name;
    int status; /* a whole answer; 0: raw */
    const char *extra;
    const char *body; /* or the raw bytes */
    end_kind_t end;
    int code;
    e2b_outcome_t outcome;
    bool again; /* a create may be sent again */
    bool again_get;
    int64_t retry_after_ms;
    int seen_status;
} fault_t;

#define OURS "{\"code\":1,\"message\":\"no\"}"
#define HTML "<html>\n<b>bad</b></html>"
#define REJECTED E2B_OUTCOME_REJECTED
#define UNKNOWN E2B_OUTCOME_UNKNOWN
#define CUT_201 "HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{\"sandboxID\":\"sb"
#define CUT_409 "HTTP/1.1 409 Conflict\r\nContent-Length: 500\r\n\r\n{\"code\":409,"
#define CUT_CHUNK "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{\"sandbox"
#define BAD_CHUNK "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nxx\r\n"

static const fault_t faults[] = {
    {"reset before the answer", 0, NULL, "", RESET, E2B_ERR_CONNECTION_LOST, UNKNOWN, false, true,
     -1, 0},
    {"closed before the answer", 0, NULL, "", CLOSE, E2B_ERR_CONNECTION_LOST, UNKNOWN, false, true,
     -1, 0},
    {"reset inside the body", 0, NULL, CUT_201, RESET, E2B_ERR_CONNECTION_LOST, UNKNOWN, false,
     true, -1, 201},
    {"closed inside the body", 0, NULL, CUT_201, CLOSE, E2B_ERR_CONNECTION_LOST, UNKNOWN, false,
     true, -1, 201},
    {"closed inside a chunk", 0, NULL, CUT_CHUNK, CLOSE, E2B_ERR_CONNECTION_LOST, UNKNOWN, false,
     true, -1, 201},
    {"chunks that are none", 0, NULL, BAD_CHUNK, CLOSE, E2B_ERR_BAD_RESPONSE, UNKNOWN, false, false,
     -1, 201},
    {"a no that was cut proves nothing", 0, NULL, CUT_409, CLOSE, E2B_ERR_CONNECTION_LOST, UNKNOWN,
     false, true, -1, 409},
    {"closed inside the head", 0, NULL, "HTTP/1.1 201 Cre", CLOSE, E2B_ERR_CONNECTION_LOST, UNKNOWN,
     false, true, -1, 0},
    {"silence", 0, NULL, "", STALL, E2B_ERR_TIMEOUT, UNKNOWN, false, true, -1, 0},
    {"silence inside the body", 0, NULL, CUT_201, STALL, E2B_ERR_TIMEOUT, UNKNOWN, false, true, -1,
     201},
    {"no HTTP at all", 0, NULL, "SSH-2.0-OpenSSH_9.2\r\n", CLOSE, E2B_ERR_BAD_RESPONSE, UNKNOWN,
     false, false, -1, 0},
    {"400", 400, NULL, OURS, KEEP, E2B_ERR_BAD_REQUEST, REJECTED, false, false, -1, 400},
    {"401", 401, NULL, OURS, KEEP, E2B_ERR_UNAUTHENTICATED, REJECTED, false, false, -1, 401},
    {"403", 403, NULL, OURS, KEEP, E2B_ERR_PERMISSION_DENIED, REJECTED, false, false, -1, 403},
    {"404 of E2B", 404, NULL, OURS, KEEP, E2B_ERR_NOT_FOUND, REJECTED, false, false, -1, 404},
    {"408", 408, NULL, HTML, KEEP, E2B_ERR_TIMEOUT, UNKNOWN, false, true, -1, 408},
    {"409", 409, NULL, OURS, KEEP, E2B_ERR_CONFLICT, REJECTED, false, false, -1, 409},
    {"418", 418, NULL, HTML, KEEP, E2B_ERR_BAD_REQUEST, REJECTED, false, false, -1, 418},
    {"429 with seconds", 429, "Retry-After: 2\r\n", OURS, KEEP, E2B_ERR_RATE_LIMITED, REJECTED,
     true, true, 2000, 429},
    {"500", 500, NULL, OURS, KEEP, E2B_ERR_SERVER_ERROR, UNKNOWN, false, true, -1, 500},
    {"502 in HTML", 502, NULL, HTML, KEEP, E2B_ERR_BAD_GATEWAY, UNKNOWN, false, true, -1, 502},
    {"503 of E2B", 503, NULL, OURS, KEEP, E2B_ERR_SERVER_BUSY, REJECTED, true, true, -1, 503},
    {"503 with a wait", 503, "Retry-After: 1\r\n", OURS, KEEP, E2B_ERR_SERVER_BUSY, REJECTED, true,
     true, 1000, 503},
    {"503 of a stranger", 503, NULL, HTML, KEEP, E2B_ERR_SERVER_BUSY, UNKNOWN, false, true, -1,
     503},
    {"503 without a node", 503, NULL,
     "{\"code\":503,\"message\":\"x\",\"error_code\":\"sandbox_no_compatible_node\"}", KEEP,
     E2B_ERR_NO_COMPATIBLE_NODE, REJECTED, false, false, -1, 503},
    {"504", 504, NULL, "", KEEP, E2B_ERR_GATEWAY_TIMEOUT, UNKNOWN, false, true, -1, 504},
    {"507", 507, NULL, OURS, KEEP, E2B_ERR_DISK_FULL, REJECTED, false, false, -1, 507},
    {"a redirect", 302, "Location: http://127.0.0.1:1/\r\n", "", KEEP, E2B_ERR_REDIRECT_REFUSED,
     REJECTED, false, false, -1, 302},
};

static void script(drive_t *drive, const char *route, const fault_t *fault) {
    far_answer_t *answer = far_on(drive->far, route);
    if (fault->status != 0)
        far_reply(answer, fault->status, fault->extra, fault->body);
    else
        far_send(answer, fault->body);
    if (fault->end == CLOSE) far_close(answer);
    if (fault->end == RESET) far_reset(answer);
    if (fault->end == STALL) far_stall(answer);
}

static void warm(drive_t *drive) {
    far_reply(far_on(drive->far, "GET /v2/sandboxes"), 200, NULL, "[]");
    e2b_op_t *op = NULL;
    CHECK_INT(e2b_op_list(&drive->call, &(e2b_list_args_t){.limit = 1}, &op, NULL), E2B_OK);
    CHECK_INT(drive_run(drive, op)->err->code, E2B_OK);
}

static void check_fault(const fault_t *fault, bool warmed, bool create) {
    drive_t drive;
    drive_init(&drive);
    if (warmed) warm(&drive);
    if (fault->end == STALL) drive.call.request_timeout_ms = 40;
    const char *route = create ? "POST /v2/sandboxes" : "GET /sandboxes/" SANDBOX;
    script(&drive, route, fault);
    e2b_result_t *result = drive_run(&drive, create ? drive_create(&drive) : drive_get(&drive));
    const e2b_err_t *err = result->err;
    bool again = create ? fault->again : fault->again_get;
    if (err->code != fault->code || err->outcome != fault->outcome || err->retryable != again) {
        fprintf(stderr, "  %s, %s, %s: %s %d %s: %s (%s)\n", fault->name, warmed ? "warm" : "fresh",
                create ? "create" : "get", e2b_err_code_name(err->code), err->outcome,
                err->retryable ? "retryable" : "final", err->message, err->cause);
    }
    CHECK_INT(err->code, fault->code);
    CHECK_INT(err->outcome, fault->outcome);
    CHECK_INT(err->retryable, again);
    CHECK_INT(err->retry_after_ms, fault->retry_after_ms);
    CHECK_INT(err->status, fault->seen_status);
    CHECK(err->message[0] != '\0');
    CHECK_INT(far_count_of(drive.far, route), 1); /* once, whatever happened */
    CHECK_INT(far_request_of(drive.far, route, 0)->connection, 1);
    drive_end(&drive);
}

TEST("every fault of a create is told by code, outcome and whether to try again: fresh") {
    for (size_t i = 0; i < COUNT(faults); i++) check_fault(&faults[i], false, true);
}

TEST("the same on a warmed connection, where libcurl would send again by itself") {
    for (size_t i = 0; i < COUNT(faults); i++) check_fault(&faults[i], true, true);
}

TEST("every fault of a get: fresh") {
    for (size_t i = 0; i < COUNT(faults); i++) check_fault(&faults[i], false, false);
}

TEST("every fault of a get on a warmed connection") {
    for (size_t i = 0; i < COUNT(faults); i++) check_fault(&faults[i], true, false);
}

TEST("429 without a wait is the cap on sandboxes where one is made, else the rate") {
    drive_t drive;
    drive_init(&drive);
    far_reply(far_on(drive.far, "POST /v2/sandboxes"), 429, NULL, OURS);
    far_reply(far_on(drive.far, "GET /sandboxes/" SANDBOX), 429, NULL, OURS);
    const e2b_err_t *err = drive_run(&drive, drive_create(&drive))->err;
    CHECK_INT(err->code, E2B_ERR_CONCURRENCY_LIMIT);
    CHECK(!err->retryable);
    err = drive_run(&drive, drive_get(&drive))->err;
    CHECK_INT(err->code, E2B_ERR_RATE_LIMITED);
    CHECK(err->retryable);
    drive_end(&drive);
}

TEST("a port where nobody listens was not sent to") {
    drive_t drive;
    drive_init(&drive);
    e2b_config_release(drive.call.config);
    drive.call.config = drive_config(far_closed_port(), NULL);
    const e2b_err_t *err = drive_run(&drive, drive_create(&drive))->err;
    CHECK_INT(err->code, E2B_ERR_CONNECT_FAILED);
    CHECK_INT(err->outcome, E2B_OUTCOME_NOT_SENT);
    CHECK(err->retryable);
    CHECK(err->cause[0] != '\0');
    drive_end(&drive);
}

TEST("a tunnel that the proxy refuses is the proxy's failure, and nothing was sent") {
    drive_t drive;
    drive_init(&drive);
    char proxy[96];
    snprintf(proxy, sizeof proxy, "http://user:secret-of-proxy@127.0.0.1:%d", far_port(drive.far));
    e2b_config_release(drive.call.config);
    drive.call.config = drive_config(
        1,
        &(e2b_config_options_t){.api_key = KEY, .api_url = "https://api.e2b.app", .proxy = proxy});
    far_reply(far_on(drive.far, "CONNECT api.e2b.app:443"), 403, NULL, "");
    const e2b_err_t *err = drive_run(&drive, drive_create(&drive))->err;
    CHECK_INT(err->code, E2B_ERR_PROXY_FAILED);
    CHECK_INT(err->outcome, E2B_OUTCOME_NOT_SENT);
    CHECK(strstr(err->message, "secret-of-proxy") == NULL);
    CHECK(strstr(err->cause, "secret-of-proxy") == NULL);
    CHECK(strstr(far_request(drive.far, 0)->headers, KEY) == NULL);
    drive_end(&drive);
}

TEST("a kept connection that the far end closed meanwhile is replaced, not an error") {
    drive_t drive;
    drive_init(&drive);
    far_answer_t *answer = far_on(drive.far, "GET /sandboxes/" SANDBOX);
    far_reply(answer, 200, NULL, "{}");
    far_close(answer);
    far_reply(far_on(drive.far, "GET /sandboxes/" SANDBOX), 200, NULL, "{}");
    CHECK_INT(drive_run(&drive, drive_get(&drive))->err->code, E2B_OK);
    DRIVE_UNTIL(&drive, far_open_connections(drive.far) == 0);
    CHECK_INT(drive_run(&drive, drive_get(&drive))->err->code, E2B_OK);
    CHECK_INT(far_connections(drive.far), 2);
    drive_end(&drive);
}

TEST("a large body is sent once on a warmed connection that dies") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    warm(&drive);
    size_t len = 3u * 1024 * 1024;
    char *bytes = malloc(len);
    CHECK(bytes != NULL);
    memset(bytes, 'x', len);
    far_reset(far_on(drive.far, "POST /files"));
    e2b_op_t *op = NULL;
    e2b_write_args_t args = {.path = "/big"};
    CHECK_INT(e2b_op_write_file(&drive.call, SANDBOX, &args, (e2b_bytes_t){bytes, len}, &op, NULL),
              E2B_OK);
    const e2b_err_t *err = drive_run(&drive, op)->err;
    CHECK_INT(err->code, E2B_ERR_CONNECTION_LOST);
    CHECK_INT(err->outcome, E2B_OUTCOME_UNKNOWN);
    CHECK_INT(far_count_of(drive.far, "POST /files"), 1);
    CHECK_INT(far_request_of(drive.far, "POST /files", 0)->body_len, len);
    drive_end(&drive);
    free(bytes);
}

TEST("a delete is sent once on a warmed connection that dies, and may be repeated") {
    drive_t drive;
    drive_init(&drive);
    warm(&drive);
    far_reset(far_on(drive.far, "DELETE /sandboxes/" SANDBOX));
    e2b_op_t *op = NULL;
    CHECK_INT(e2b_op_terminate(&drive.call, SANDBOX, 0, &op, NULL), E2B_OK);
    const e2b_err_t *err = drive_run(&drive, op)->err;
    CHECK_INT(err->code, E2B_ERR_CONNECTION_LOST);
    CHECK_INT(err->outcome, E2B_OUTCOME_UNKNOWN);
    CHECK(err->retryable);
    CHECK_INT(far_count_of(drive.far, "DELETE"), 1);
    drive_end(&drive);
}

TEST("an answer longer than the bound is refused, not kept") {
    drive_t drive;
    drive_init(&drive);
    far_answer_t *answer = far_on(drive.far, "GET /sandboxes/" SANDBOX);
    size_t len = E2B_MAX_UNARY_BODY + 1;
    char *bytes = malloc(len);
    CHECK(bytes != NULL);
    memset(bytes, ' ', len);
    char head[64];
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", len);
    far_send(answer, head);
    far_send_bytes(answer, bytes, len);
    free(bytes);
    e2b_result_t *result = drive_run(&drive, drive_get(&drive));
    CHECK_INT(result->err->code, E2B_ERR_RESPONSE_TOO_LARGE);
    CHECK_INT(result->body->len, 0);
    drive_end(&drive);
}

/* ---- Retry-After ---- */

static int64_t retry_after(const char *value) {
    drive_t drive;
    drive_init(&drive);
    char extra[512];
    snprintf(extra, sizeof extra, "Retry-After: %s\r\n", value);
    far_reply(far_on(drive.far, "GET /sandboxes/" SANDBOX), 503, extra, OURS);
    int64_t wait = drive_run(&drive, drive_get(&drive))->err->retry_after_ms;
    drive_end(&drive);
    return wait;
}

TEST("Retry-After in whole seconds") {
    CHECK_INT(retry_after("5"), 5000);
    CHECK_INT(retry_after("0"), 0);
    CHECK_INT(retry_after("  7  "), 7000);
    CHECK_INT(retry_after("86400"), 86400000);
}

TEST("Retry-After as a date: the time until then, or now") {
    char date[64];
    time_t when = time(NULL) + 100;
    struct tm parts;
    gmtime_r(&when, &parts);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    int64_t wait = retry_after(date);
    CHECK(wait > 0 && wait <= 100000);
    CHECK_INT(retry_after("Wed, 21 Oct 2015 07:28:00 GMT"), 0);
}

TEST("a Retry-After that is absurd is no more than a day, or none") {
    CHECK_INT(retry_after("86401"), 86400000);
    CHECK_INT(retry_after("99999999999999999999999"), 86400000);
    CHECK_INT(retry_after("Fri, 31 Dec 9999 23:59:59 GMT"), 86400000);
    static const char *const none[] = {"",
                                       "soon",
                                       "-5",
                                       "5 seconds or so",
                                       "0x10",
                                       "11111111111111111111111111111111111111111111111111111111"
                                       "11111111111111"};
    for (size_t i = 0; i < COUNT(none); i++) CHECK_INT(retry_after(none[i]), -1);
}

/* ---- what errors say ---- */

static void check_message(int status, const char *body, const char *holds) {
    drive_t drive;
    drive_init(&drive);
    far_reply(far_on(drive.far, "GET /sandboxes/" SANDBOX), status, NULL, body);
    const e2b_err_t *err = drive_run(&drive, drive_get(&drive))->err;
    if (strstr(err->message, holds) == NULL) fprintf(stderr, "  it says: %s\n", err->message);
    CHECK(strstr(err->message, holds) != NULL);
    CHECK(strstr(err->message, KEY) == NULL);
    CHECK(strstr(err->server_code, KEY) == NULL);
    drive_end(&drive);
}

TEST("the far end's words are in the message, its code beside it, and never the key") {
    check_message(400, "{\"code\":400,\"message\":\"bad template\"}", "HTTP 400: bad template");
    check_message(500, HTML, "not E2B's: <html> <b>bad</b></html>");
    check_message(500, "", "HTTP 500");
    check_message(401, "{\"message\":\"key " KEY " is unknown\"}", "key *");
    check_message(401, "{\"code\":\"" KEY "\"}", "HTTP 401");
    check_message(500, "nobody knows " KEY, "nobody knows *");
}

TEST("an answer without its sandboxID is not quoted: it may hold the daemon's token") {
    static const char *const bodies[] = {
        "{\"envdAccessToken\":\"" TOKEN "\"}",
        "{\"sandboxID\":\"../etc\",\"envdAccessToken\":\"" TOKEN "\"}",
        "{\"envdAccessToken\":\"" TOKEN "\",\"sandbo", " [\"" TOKEN "\"]"};
    for (size_t i = 0; i < COUNT(bodies); i++) {
        drive_t drive;
        drive_init(&drive);
        far_reply(far_on(drive.far, "POST /v2/sandboxes"), 201, NULL, bodies[i]);
        const e2b_err_t *err = drive_run(&drive, drive_create(&drive))->err;
        CHECK_INT(err->code, E2B_ERR_BAD_RESPONSE);
        CHECK_INT(err->outcome, E2B_OUTCOME_UNKNOWN);
        CHECK(strstr(err->message, TOKEN) == NULL);
        drive_end(&drive);
    }
}

TEST("a create that is answered in HTML quotes it") {
    drive_t drive;
    drive_init(&drive);
    far_reply(far_on(drive.far, "POST /v2/sandboxes"), 200, NULL, "<html>welcome</html>");
    const e2b_err_t *err = drive_run(&drive, drive_create(&drive))->err;
    CHECK_INT(err->code, E2B_ERR_BAD_RESPONSE);
    CHECK(strstr(err->message, "<html>welcome") != NULL);
    drive_end(&drive);
}

TEST_MAIN
