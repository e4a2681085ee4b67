/* Facts about the back-pressure of what comes out of a process: each stream by itself, and all of
 * them together. */
#include "drive.h"

#include "rpc.h"

#define START "POST /process.Process/Start"

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

#define PIECE (32u * 1024)
#define PIECES 96

/* Three megabytes of output. */
static void much_output(far_answer_t *answer) {
    e2b_buf_t json;
    char *bytes = malloc(PIECE);
    CHECK(bytes != NULL);
    memset(bytes, 'y', PIECE);
    e2b_buf_init(&json, 100000);
    CHECK_INT(e2b_buf_puts(&json, "{\"event\":{\"data\":{\"stdout\":\""), E2B_OK);
    CHECK_INT(e2b_base64_encode(&json, bytes, PIECE), E2B_OK);
    CHECK_INT(e2b_buf_puts(&json, "\"}}}"), E2B_OK);
    for (int i = 0; i < PIECES; i++) far_frame(answer, 0, json.data);
    e2b_buf_destroy(&json);
    free(bytes);
}

/* Steps until nothing comes any more: the sockets are full and nobody reads them. */
static void settle(drive_t *drive) {
    for (int quiet = 0; quiet < 20;) {
        struct pollfd ready = {.fd = e2b_client_fd(drive->client), .events = POLLIN};
        quiet = poll(&ready, 1, 0) == 0 ? quiet + 1 : 0;
        e2b_client_step(drive->client, 1000);
        drive_take(drive);
    }
}

static const e2b_exec_args_t streaming = {.command = "yes", .timeout_s = 60, .stream = true};

TEST("a reader who does not acknowledge is given no more than the mark, then all of it") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    far_answer_t *answer = far_on(drive.far, START);
    far_stream(answer);
    far_frame(answer, 0, START_EVENT);
    much_output(answer);
    far_frame(answer, 0, END_EVENT);
    far_frame(answer, E2B_RPC_END, EMPTY_END);
    far_last(answer);
    drive.ack = false;
    uint64_t id = drive_submit(&drive, drive_exec(&drive, &streaming));
    DRIVE_UNTIL(&drive, drive.out[0].len >= E2B_STREAM_MARK);
    settle(&drive);
    CHECK(drive.out[0].len < E2B_STREAM_MARK + 2 * PIECE);
    CHECK(drive_done(&drive, id) == NULL);
    size_t before = drive.out[0].len;
    e2b_client_ack(drive.client, id);
    DRIVE_UNTIL(&drive, drive.out[0].len >= before + E2B_STREAM_MARK);
    CHECK(drive.out[0].len < before + E2B_STREAM_MARK + 2 * PIECE);
    drive.ack = true;
    e2b_client_ack(drive.client, id);
    CHECK_INT(drive_wait(&drive, id)->err->code, E2B_OK);
    CHECK_INT(drive.out[0].len, PIECE * PIECES);
    drive_end(&drive);
}

/* Six streams whose readers do not acknowledge; all of them are whole in the end. */
enum { STREAMS = 6 };
static void check_many(size_t limit, size_t least, size_t most) {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    e2b_client_limit_streams(drive.client, limit);
    uint64_t ids[STREAMS];
    for (int i = 0; i < STREAMS; i++) {
        far_answer_t *answer = far_on(drive.far, START);
        far_stream(answer);
        far_frame(answer, 0, START_EVENT);
        much_output(answer);
        far_frame(answer, 0, END_EVENT);
        far_frame(answer, E2B_RPC_END, EMPTY_END);
        far_last(answer);
    }
    drive.ack = false;
    for (int i = 0; i < STREAMS; i++) ids[i] = drive_submit(&drive, drive_exec(&drive, &streaming));
    DRIVE_UNTIL(&drive, drive.out[0].len >= least);
    settle(&drive);
    CHECK(drive.out[0].len < most + STREAMS * 2 * PIECE);
    drive.ack = true;
    for (int i = 0; i < STREAMS; i++) e2b_client_ack(drive.client, ids[i]);
    for (int i = 0; i < STREAMS; i++) CHECK_INT(drive_wait(&drive, ids[i])->err->code, E2B_OK);
    CHECK_INT(drive.out[0].len, STREAMS * PIECE * PIECES);
    drive_end(&drive);
}

TEST("streams whose readers do not acknowledge share one bound, and none of them starves") {
    check_many(2 * E2B_STREAM_SHARE, STREAMS * E2B_STREAM_SHARE, STREAMS * E2B_STREAM_SHARE);
}

TEST("streams that have more together than a quarter of their bound have less each") {
    size_t each = STREAMS * E2B_STREAM_MARK_MANY;
    check_many(4 * E2B_STREAM_MARK, each, E2B_STREAM_MARK + each);
}

