/* Facts about process.c and process_stream.c: running a process, whatever the pieces in which its
 * stream arrives, and every way in which it ends. */
#include "drive.h"

#include "rpc.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define START "POST /process.Process/Start"
#define SEND "POST /process.Process/SendInput"
#define CLOSE "POST /process.Process/CloseStdin"

static const e2b_exec_args_t plain = {.command = "true", .timeout_s = 60, .keep = true};

static void check_tail(e2b_result_t *result, int which, const char *expected) {
    size_t len;
    const char *text = e2b_tail_get(result->tail[which], true, &len);
    CHECK_MEM(text, len, expected, strlen(expected));
}

static void frame(e2b_buf_t *out, int flags, const char *json) {
    CHECK_INT(e2b_rpc_encode(out, (uint8_t)flags, json, strlen(json)), E2B_OK);
}

/* hello on stdout, oops on stderr, a channel in another spelling, a keepalive, exit 3 */
static void usual_stream(e2b_buf_t *out) {
    e2b_buf_init(out, 100000);
    frame(out, 0, START_EVENT);
    frame(out, 0, "{\"event\":{\"data\":{\"stdout\":\"aGVs\"}}}");
    frame(out, 0, "{\"event\":{\"keepalive\":{}}}");
    frame(out, 0, "{\"event\": {\"data\": {\"stderr\": \"b29wcw==\"}}}");
    frame(out, 0, "{\"event\":{\"future\":{}}}");
    frame(out, 0, "{\"event\":{\"data\":{\"stdout\":\"bG8=\"}}}");
    frame(out, 0,
          "{\"event\":{\"end\":{\"exitCode\":3,\"exited\":true,\"status\":\"exit status 3\"}}}");
    frame(out, E2B_RPC_END, EMPTY_END);
}

static void check_usual(e2b_result_t *result) {
    CHECK_INT(result->err.code, E2B_OK);
    CHECK_INT(result->pid, 42);
    CHECK(result->exited);
    CHECK_INT(result->exit_code, 3);
    CHECK_STR(result->signal, "");
    CHECK(!result->timed_out);
    check_tail(result, 0, "hello");
    check_tail(result, 1, "oops");
}

TEST("a process's output and end are the same in whatever pieces the stream arrives") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    e2b_buf_t stream;
    usual_stream(&stream);
    for (size_t size = 1; size <= stream.len; size += size < 40 ? 1 : 97) {
        far_answer_t *answer = far_on(drive.far, START);
        far_stream(answer);
        for (size_t at = 0; at < stream.len; at += size) {
            far_chunk(answer, stream.data + at, size < stream.len - at ? size : stream.len - at);
        }
        far_last(answer);
        check_usual(drive_run(&drive, drive_exec(&drive, &plain)));
    }
    e2b_buf_destroy(&stream);
    drive_end(&drive);
}

TEST("the request of a start is one envelope with command, arguments, environment and folder") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    far_answer_t *answer = far_on(drive.far, START);
    far_stream(answer);
    far_frame(answer, 0, START_EVENT);
    far_frame(answer, 0, END_EVENT);
    far_frame(answer, E2B_RPC_END, EMPTY_END);
    far_last(answer);
    const char *const list[] = {"a b", "\"q\"", "$(x)", "\n", "\xc3\xa9"};
    const char *const env[] = {"K", "v=1", "E", ""};
    e2b_exec_args_t args = {.command = "/bin/echo",
                            .args = {list, 5},
                            .env = {env, 4},
                            .cwd = "/w",
                            .user = "root",
                            .timeout_s = 0.5};
    CHECK_INT(drive_run(&drive, drive_exec(&drive, &args))->err.code, E2B_OK);
    const far_request_t *request = far_request_of(drive.far, START, 0);
    const char *json =
        "{\"process\":{\"cmd\":\"/bin/echo\",\"args\":[\"a b\",\"\\\"q\\\"\",\"$(x)\","
        "\"\\n\",\"\xc3\xa9\"],\"envs\":{\"K\":\"v=1\",\"E\":\"\"},\"cwd\":\"/w\"},"
        "\"stdin\":false}";
    CHECK_INT(request->body_len, strlen(json) + 5);
    CHECK_STR(request->body + 5, json);
    CHECK_STR(far_header(drive.far, request, "Content-Type"), "application/connect+json");
    CHECK_STR(far_header(drive.far, request, "Connect-Protocol-Version"), "1");
    CHECK_STR(far_header(drive.far, request, "Connect-Timeout-Ms"), "5500");
    CHECK_STR(far_header(drive.far, request, "Authorization"), "Basic cm9vdDo=");
    CHECK_STR(far_header(drive.far, request, "X-Access-Token"), TOKEN);
    drive_end(&drive);
}

