/* Facts about process.c and process_stream.c: running a process, whatever the pieces in which its
 * stream arrives, its deadline, and attaching to one. */
#include "drive.h"

#include "rpc.h"

#define START "POST /process.Process/Start"

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
    CHECK_INT(result->err->code, E2B_OK);
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
    CHECK_INT(drive_run(&drive, drive_exec(&drive, &args))->err->code, E2B_OK);
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
    CHECK_INT(result->err->code, E2B_OK);
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
    CHECK_INT(result->err->code, E2B_OK);
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
    CHECK_INT(result->err->code, E2B_ERR_CANCELLED);
    CHECK_INT(result->err->outcome, E2B_OUTCOME_INTERRUPTED);
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
    CHECK_INT(drive_wait(&drive, id)->err->code, E2B_ERR_CANCELLED);
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
        CHECK_INT(result->err->code, way == 0 ? E2B_OK : E2B_ERR_CANCELLED);
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
    CHECK_INT(drive_run(&drive, attach(&drive, 0))->err->code, E2B_ERR_NOT_FOUND);
    drive_end(&drive);
}

TEST_MAIN
