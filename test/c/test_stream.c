/* Facts about process_stream.c and process.c: every way in which a process's stream ends, and what
 * each is told as. */
#include "drive.h"

#include "operation.h"
#include "rpc.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define START "POST /process.Process/Start"
#define CLOSE "POST /process.Process/CloseStdin"

static const e2b_exec_args_t plain = {.command = "true", .timeout_s = 60, .keep = true};

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
    if (result->err->code != ending->code || result->err->outcome != ending->outcome) {
        fprintf(stderr, "  %s: %d %d %s\n", ending->name, result->err->code, result->err->outcome,
                result->err->message);
    }
    CHECK_INT(result->err->code, ending->code);
    CHECK_INT(result->err->outcome, ending->outcome);
    CHECK(!result->err->retryable);
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
    CHECK_INT(drive_wait(&drive, first)->err->code, E2B_ERR_SANDBOX_GONE);
    CHECK_INT(drive_wait(&drive, second)->err->code, E2B_ERR_SANDBOX_GONE);
    CHECK_INT(drive_wait(&drive, second)->err->status, 502);
    CHECK_INT(drive_wait(&drive, second)->err->outcome, E2B_OUTCOME_INTERRUPTED);
    drive_end(&drive);
}

TEST("a start that is refused over HTTP was rejected, one that gets no answer is unknown") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    far_reply(far_on(drive.far, START), 401, NULL, "{\"code\":\"unauthenticated\"}");
    e2b_result_t *result = drive_run(&drive, drive_exec(&drive, &plain));
    CHECK_INT(result->err->code, E2B_ERR_UNAUTHENTICATED);
    CHECK_INT(result->err->outcome, E2B_OUTCOME_REJECTED);
    far_reset(far_on(drive.far, START));
    result = drive_run(&drive, drive_exec(&drive, &plain));
    CHECK_INT(result->err->code, E2B_ERR_CONNECTION_LOST);
    CHECK_INT(result->err->outcome, E2B_OUTCOME_UNKNOWN);
    drive.call.request_timeout_ms = 40;
    far_stall(far_on(drive.far, START));
    result = drive_run(&drive, drive_exec(&drive, &plain));
    CHECK_INT(result->err->code, E2B_ERR_TIMEOUT);
    CHECK_INT(result->err->outcome, E2B_OUTCOME_UNKNOWN);
    CHECK(!result->err->retryable);
    drive_end(&drive);
}

TEST("a daemon's error that holds its token is told without it") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    far_answer_t *answer = far_on(drive.far, START);
    far_stream(answer);
    far_frame(answer, 0, START_EVENT);
    far_frame(answer, 2,
              "{\"error\":{\"code\":\"internal\",\"message\":\"you sent " TOKEN ", no\"}}");
    far_last(answer);
    e2b_result_t *result = drive_run(&drive, drive_exec(&drive, &plain));
    CHECK_INT(result->err->code, E2B_ERR_SERVER_ERROR);
    CHECK(strstr(result->err->message, "you sent *") != NULL);
    CHECK(strstr(result->err->message, TOKEN) == NULL);
    drive_end(&drive);
}

TEST("a process that runs holds nothing of its request any more") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    far_answer_t *answer = far_on(drive.far, START);
    far_stream(answer);
    far_frame(answer, 0, START_EVENT);
    far_gate(answer);
    far_frame(answer, 0, END_EVENT);
    far_frame(answer, E2B_RPC_END, EMPTY_END);
    far_last(answer);
    e2b_op_t *op = drive_exec(&drive, &plain);
    uint64_t id = drive_submit(&drive, op);
    DRIVE_UNTIL(&drive, op->began && op->request.data == NULL);
    CHECK(op->http.header_text.data == NULL);
    CHECK(op->http.url.data == NULL);
    far_open(drive.far);
    CHECK_INT(drive_wait(&drive, id)->err->code, E2B_OK);
    drive_end(&drive);
}

TEST_MAIN