TEST("a reader is told of the start and given the bytes while the process runs") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    far_answer_t *answer = far_on(drive.far, START);
    far_stream(answer);
    far_frame(answer, 0, START_EVENT);
    far_gate(answer);
    far_frame(answer, 0, "{\"event\":{\"data\":{\"stdout\":\"aGVs\"}}}");
    far_gate(answer);
    far_frame(answer, 0, "{\"event\":{\"data\":{\"stderr\":\"b29wcw==\"}}}");
    far_frame(answer, 0, END_EVENT);
    far_frame(answer, E2B_RPC_END, EMPTY_END);
    far_last(answer);
    e2b_exec_args_t args = {.command = "x", .timeout_s = 60, .stream = true};
    uint64_t id = drive_submit(&drive, drive_exec(&drive, &args));
    DRIVE_UNTIL(&drive, drive.news & E2B_NEWS_STARTED);
    CHECK_INT(drive.out[0].len, 0);
    far_open(drive.far);
    DRIVE_UNTIL(&drive, drive.out[0].len == 3);
    CHECK(drive_done(&drive, id) == NULL);
    far_open(drive.far);
    e2b_result_t *result = drive_wait(&drive, id);
    CHECK_STR(drive.out[0].data, "hel");
    CHECK_STR(drive.out[1].data, "oops");
    CHECK_INT(result->tail[0]->total, 0); /* not asked for */
    drive_end(&drive);
}

TEST("of a long output the tail is kept") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    far_answer_t *answer = far_on(drive.far, START);
    far_stream(answer);
    far_frame(answer, 0, START_EVENT);
    for (int i = 0; i < 100; i++)
        far_frame(answer, 0, "{\"event\":{\"data\":{\"stdout\":\"MDEyMzQ1Njc4OQ==\"}}}");
    far_frame(answer, 0, END_EVENT);
    far_frame(answer, E2B_RPC_END, EMPTY_END);
    far_last(answer);
    e2b_exec_args_t args = plain;
    args.max_output = 15;
    e2b_result_t *result = drive_run(&drive, drive_exec(&drive, &args));
    check_tail(result, 0, "567890123456789");
    CHECK(e2b_tail_truncated(result->tail[0]));
    CHECK_INT(result->tail[0]->total, 1000);
    drive_end(&drive);
}

/* ---- how it ends ---- */

typedef struct ending {
    const char *name;
    const char *frames[4]; /* a leading '!' marks the end envelope */
    bool cut;              /* no last chunk: the connection closes */
    const char *raw;       /* then these bytes */
    int code;
    e2b_outcome_t outcome;
    const char *signal;
} ending_t;

