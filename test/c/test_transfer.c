/* Facts about transfer.c: files as streams, down and up: nothing but the part that was asked for,
 * no more in memory than was said, and every way in which a stream is held back, refused or ended.
 */
#include "drive.h"

#include "operation.h"

#define FILE_BYTES (4u * 1024 * 1024)
#define BULK_BYTES 131072 /* libcurl hands out at most so much at once */
#define GET "GET /files"
#define POST "POST /files"
#define PATH "/tmp/f"

static char *pattern(size_t len) {
    char *bytes = malloc(len);
    CHECK(bytes != NULL);
    for (size_t i = 0; i < len; i++) bytes[i] = (char)(i * 7 + i / 1000);
    return bytes;
}

static e2b_op_t *download(drive_t *drive, int64_t offset) {
    DRIVE_OP(e2b_op_download(&drive->call, SANDBOX, PATH, NULL, offset, &op, &err));
}

static e2b_op_t *upload(drive_t *drive, int64_t size) {
    e2b_write_args_t args = {.path = PATH};
    DRIVE_OP(e2b_op_upload(&drive->call, SANDBOX, &args, size, &op, &err));
}

/* The head and the first bytes of an answer that says total. */
static far_answer_t *sends(drive_t *drive, int status, size_t total, const char *bytes,
                           size_t len) {
    char head[100];
    snprintf(head, sizeof head, "HTTP/1.1 %d Scripted\r\nContent-Length: %zu\r\n\r\n", status,
             total);
    far_answer_t *answer = far_on(drive->far, GET);
    far_send(answer, head);
    far_send_bytes(answer, bytes, len);
    return answer;
}

static int feed(drive_t *drive, uint64_t id, const char *bytes, size_t len, bool end,
                size_t *waiting) {
    return e2b_client_feed(drive->client, id, (e2b_bytes_t){bytes, len}, end, waiting);
}

/* Until a call that began after everything else has run into a deadline that is longer than the
 * others'. */
static void outlast(drive_t *drive, int64_t ms) {
    far_stall(far_on(drive->far, "GET /v2/sandboxes"));
    e2b_call_t call = {drive->call.config, ms};
    e2b_op_t *op = NULL;
    e2b_err_t err;
    e2b_err_init(&err);
    CHECK_INT(e2b_op_list(&call, &(e2b_list_args_t){.limit = 1}, &op, &err), E2B_OK);
    CHECK_INT(drive_run(drive, op)->err->code, E2B_ERR_TIMEOUT);
}

/* ---- down ---- */

TEST("a file comes down whole and in order") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    char *bytes = pattern(FILE_BYTES);
    sends(&drive, 200, FILE_BYTES, bytes, FILE_BYTES);
    e2b_result_t *result = drive_run(&drive, download(&drive, 0));
    CHECK_INT(result->err->code, E2B_OK);
    CHECK_INT(result->status, 200);
    CHECK_INT(result->body->len, 0);
    CHECK(drive.news & E2B_NEWS_STARTED);
    CHECK_MEM(drive.out[0].data, drive.out[0].len, bytes, FILE_BYTES);
    CHECK_STR(far_header(drive.far, far_request_of(drive.far, GET, 0), "range"), "");
    drive_end(&drive);
    free(bytes);
}

TEST("an empty file is no bytes and no error") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    sends(&drive, 200, 0, "", 0);
    CHECK_INT(drive_run(&drive, download(&drive, 0))->err->code, E2B_OK);
    CHECK_INT(drive.out[0].len, 0);
    drive_end(&drive);
}