TEST("a call whose output is kept and not read never pauses") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    far_answer_t *answer = far_on(drive.far, START);
    far_stream(answer);
    far_frame(answer, 0, START_EVENT);
    much_output(answer);
    far_frame(answer, 0, END_EVENT);
    far_frame(answer, E2B_RPC_END, EMPTY_END);
    far_last(answer);
    e2b_exec_args_t args = {.command = "yes", .timeout_s = 60, .keep = true, .max_output = 100};
    e2b_result_t *result = drive_run(&drive, drive_exec(&drive, &args));
    CHECK_INT(result->err->code, E2B_OK);
    CHECK_INT(result->tail[0]->total, PIECE * PIECES);
    CHECK(result->tail[0]->cap <= 101);
    drive_end(&drive);
}

TEST("a reader who never acknowledges does not hold up the deadline") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    far_answer_t *answer = far_on(drive.far, START);
    far_stream(answer);
    far_frame(answer, 0, START_EVENT);
    much_output(answer);
    far_frame(answer, 0, "{\"event\":{\"end\":{\"status\":\"signal: killed\"}}}");
    far_frame(answer, E2B_RPC_END, EMPTY_END);
    far_last(answer);
    start_and_wait(&drive); /* the killer */
    drive.ack = false;
    e2b_exec_args_t args = streaming;
    args.timeout_s = 0.1;
    uint64_t id = drive_submit(&drive, drive_exec(&drive, &args));
    DRIVE_UNTIL(&drive, far_count_of(drive.far, START) == 2);
    e2b_client_ack(drive.client, id);
    drive.ack = true;
    e2b_result_t *result = drive_wait(&drive, id);
    CHECK(result->timed_out);
    drive_end(&drive);
}

TEST("a paused stream is cancelled as any other") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    far_answer_t *answer = far_on(drive.far, START);
    far_stream(answer);
    far_frame(answer, 0, START_EVENT);
    much_output(answer);
    far_stall(answer);
    start_and_wait(&drive); /* the killer */
    drive.ack = false;
    uint64_t id = drive_submit(&drive, drive_exec(&drive, &streaming));
    DRIVE_UNTIL(&drive, drive.out[0].len >= E2B_STREAM_MARK);
    e2b_client_ack(drive.client, id);
    e2b_client_cancel(drive.client, id);
    CHECK_INT(drive_wait(&drive, id)->err->code, E2B_ERR_CANCELLED);
    drive_end(&drive);
}

TEST("what is wrong in the piece that a pause held back ends the call when it goes on") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    far_answer_t *answer = far_on(drive.far, START);
    far_stream(answer);
    far_frame(answer, 0, START_EVENT);
    e2b_buf_t all; /* the mark exactly, then nonsense: in one piece of its own */
    char *bytes = malloc(E2B_STREAM_MARK);
    CHECK(bytes != NULL);
    memset(bytes, 'y', E2B_STREAM_MARK);
    e2b_buf_init(&all, 2u * E2B_STREAM_MARK);
    CHECK_INT(e2b_buf_puts(&all, "{\"event\":{\"data\":{\"stdout\":\""), E2B_OK);
    CHECK_INT(e2b_base64_encode(&all, bytes, E2B_STREAM_MARK), E2B_OK);
    CHECK_INT(e2b_buf_puts(&all, "\"}}}"), E2B_OK);
    far_frame(answer, 0, all.data);
    far_gate(answer);
    far_frame(answer, 0, "{\"event\":7}");
    far_stall(answer);
    free(bytes);
    e2b_buf_destroy(&all);
    far_send(far_on(drive.far, "GET /health"), "HTTP/1.1 204 No Content\r\n\r\n");
    drive.ack = false;
    uint64_t id = drive_submit(&drive, drive_exec(&drive, &streaming));
    DRIVE_UNTIL(&drive, drive.out[0].len == E2B_STREAM_MARK);
    far_open(drive.far);
    struct pollfd ready = {.fd = e2b_client_fd(drive.client), .events = POLLIN};
    CHECK_INT(poll(&ready, 1, DRIVE_DEADLINE_MS), 1);
    e2b_client_step(drive.client, 1000); /* held back by the pause */
    CHECK(e2b_client_take(drive.client) == NULL);
    e2b_client_ack(drive.client, id);
    e2b_result_t *result = drive_wait(&drive, id);
    CHECK_INT(result->err->code, E2B_ERR_BAD_RESPONSE);
    CHECK_INT(result->err->outcome, E2B_OUTCOME_INTERRUPTED);
    drive_end(&drive);
}

TEST_MAIN