static const ending_t endings[] = {
    {"exit", {START_EVENT, END_EVENT, "!{}"}, false, NULL, E2B_OK, 0, ""},
    {"exit, and the end envelope is missing", {START_EVENT, END_EVENT}, false, NULL, E2B_OK, 0, ""},
    {"exit, and the connection is lost", {START_EVENT, END_EVENT}, true, NULL, E2B_OK, 0, ""},
    {"killed",
     {START_EVENT, "{\"event\":{\"end\":{\"status\":\"signal: killed\"}}}", "!{}"},
     false,
     NULL,
     E2B_OK,
     0,
     "SIGKILL"},
    {"a signal with a core",
     {START_EVENT,
      "{\"event\":{\"end\":{\"status\":\"signal: segmentation fault (core dumped)\"}}}", "!{}"},
     false,
     NULL,
     E2B_OK,
     0,
     "SIGSEGV"},
    {"a signal nobody knows",
     {START_EVENT, "{\"event\":{\"end\":{\"status\":\"signal: signal 99\"}}}", "!{}"},
     false,
     NULL,
     E2B_OK,
     0,
     "signal 99"},
    {"refused in the stream",
     {"!{\"error\":{\"code\":\"not_found\",\"message\":\"no such command\"}}"},
     false,
     NULL,
     E2B_ERR_NOT_FOUND,
     E2B_OUTCOME_REJECTED,
     ""},
    {"an error after the start",
     {START_EVENT, "!{\"error\":{\"code\":\"internal\",\"message\":\"x\"}}"},
     false,
     NULL,
     E2B_ERR_SERVER_ERROR,
     E2B_OUTCOME_INTERRUPTED,
     ""},
    {"an end without an end event",
     {START_EVENT, "!{}"},
     false,
     NULL,
     E2B_ERR_BAD_RESPONSE,
     E2B_OUTCOME_INTERRUPTED,
     ""},
    {"a message that is no event",
     {START_EVENT, "{\"event\":1}"},
     false,
     NULL,
     E2B_ERR_BAD_RESPONSE,
     E2B_OUTCOME_INTERRUPTED,
     ""},
    {"output that is no base64",
     {START_EVENT, "{\"event\":{\"data\":{\"stdout\":\"???\"}}}"},
     false,
     NULL,
     E2B_ERR_BAD_RESPONSE,
     E2B_OUTCOME_INTERRUPTED,
     ""},
    {"an end message that is none",
     {START_EVENT, "!<html>"},
     false,
     NULL,
     E2B_ERR_BAD_RESPONSE,
     E2B_OUTCOME_INTERRUPTED,
     ""},
    {"bytes after the end",
     {START_EVENT, "!{}", "{}"},
     false,
     NULL,
     E2B_ERR_BAD_RESPONSE,
     E2B_OUTCOME_INTERRUPTED,
     ""},
    {"cut before the start", {NULL}, true, NULL, E2B_ERR_CONNECTION_LOST, E2B_OUTCOME_UNKNOWN, ""},
    {"over before the start",
     {NULL},
     false,
     NULL,
     E2B_ERR_CONNECTION_LOST,
     E2B_OUTCOME_UNKNOWN,
     ""},
    {"cut between messages",
     {START_EVENT},
     true,
     NULL,
     E2B_ERR_CONNECTION_LOST,
     E2B_OUTCOME_INTERRUPTED,
     ""},
    {"cut in the middle of a message",
     {START_EVENT},
     true,
     "9\r\n\0\0\0\0\x64{\"ev",
     E2B_ERR_CONNECTION_LOST,
     E2B_OUTCOME_INTERRUPTED,
     ""},
    {"a message of four gigabytes",
     {START_EVENT},
     true,
     "5\r\n\0\xff\xff\xff\xff\r\n",
     E2B_ERR_RESPONSE_TOO_LARGE,
     E2B_OUTCOME_INTERRUPTED,
     ""},
};

static void check_ending(const ending_t *ending, bool with_stdin) {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    far_answer_t *health = far_on(drive.far, "GET /health");
    far_send(health, "HTTP/1.1 204 No Content\r\n\r\n");
    far_answer_t *input = far_on(drive.far, CLOSE);
    far_reply(input, 200, NULL, "{}");
    far_answer_t *answer = far_on(drive.far, START);
    far_stream(answer);
    for (size_t i = 0; i < 4 && ending->frames[i] != NULL; i++) {
        const char *json = ending->frames[i];
        far_frame(answer, *json == '!' ? E2B_RPC_END : 0, *json == '!' ? json + 1 : json);
    }
    if (ending->raw != NULL) far_send_bytes(answer, ending->raw, ending->raw[0] == '9' ? 12 : 10);
    if (ending->cut)
        far_close(answer);
    else
        far_last(answer);
    e2b_exec_args_t args = plain;
    args.has_stdin = with_stdin;
    e2b_result_t *result = drive_run(&drive, drive_exec(&drive, &args));
    if (result->err.code != ending->code || result->err.outcome != ending->outcome) {
        fprintf(stderr, "  %s: %d %d %s\n", ending->name, result->err.code, result->err.outcome,
                result->err.message);
    }
    CHECK_INT(result->err.code, ending->code);
    CHECK_INT(result->err.outcome, ending->outcome);
    CHECK(!result->err.retryable);
    CHECK_STR(result->signal, ending->signal);
    CHECK_INT(result->exited, ending->code == E2B_OK && ending->signal[0] == '\0');
    CHECK_INT(far_count_of(drive.far, START), 1);
    drive_end(&drive);
}

TEST("every way in which a stream ends is told by code and outcome") {
    for (size_t i = 0; i < COUNT(endings); i++) check_ending(&endings[i], false);
}

TEST("and it is the same for a process that is also written to") {
    for (size_t i = 0; i < COUNT(endings); i++) check_ending(&endings[i], true);
}