TEST("a reader who is silent holds the stream back at the mark, and gets all of it in the end") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    drive.ack = false;
    char *bytes = pattern(FILE_BYTES);
    sends(&drive, 200, FILE_BYTES, bytes, FILE_BYTES);
    e2b_op_t *op = download(&drive, 0);
    uint64_t id = drive_submit(&drive, op);
    size_t before = 0;
    while (!drive_done(&drive, id)) {
        DRIVE_UNTIL(&drive, op->http.paused || drive_done(&drive, id) != NULL);
        CHECK(drive.out[0].len > before);
        CHECK(drive.out[0].len - before < E2B_STREAM_MARK + BULK_BYTES);
        before = drive.out[0].len;
        e2b_client_ack(drive.client, id);
        DRIVE_UNTIL(&drive, drive.out[0].len > before || drive_done(&drive, id) != NULL);
    }
    CHECK_INT(e2b_op_result(op)->err->code, E2B_OK);
    CHECK_MEM(drive.out[0].data, drive.out[0].len, bytes, FILE_BYTES);
    drive_end(&drive);
    free(bytes);
}

TEST("a reader may be silent for longer than a request may take") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    drive.ack = false;
    char *bytes = pattern(FILE_BYTES);
    sends(&drive, 200, FILE_BYTES, bytes, FILE_BYTES);
    drive.call.request_timeout_ms = 200;
    e2b_op_t *op = download(&drive, 0);
    uint64_t id = drive_submit(&drive, op);
    DRIVE_UNTIL(&drive, op->http.paused);
    outlast(&drive, 600);
    CHECK(drive_done(&drive, id) == NULL);
    drive.ack = true;
    e2b_client_ack(drive.client, id);
    CHECK_INT(drive_wait(&drive, id)->err->code, E2B_OK);
    CHECK_INT(drive.out[0].len, FILE_BYTES);
    drive_end(&drive);
    free(bytes);
}

TEST("from an offset on, the far end is asked for that part and has to say that it is one") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    sends(&drive, 206, 3, "789", 3);
    CHECK_INT(drive_run(&drive, download(&drive, 7))->err->code, E2B_OK);
    CHECK_MEM(drive.out[0].data, drive.out[0].len, "789", 3);
    CHECK_STR(far_header(drive.far, far_request_of(drive.far, GET, 0), "range"), "bytes=7-");
    e2b_buf_reset(&drive.out[0]);
    sends(&drive, 200, 10, "0123456789", 10);
    e2b_result_t *result = drive_run(&drive, download(&drive, 7));
    CHECK_INT(result->err->code, E2B_ERR_BAD_RESPONSE);
    CHECK(strstr(result->err->message, "whole file") != NULL);
    CHECK_INT(drive.out[0].len, 0); /* nothing of the wrong part */
    drive_end(&drive);
}

TEST("an offset behind the end is refused, and the refusal's body is nobody's output") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    far_reply(far_on(drive.far, GET), 416, NULL, "{\"code\":416,\"message\":\"past the end\"}");
    e2b_result_t *result = drive_run(&drive, download(&drive, 99));
    CHECK_INT(result->err->code, E2B_ERR_BAD_REQUEST);
    CHECK_INT(result->err->outcome, E2B_OUTCOME_REJECTED);
    CHECK_INT(result->err->status, 416);
    CHECK(strstr(result->err->message, "past the end") != NULL);
    CHECK_INT(drive.out[0].len, 0);
    CHECK(!(drive.news & E2B_NEWS_STARTED));
    drive_end(&drive);
}

TEST("a negative offset is refused before anything is sent") {
    drive_t drive;
    drive_init(&drive);
    e2b_op_t *op = NULL;
    e2b_err_t err;
    e2b_err_init(&err);
    CHECK_INT(e2b_op_download(&drive.call, SANDBOX, PATH, NULL, -1, &op, &err),
              E2B_ERR_INVALID_ARGUMENT);
    CHECK(op == NULL);
    CHECK_INT(far_count(drive.far), 0);
    drive_end(&drive);
}

