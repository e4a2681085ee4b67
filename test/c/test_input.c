/* Facts about what goes into a process: stdin beside the stream, input and signal calls. */
#include "drive.h"

#include "rpc.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define START "POST /process.Process/Start"
#define SEND "POST /process.Process/SendInput"
#define CLOSE "POST /process.Process/CloseStdin"
#define SIGNAL "POST /process.Process/SendSignal"

/* A process that starts, and ends when the gate is opened. */
static void start_and_wait(drive_t *drive) {
    far_answer_t *answer = far_on(drive->far, START);
    far_stream(answer);
    far_frame(answer, 0, START_EVENT);
    far_gate(answer);
    far_frame(answer, 0, END_EVENT);
    far_frame(answer, E2B_RPC_END, EMPTY_END);
    far_last(answer);
}

static e2b_exec_args_t with_stdin(const void *data, size_t len) {
    return (e2b_exec_args_t){
        .command = "cat", .timeout_s = 60, .has_stdin = true, .stdin_data = {data, len}};
}

TEST("stdin is written in order, each piece once, then closed") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    start_and_wait(&drive);
    for (int i = 0; i < 3; i++) far_reply(far_on(drive.far, SEND), 200, NULL, "{}");
    far_reply(far_on(drive.far, CLOSE), 200, NULL, "{}");
    size_t len = 1200u * 1024;
    char *data = malloc(len);
    CHECK(data != NULL);
    for (size_t i = 0; i < len; i++) data[i] = (char)(i * 7 + i / 251);
    e2b_exec_args_t args = with_stdin(data, len);
    uint64_t id = drive_submit(&drive, drive_exec(&drive, &args));
    DRIVE_UNTIL(&drive, far_count_of(drive.far, CLOSE) == 1);
    far_open(drive.far);
    CHECK_INT(drive_wait(&drive, id)->err->code, E2B_OK);
    CHECK_INT(far_count_of(drive.far, SEND), 3);
    e2b_buf_t got;
    e2b_buf_init(&got, len);
    static const char head[] = "{\"process\":{\"pid\":42},\"input\":{\"stdin\":\"";
    for (int i = 0; i < 3; i++) {
        const far_request_t *request = far_request_of(drive.far, SEND, i);
        CHECK(strncmp(request->body, head, sizeof head - 1) == 0);
        CHECK_INT(e2b_base64_decode(&got, request->body + sizeof head - 1,
                                    request->body_len - (sizeof head - 1) - 3),
                  E2B_OK);
    }
    CHECK_MEM(got.data, got.len, data, len);
    CHECK_STR(far_request_of(drive.far, CLOSE, 0)->body, "{\"process\":{\"pid\":42}}");
    CHECK(strstr(far_request_of(drive.far, START, 0)->body + 5, "\"stdin\":true") != NULL);
    e2b_buf_destroy(&got);
    drive_end(&drive);
    free(data);
}

TEST("empty stdin is closed at once") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    start_and_wait(&drive);
    far_reply(far_on(drive.far, CLOSE), 200, NULL, "{}");
    e2b_exec_args_t args = with_stdin("", 0);
    uint64_t id = drive_submit(&drive, drive_exec(&drive, &args));
    DRIVE_UNTIL(&drive, far_count_of(drive.far, CLOSE) == 1);
    far_open(drive.far);
    CHECK_INT(drive_wait(&drive, id)->err->code, E2B_OK);
    CHECK_INT(far_count_of(drive.far, SEND), 0);
    drive_end(&drive);
}

TEST("a process that no longer reads is no error") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    start_and_wait(&drive);
    far_reply(far_on(drive.far, SEND), 404, NULL, "{\"code\":\"not_found\"}");
    e2b_exec_args_t args = with_stdin("x", 1);
    uint64_t id = drive_submit(&drive, drive_exec(&drive, &args));
    DRIVE_UNTIL(&drive, far_count_of(drive.far, SEND) == 1);
    far_open(drive.far);
    CHECK_INT(drive_wait(&drive, id)->err->code, E2B_OK);
    CHECK_INT(far_count_of(drive.far, CLOSE), 0);
    drive_end(&drive);
}

TEST("stdin that is lost on its way interrupts the call and ends the process") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    start_and_wait(&drive);
    start_and_wait(&drive); /* the killer */
    far_reset(far_on(drive.far, SEND));
    e2b_exec_args_t args = with_stdin("x", 1);
    e2b_result_t *result = drive_run(&drive, drive_exec(&drive, &args));
    CHECK_INT(result->err->code, E2B_ERR_CONNECTION_LOST);
    CHECK_INT(result->err->outcome, E2B_OUTCOME_INTERRUPTED);
    CHECK(!result->err->retryable);
    DRIVE_UNTIL(&drive, far_count_of(drive.far, START) == 2);
    drive_end(&drive);
}