TEST("a stream that breaks because the sandbox died says so") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    for (int i = 0; i < 2; i++) { /* the first forgets the sandbox; the second still asks */
        far_answer_t *answer = far_on(drive.far, START);
        far_stream(answer);
        far_frame(answer, 0, START_EVENT);
        far_gate(answer);
        far_reset(answer);
        far_reply(far_on(drive.far, "GET /health"), 502, NULL,
                  "{\"message\":\"The sandbox was not found\",\"code\":502}");
    }
    uint64_t first = drive_submit(&drive, drive_exec(&drive, &plain));
    uint64_t second = drive_submit(&drive, drive_exec(&drive, &plain));
    DRIVE_UNTIL(&drive, far_count_of(drive.far, START) == 2);
    far_open(drive.far);
    DRIVE_UNTIL(&drive, drive.done_count == 1);
    far_open(drive.far);
    CHECK_INT(drive_wait(&drive, first)->err.code, E2B_ERR_SANDBOX_GONE);
    CHECK_INT(drive_wait(&drive, second)->err.code, E2B_ERR_SANDBOX_GONE);
    CHECK_INT(drive_wait(&drive, second)->err.status, 502);
    CHECK_INT(drive_wait(&drive, second)->err.outcome, E2B_OUTCOME_INTERRUPTED);
    drive_end(&drive);
}

TEST("a start that is refused over HTTP was rejected, one that gets no answer is unknown") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    far_reply(far_on(drive.far, START), 401, NULL, "{\"code\":\"unauthenticated\"}");
    e2b_result_t *result = drive_run(&drive, drive_exec(&drive, &plain));
    CHECK_INT(result->err.code, E2B_ERR_UNAUTHENTICATED);
    CHECK_INT(result->err.outcome, E2B_OUTCOME_REJECTED);
    far_reset(far_on(drive.far, START));
    result = drive_run(&drive, drive_exec(&drive, &plain));
    CHECK_INT(result->err.code, E2B_ERR_CONNECTION_LOST);
    CHECK_INT(result->err.outcome, E2B_OUTCOME_UNKNOWN);
    drive.call.request_timeout_ms = 40;
    far_stall(far_on(drive.far, START));
    result = drive_run(&drive, drive_exec(&drive, &plain));
    CHECK_INT(result->err.code, E2B_ERR_TIMEOUT);
    CHECK_INT(result->err.outcome, E2B_OUTCOME_UNKNOWN);
    CHECK(!result->err.retryable);
    drive_end(&drive);
}

/* ---- the deadline and cancelling ---- */

/* A process that goes on until somebody kills it: then its own stream ends. */
static void endless(drive_t *drive) {
    far_answer_t *answer = far_on(drive->far, START);
    far_stream(answer);
    far_frame(answer, 0, START_EVENT);
    far_gate(answer);
    far_frame(answer, 0, "{\"event\":{\"end\":{\"status\":\"signal: killed\"}}}");
    far_frame(answer, E2B_RPC_END, EMPTY_END);
    far_last(answer);
    far_answer_t *killer = far_on(drive->far, START);
    far_stream(killer);
    far_frame(killer, 0, "{\"event\":{\"start\":{\"pid\":43}}}");
    far_frame(killer, 0, END_EVENT);
    far_frame(killer, E2B_RPC_END, EMPTY_END);
    far_last(killer);
}

static void check_killer(drive_t *drive) {
    const far_request_t *killer = far_request_of(drive->far, START, 1);
    CHECK(strstr(killer->body + 5, "\"cmd\":\"/bin/sh\"") != NULL);
    CHECK(strstr(killer->body + 5, "\"sh\",\"42\"]") != NULL);
    CHECK_STR(far_header(drive->far, killer, "X-Access-Token"), TOKEN);
}

TEST("at the deadline a killer is started for the whole tree, and the result says timed out") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    endless(&drive);
    e2b_exec_args_t args = plain;
    args.timeout_s = 0.05;
    uint64_t id = drive_submit(&drive, drive_exec(&drive, &args));
    DRIVE_UNTIL(&drive, far_count_of(drive.far, START) == 2);
    far_open(drive.far);
    e2b_result_t *result = drive_wait(&drive, id);
    CHECK_INT(result->err.code, E2B_OK);
    CHECK(result->timed_out && !result->exited);
    CHECK_STR(result->signal, "SIGKILL");
    CHECK(result->duration_ms >= 50);
    drive_idle(&drive);
    check_killer(&drive);
    CHECK_INT(drive.done_count, 1); /* the killer is nobody's call */
    drive_end(&drive);
}