TEST("a file that breaks off was interrupted, and may be asked for again") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    far_close(sends(&drive, 200, 100, "0123456789", 10));
    e2b_result_t *result = drive_run(&drive, download(&drive, 0));
    CHECK_INT(result->err->code, E2B_ERR_CONNECTION_LOST);
    CHECK_INT(result->err->outcome, E2B_OUTCOME_INTERRUPTED);
    CHECK(result->err->retryable);
    CHECK_MEM(drive.out[0].data, drive.out[0].len, "0123456789", 10);
    drive_end(&drive);
}

TEST("bytes that stop coming are a timeout, and what came before is kept") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    far_stall(sends(&drive, 200, 100, "0123456789", 10));
    drive.call.request_timeout_ms = 150;
    e2b_result_t *result = drive_run(&drive, download(&drive, 0));
    CHECK_INT(result->err->code, E2B_ERR_TIMEOUT);
    CHECK_INT(result->err->outcome, E2B_OUTCOME_INTERRUPTED);
    CHECK_INT(drive.out[0].len, 10);
    drive_end(&drive);
}

TEST("a cancel ends a stream that is held back, and its connection") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    drive.ack = false;
    char *bytes = pattern(FILE_BYTES);
    sends(&drive, 200, FILE_BYTES, bytes, FILE_BYTES);
    e2b_op_t *op = download(&drive, 0);
    uint64_t id = drive_submit(&drive, op);
    DRIVE_UNTIL(&drive, op->http.paused);
    e2b_client_cancel(drive.client, id);
    e2b_result_t *result = drive_wait(&drive, id);
    CHECK_INT(result->err->code, E2B_ERR_CANCELLED);
    CHECK_INT(result->err->outcome, E2B_OUTCOME_INTERRUPTED);
    DRIVE_UNTIL(&drive, far_open_connections(drive.far) == 0);
    drive_end(&drive);
    free(bytes);
}

TEST("a stream that is held back costs another one nothing") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    drive.ack = false;
    char *bytes = pattern(FILE_BYTES);
    sends(&drive, 200, FILE_BYTES, bytes, FILE_BYTES);
    e2b_op_t *slow = download(&drive, 0);
    uint64_t id = drive_submit(&drive, slow);
    DRIVE_UNTIL(&drive, slow->http.paused);
    size_t held = drive.out[0].len;
    sends(&drive, 200, 10, "0123456789", 10);
    CHECK_INT(drive_run(&drive, download(&drive, 0))->err->code, E2B_OK);
    CHECK_INT(drive.out[0].len, held + 10);
    CHECK(drive_done(&drive, id) == NULL);
    drive_end(&drive);
    free(bytes);
}

/* ---- up ---- */

TEST("a file goes up whole and in order, fed in pieces as they are wanted") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    far_reply(far_on(drive.far, POST), 200, NULL, "[]");
    char *bytes = pattern(FILE_BYTES);
    uint64_t id = drive_submit(&drive, upload(&drive, FILE_BYTES));
    const size_t piece = 300000;
    for (size_t at = 0; at < FILE_BYTES;) {
        size_t len = piece < FILE_BYTES - at ? piece : FILE_BYTES - at, waiting = 0;
        drive.news = 0;
        CHECK_INT(feed(&drive, id, bytes + at, len, at + len == FILE_BYTES, &waiting), E2B_OK);
        CHECK_INT(waiting, len);
        at += len;
        DRIVE_UNTIL(&drive, drive.news & E2B_NEWS_DRAINED);
    }
    e2b_result_t *result = drive_wait(&drive, id);
    CHECK_INT(result->err->code, E2B_OK);
    CHECK_MEM(result->body->data, result->body->len, "[]", 2);
    const far_request_t *request = far_request_of(drive.far, POST, 0);
    CHECK_MEM(request->body, request->body_len, bytes, FILE_BYTES);
    CHECK_STR(far_header(drive.far, request, "content-type"), "application/octet-stream");
    CHECK_STR(far_header(drive.far, request, "expect"), "");
    drive_end(&drive);
    free(bytes);
}