TEST("a daemon that starts before it has read the whole request still gets it unharmed") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    size_t len = 12u * 1024 * 1024;
    char *big = malloc(len);
    CHECK(big != NULL);
    memset(big, 'a', len - 1);
    big[len - 1] = '\0';
    far_answer_t *answer = far_on(drive.far, START);
    far_early(answer);
    far_stream(answer);
    far_frame(answer, 0, START_EVENT);
    far_gate(answer);
    far_body(answer);
    far_frame(answer, 0, END_EVENT);
    far_frame(answer, E2B_RPC_END, EMPTY_END);
    far_last(answer);
    far_reply(far_on(drive.far, SEND), 200, NULL, "{}");
    far_reply(far_on(drive.far, CLOSE), 200, NULL, "{}");
    const char *const list[] = {big};
    e2b_exec_args_t args = with_stdin("input", 5);
    args.args = (e2b_strings_t){list, 1};
    uint64_t id = drive_submit(&drive, drive_exec(&drive, &args));
    DRIVE_UNTIL(&drive, far_count_of(drive.far, CLOSE) == 1);
    CHECK_INT(far_count_of(drive.far, START), 0); /* still on its way */
    far_open(drive.far);
    CHECK_INT(drive_wait(&drive, id)->err->code, E2B_OK);
    const far_request_t *request = far_request_of(drive.far, START, 0);
    static const char head[] = "{\"process\":{\"cmd\":\"cat\",\"args\":[\"";
    CHECK(strncmp(request->body + 5, head, sizeof head - 1) == 0);
    CHECK(memcmp(request->body + 5 + sizeof head - 1, big, len - 1) == 0);
    drive_end(&drive);
    free(big);
}

TEST("credentials that another call has proved wrong do not trouble a process that runs") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    far_answer_t *start = far_on(drive.far, START);
    far_stream(start);
    far_frame(start, 0, START_EVENT);
    far_stall(start);
    far_answer_t *send = far_on(drive.far, SEND);
    far_gate(send);
    far_reply(send, 200, NULL, "{}");
    far_reply(far_on(drive.far, CLOSE), 200, NULL, "{}");
    far_reply(far_on(drive.far, "POST /process.Process/List"), 502, NULL, "{\"message\":\"?\"}");
    e2b_exec_args_t args = with_stdin("x", 1);
    uint64_t id = drive_submit(&drive, drive_exec(&drive, &args));
    DRIVE_UNTIL(&drive, far_count_of(drive.far, SEND) == 1);
    e2b_op_t *op = NULL;
    CHECK_INT(e2b_op_processes(&drive.call, SANDBOX, &op, NULL), E2B_OK);
    CHECK_INT(drive_run(&drive, op)->err->code, E2B_ERR_BAD_GATEWAY);
    far_open(drive.far);
    DRIVE_UNTIL(&drive, far_count_of(drive.far, CLOSE) == 1 || drive_done(&drive, id) != NULL);
    CHECK(drive_done(&drive, id) == NULL);
    drive_end(&drive);
}

/* ---- input and signal as calls of their own ---- */

static e2b_op_t *input(drive_t *drive, const char *text, bool end) {
    DRIVE_OP(
        e2b_op_input(&drive->call, SANDBOX, 42, (e2b_bytes_t){text, strlen(text)}, end, &op, &err));
}

TEST("input, input with an end, and an end alone are one, two and one request") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    far_answer_t *answer = far_on(drive.far, "POST /process.Process/");
    far_always(answer);
    far_reply(answer, 200, NULL, "{}");
    CHECK_INT(drive_run(&drive, input(&drive, "ab", false))->err->code, E2B_OK);
    CHECK_STR(far_request_of(drive.far, SEND, 0)->body,
              "{\"process\":{\"pid\":42},\"input\":{\"stdin\":\"YWI=\"}}");
    CHECK_INT(far_count_of(drive.far, CLOSE), 0);
    CHECK_INT(drive_run(&drive, input(&drive, "c", true))->err->code, E2B_OK);
    CHECK_INT(far_count_of(drive.far, CLOSE), 1);
    CHECK_INT(drive_run(&drive, input(&drive, "", true))->err->code, E2B_OK);
    CHECK_INT(far_count_of(drive.far, SEND), 2);
    CHECK_INT(far_count_of(drive.far, CLOSE), 2);
    drive_end(&drive);
}