TEST("the daemon's own deadline counts as ours") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    far_answer_t *answer = far_on(drive.far, START);
    far_stream(answer);
    far_frame(answer, 0, START_EVENT);
    far_frame(answer, E2B_RPC_END, "{\"error\":{\"code\":\"deadline_exceeded\"}}");
    far_last(answer);
    e2b_result_t *result = drive_run(&drive, drive_exec(&drive, &plain));
    CHECK_INT(result->err.code, E2B_OK);
    CHECK(result->timed_out);
    drive_end(&drive);
}

TEST("a cancel ends the call at once, as interrupted, and the process behind it") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    endless(&drive);
    uint64_t id = drive_submit(&drive, drive_exec(&drive, &plain));
    DRIVE_UNTIL(&drive, drive.news & E2B_NEWS_STARTED);
    e2b_client_cancel(drive.client, id);
    e2b_result_t *result = drive_wait(&drive, id);
    CHECK_INT(result->err.code, E2B_ERR_CANCELLED);
    CHECK_INT(result->err.outcome, E2B_OUTCOME_INTERRUPTED);
    CHECK_INT(result->pid, 42);
    drive_idle(&drive);
    check_killer(&drive);
    drive_end(&drive);
}

TEST("a detach ends the call and leaves the process alone") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    endless(&drive);
    uint64_t id = drive_submit(&drive, drive_exec(&drive, &plain));
    DRIVE_UNTIL(&drive, drive.news & E2B_NEWS_STARTED);
    e2b_client_detach(drive.client, id);
    e2b_client_cancel(drive.client, id); /* too late: the first counts */
    CHECK_INT(drive_wait(&drive, id)->err.code, E2B_ERR_CANCELLED);
    drive_idle(&drive);
    CHECK_INT(far_count_of(drive.far, START), 1);
    drive_end(&drive);
}

/* ---- attaching ---- */

static e2b_op_t *attach(drive_t *drive, double timeout_s) {
    DRIVE_OP(e2b_op_attach(&drive->call, SANDBOX, 42, timeout_s, true, false, 0, &op, &err));
}

TEST("attaching names the pid and gets the rest of the output and the end") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    e2b_buf_t stream;
    usual_stream(&stream);
    far_answer_t *answer = far_on(drive.far, "POST /process.Process/Connect");
    far_stream(answer);
    far_chunk(answer, stream.data, stream.len);
    far_last(answer);
    e2b_buf_destroy(&stream);
    check_usual(drive_run(&drive, attach(&drive, 0)));
    const far_request_t *request = far_request_of(drive.far, "POST /process.Process/Connect", 0);
    CHECK_STR(request->body + 5, "{\"process\":{\"pid\":42}}");
    CHECK(strstr(request->headers, "Connect-Timeout-Ms") == NULL);
    drive_end(&drive);
}

TEST("the end of a view, by its time or by a cancel, kills nobody") {
    for (int way = 0; way < 2; way++) {
        drive_t drive;
        drive_init(&drive);
        drive_known(&drive);
        far_answer_t *answer = far_on(drive.far, "POST /process.Process/Connect");
        far_stream(answer);
        far_frame(answer, 0, START_EVENT);
        far_stall(answer);
        uint64_t id = drive_submit(&drive, attach(&drive, way == 0 ? 0.05 : 0));
        DRIVE_UNTIL(&drive, drive.news & E2B_NEWS_STARTED);
        if (way == 1) e2b_client_cancel(drive.client, id);
        e2b_result_t *result = drive_wait(&drive, id);
        CHECK_INT(result->err.code, way == 0 ? E2B_OK : E2B_ERR_CANCELLED);
        CHECK_INT(result->timed_out, way == 0);
        CHECK_STR(result->signal, "");
        drive_idle(&drive);
        CHECK_INT(far_count_of(drive.far, START), 0);
        drive_end(&drive);
    }
}

TEST("attaching to a process that is not there is not found") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    far_answer_t *answer = far_on(drive.far, "POST /process.Process/Connect");
    far_stream(answer);
    far_frame(answer, E2B_RPC_END, "{\"error\":{\"code\":\"not_found\",\"message\":\"no 42\"}}");
    far_last(answer);
    CHECK_INT(drive_run(&drive, attach(&drive, 0))->err.code, E2B_ERR_NOT_FOUND);
    drive_end(&drive);
}

TEST_MAIN