TEST("a form goes up under the type that its caller names, and without a path") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    far_reply(far_on(drive.far, POST), 200, NULL, "[]");
    const char *const headers[] = {"Content-Type: multipart/form-data; boundary=b",
                                   "X-Metadata-a: b"};
    e2b_write_args_t args = {.user = "root", .headers = {headers, 2}, .form = true};
    e2b_op_t *op = NULL;
    CHECK_INT(e2b_op_upload(&drive.call, SANDBOX, &args, 5, &op, NULL), E2B_OK);
    uint64_t id = drive_submit(&drive, op);
    size_t waiting;
    CHECK_INT(feed(&drive, id, "--b--", 5, true, &waiting), E2B_OK);
    CHECK_INT(drive_wait(&drive, id)->err->code, E2B_OK);
    const far_request_t *request = far_request_of(drive.far, POST, 0);
    CHECK_STR(request->line, "POST /files?username=root");
    CHECK_STR(far_header(drive.far, request, "content-type"), "multipart/form-data; boundary=b");
    CHECK_STR(far_header(drive.far, request, "x-metadata-a"), "b");
    CHECK_STR(request->body, "--b--");
    args.form = false;
    e2b_err_t err;
    e2b_err_init(&err);
    CHECK_INT(e2b_op_upload(&drive.call, SANDBOX, &args, 5, &op, &err), E2B_ERR_INVALID_ARGUMENT);
    CHECK(strstr(err.message, "path") != NULL);
    drive_end(&drive);
}

TEST("a file of a length that nobody knows goes up in chunks") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    far_answer_t *answer = far_on(drive.far, POST); /* it reads no chunks: its goodbye ends them */
    far_early(answer);
    far_body(answer);
    far_reply(answer, 200, "Connection: close\r\n", "[]");
    far_close(answer);
    size_t waiting;
    uint64_t id = drive_submit(&drive, upload(&drive, -1));
    CHECK_INT(feed(&drive, id, "text", 4, true, &waiting), E2B_OK);
    CHECK_INT(drive_wait(&drive, id)->err->code, E2B_OK);
    const far_request_t *request = far_request_of(drive.far, POST, 0);
    CHECK_STR(far_header(drive.far, request, "transfer-encoding"), "chunked");
    CHECK_STR(far_header(drive.far, request, "content-length"), "");
    drive_end(&drive);
}

TEST("no more than the bound is fed, and what is too much is not taken in part") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    far_reply(far_on(drive.far, POST), 200, NULL, "[]");
    char *bytes = pattern(E2B_FEED_MAX);
    uint64_t id = drive_submit(&drive, upload(&drive, E2B_FEED_MAX));
    size_t waiting = 0;
    CHECK_INT(feed(&drive, id, bytes, E2B_FEED_MAX - 1, false, &waiting), E2B_OK);
    CHECK(feed(&drive, id, bytes, 2, true, &waiting) != E2B_OK);
    CHECK_INT(waiting, E2B_FEED_MAX - 1);
    CHECK_INT(feed(&drive, id, bytes + E2B_FEED_MAX - 1, 1, true, &waiting), E2B_OK);
    CHECK_INT(waiting, E2B_FEED_MAX);
    CHECK(feed(&drive, id, bytes, 1, true, &waiting) != E2B_OK);
    CHECK_INT(drive_wait(&drive, id)->err->code, E2B_OK);
    const far_request_t *request = far_request_of(drive.far, POST, 0);
    CHECK_MEM(request->body, request->body_len, bytes, E2B_FEED_MAX);
    drive_end(&drive);
    free(bytes);
}