TEST("input of which the end could not be sent must not be sent again as a whole") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    far_answer_t *answer = far_on(drive.far, SEND);
    far_reply(answer, 200, NULL, "{}");
    far_reply(far_on(drive.far, CLOSE), 503, NULL, "{\"code\":\"unavailable\"}");
    e2b_result_t *result = drive_run(&drive, input(&drive, "ab", true));
    CHECK_INT(result->err->code, E2B_ERR_SERVER_BUSY);
    CHECK_INT(result->err->outcome, E2B_OUTCOME_INTERRUPTED);
    CHECK(!result->err->retryable);
    drive_end(&drive);
}

TEST("a signal goes out by its name in the protocol, the two others are refused") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    far_reply(far_on(drive.far, SIGNAL), 200, NULL, "{}");
    e2b_op_t *op = NULL;
    e2b_err_t err;
    e2b_err_init(&err);
    CHECK_INT(e2b_op_signal(&drive.call, SANDBOX, 42, "SIGTERM", &op, &err), E2B_OK);
    CHECK_INT(drive_run(&drive, op)->err->code, E2B_OK);
    CHECK_STR(far_request_of(drive.far, SIGNAL, 0)->body,
              "{\"process\":{\"pid\":42},\"signal\":\"SIGNAL_SIGTERM\"}");
    CHECK_INT(e2b_op_signal(&drive.call, SANDBOX, 42, "SIGHUP", &op, &err),
              E2B_ERR_INVALID_ARGUMENT);
    CHECK_INT(e2b_op_signal(&drive.call, SANDBOX, 42, NULL, &op, &err), E2B_ERR_INVALID_ARGUMENT);
    CHECK_INT(e2b_op_signal(&drive.call, SANDBOX, 0, "SIGKILL", &op, &err),
              E2B_ERR_INVALID_ARGUMENT);
    drive_end(&drive);
}

TEST("bad input of process calls is refused before anything is sent") {
    drive_t drive;
    drive_init(&drive);
    e2b_op_t *op = NULL;
    e2b_err_t err;
    e2b_err_init(&err);
    const double bad_times[] = {0, -1, 86401, 0.0 / 0.0};
    for (size_t i = 0; i < COUNT(bad_times); i++) {
        e2b_exec_args_t args = {.command = "x", .timeout_s = bad_times[i]};
        CHECK_INT(e2b_op_exec(&drive.call, SANDBOX, &args, &op, &err), E2B_ERR_INVALID_ARGUMENT);
    }
    e2b_exec_args_t args = {.command = "", .timeout_s = 1};
    CHECK_INT(e2b_op_exec(&drive.call, SANDBOX, &args, &op, &err), E2B_ERR_INVALID_ARGUMENT);
    args.command = NULL;
    CHECK_INT(e2b_op_exec(&drive.call, SANDBOX, &args, &op, &err), E2B_ERR_INVALID_ARGUMENT);
    args.command = "x";
    CHECK_INT(e2b_op_exec(&drive.call, "../x", &args, &op, &err), E2B_ERR_INVALID_ARGUMENT);
    static const char *const users[] = {"", "a:b", "a b", "a\n"};
    for (size_t i = 0; i < COUNT(users); i++) {
        args.user = users[i];
        CHECK_INT(e2b_op_exec(&drive.call, SANDBOX, &args, &op, &err), E2B_ERR_INVALID_ARGUMENT);
        CHECK(strstr(err.message, "user") != NULL);
    }
    args.user = NULL;
    size_t len = 17u * 1024 * 1024;
    char *huge = malloc(len);
    CHECK(huge != NULL);
    memset(huge, 'a', len - 1);
    huge[len - 1] = '\0';
    args.command = huge;
    CHECK_INT(e2b_op_exec(&drive.call, SANDBOX, &args, &op, &err), E2B_ERR_INVALID_ARGUMENT);
    CHECK(strstr(err.message, "too long") != NULL);
    CHECK_INT(e2b_op_input(&drive.call, SANDBOX, 1, (e2b_bytes_t){huge, 33u * 1024 * 1024}, false,
                           &op, &err),
              E2B_ERR_INVALID_ARGUMENT);
    free(huge);
    CHECK_INT(e2b_op_attach(&drive.call, SANDBOX, 0, 0, true, true, 0, &op, &err),
              E2B_ERR_INVALID_ARGUMENT);
    CHECK(op == NULL);
    drive_end(&drive);
}

TEST_MAIN