TEST("whoever feeds a call that is over, or one that takes nothing, is not told of an error") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    far_reply(far_on(drive.far, POST), 200, NULL, "[]");
    size_t waiting = 1;
    CHECK_INT(feed(&drive, 99, "x", 1, false, &waiting), E2B_OK);
    CHECK_INT(waiting, 0);
    uint64_t id = drive_submit(&drive, upload(&drive, 1));
    CHECK_INT(feed(&drive, id, "x", 1, true, &waiting), E2B_OK);
    CHECK_INT(drive_wait(&drive, id)->err->code, E2B_OK);
    CHECK_INT(feed(&drive, id, "x", 1, true, &waiting), E2B_OK);
    CHECK_INT(waiting, 0);
    uint64_t other = drive_submit(&drive, drive_get(&drive));
    CHECK_INT(feed(&drive, other, "x", 1, true, &waiting), E2B_OK);
    CHECK_INT(waiting, 0);
    CHECK_INT(drive_wait(&drive, other)->err->code, E2B_OK);
    drive_end(&drive);
}

TEST("a far end that refuses before the body has come is heard at once") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    far_answer_t *answer = far_on(drive.far, POST);
    far_early(answer);
    far_reply(answer, 507, NULL, "{\"code\":507,\"message\":\"no room\"}");
    far_stall(answer);
    uint64_t id = drive_submit(&drive, upload(&drive, FILE_BYTES)); /* nothing is ever fed */
    e2b_result_t *result = drive_wait(&drive, id);
    CHECK_INT(result->err->code, E2B_ERR_DISK_FULL);
    CHECK_INT(result->err->outcome, E2B_OUTCOME_REJECTED);
    CHECK(strstr(result->err->message, "no room") != NULL);
    drive_end(&drive);
}

TEST("a source of another length than was said makes neither a shorter file nor a part of one") {
    static const size_t lengths[] = {0, 10, 101};
    char *bytes = pattern(101);
    for (size_t i = 0; i < 3; i++) {
        drive_t drive;
        drive_init(&drive);
        drive_known(&drive);
        far_reply(far_on(drive.far, POST), 200, NULL, "[]");
        size_t waiting;
        uint64_t id = drive_submit(&drive, upload(&drive, 100));
        CHECK_INT(feed(&drive, id, bytes, lengths[i], true, &waiting), E2B_OK);
        e2b_result_t *result = drive_wait(&drive, id);
        CHECK_INT(result->err->code, E2B_ERR_INVALID_ARGUMENT);
        CHECK(!result->err->retryable);
        CHECK_INT(far_count_of(drive.far, POST), 0); /* never whole */
        drive_end(&drive);
    }
    free(bytes);
}

TEST("a source may be silent for longer than a request may take; a far end may not") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    far_stall(far_on(drive.far, POST));
    drive.call.request_timeout_ms = 200;
    e2b_op_t *op = upload(&drive, 8);
    uint64_t id = drive_submit(&drive, op);
    size_t waiting;
    CHECK_INT(feed(&drive, id, "0123", 4, false, &waiting), E2B_OK);
    DRIVE_UNTIL(&drive, op->http.paused);
    outlast(&drive, 600);
    CHECK(drive_done(&drive, id) == NULL);
    CHECK_INT(feed(&drive, id, "4567", 4, true, &waiting), E2B_OK);
    e2b_result_t *result = drive_wait(&drive, id);
    CHECK_INT(result->err->code, E2B_ERR_TIMEOUT);
    CHECK_INT(result->err->outcome, E2B_OUTCOME_UNKNOWN);
    CHECK(!result->err->retryable);
    drive_end(&drive);
}

TEST("a cancel ends an upload that waits for bytes") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    far_stall(far_on(drive.far, POST));
    e2b_op_t *op = upload(&drive, 8);
    uint64_t id = drive_submit(&drive, op);
    DRIVE_UNTIL(&drive, op->http.paused);
    e2b_client_cancel(drive.client, id);
    e2b_result_t *result = drive_wait(&drive, id);
    CHECK_INT(result->err->code, E2B_ERR_CANCELLED);
    CHECK_INT(result->err->outcome, E2B_OUTCOME_UNKNOWN);
    DRIVE_UNTIL(&drive, far_open_connections(drive.far) == 0);
    drive_end(&drive);
}

TEST_MAIN
