/* Facts about files.c: what each operation sends, what it makes of the answer, and what it refuses.
 */
#include "drive.h"

static e2b_op_t *read_file(drive_t *drive, const char *path, const char *user, size_t max) {
    DRIVE_OP(e2b_op_read_file(&drive->call, SANDBOX, path, user, max, &op, &err));
}

TEST("a file is written and read as bytes, whatever they are") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    static const char bytes[] = "\0\xff\r\n\r\nNUL";
    far_reply(far_on(drive.far, "POST /files"), 200, "Content-Type: text/plain\r\n", "[{}]");
    e2b_op_t *op = NULL;
    const char *const headers[] = {"X-Metadata-a: b", "Content-Encoding: gzip"};
    e2b_write_args_t args = {.path = "/a b/\xc3\xa9", .user = "root", .headers = {headers, 2}};
    CHECK_INT(e2b_op_write_file(&drive.call, SANDBOX, &args, (e2b_bytes_t){bytes, sizeof bytes},
                                &op, NULL),
              E2B_OK);
    CHECK_STR(drive_run(&drive, op)->body->data, "[{}]");
    const far_request_t *request = far_request_of(drive.far, "POST /files", 0);
    CHECK_STR(request->line, "POST /files?path=%2Fa%20b%2F%C3%A9&username=root");
    CHECK_MEM(request->body, request->body_len, bytes, sizeof bytes);
    CHECK_STR(far_header(drive.far, request, "Content-Type"), "application/octet-stream");
    CHECK_STR(far_header(drive.far, request, "X-Metadata-a"), "b");
    CHECK_STR(far_header(drive.far, request, "Content-Encoding"), "gzip");
    far_answer_t *answer = far_on(drive.far, "GET /files");
    far_send(answer, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
    far_send_bytes(answer, bytes, sizeof bytes);
    e2b_result_t *result = drive_run(&drive, read_file(&drive, "/x", NULL, 10));
    CHECK_INT(result->err->code, E2B_OK);
    CHECK_MEM(result->body->data, result->body->len, bytes, sizeof bytes);
    drive_end(&drive);
}

TEST("an empty file is written and read") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    far_reply(far_on(drive.far, "POST /files"), 200, NULL, "[]");
    far_reply(far_on(drive.far, "GET /files"), 200, NULL, "");
    e2b_op_t *op = NULL;
    e2b_write_args_t args = {.path = "e"};
    CHECK_INT(e2b_op_write_file(&drive.call, SANDBOX, &args, (e2b_bytes_t){NULL, 0}, &op, NULL),
              E2B_OK);
    CHECK_INT(drive_run(&drive, op)->err->code, E2B_OK);
    CHECK_STR(far_header(drive.far, far_request_of(drive.far, "POST /files", 0), "Content-Length"),
              "0");
    e2b_result_t *result = drive_run(&drive, read_file(&drive, "e", NULL, 0));
    CHECK_INT(result->err->code, E2B_OK);
    CHECK_INT(result->body->len, 0);
    drive_end(&drive);
}

TEST("a file longer than the bound, one that is not there, a full disk") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    far_reply(far_on(drive.far, "GET /files"), 200, NULL, "12345678901");
    far_reply(far_on(drive.far, "GET /files"), 404, NULL, "{\"code\":404,\"message\":\"no x\"}");
    far_reply(far_on(drive.far, "POST /files"), 507, NULL, "{\"code\":507,\"message\":\"full\"}");
    CHECK_INT(drive_run(&drive, read_file(&drive, "x", NULL, 10))->err->code,
              E2B_ERR_RESPONSE_TOO_LARGE);
    CHECK_INT(drive_run(&drive, read_file(&drive, "x", NULL, 10))->err->code, E2B_ERR_NOT_FOUND);
    e2b_op_t *op = NULL;
    e2b_write_args_t args = {.path = "x"};
    CHECK_INT(e2b_op_write_file(&drive.call, SANDBOX, &args, (e2b_bytes_t){"x", 1}, &op, NULL),
              E2B_OK);
    CHECK_INT(drive_run(&drive, op)->err->code, E2B_ERR_DISK_FULL);
    drive_end(&drive);
}

TEST("listing and removing name the path, and the user in the Basic header") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    far_reply(far_on(drive.far, "POST /filesystem.Filesystem/ListDir"), 200, NULL,
              "{\"entries\":[]}");
    far_reply(far_on(drive.far, "POST /filesystem.Filesystem/Remove"), 200, NULL, "{}");
    e2b_op_t *op = NULL;
    CHECK_INT(e2b_op_list_files(&drive.call, SANDBOX, "/\"d\"", "u", 2, &op, NULL), E2B_OK);
    CHECK_STR(drive_run(&drive, op)->body->data, "{\"entries\":[]}");
    const far_request_t *request = far_request_of(drive.far, "POST /filesystem.", 0);
    CHECK_STR(request->body, "{\"path\":\"/\\\"d\\\"\",\"depth\":2}");
    CHECK_STR(far_header(drive.far, request, "Authorization"), "Basic dTo=");
    CHECK_STR(far_header(drive.far, request, "Connect-Protocol-Version"), "1");
    CHECK_INT(e2b_op_remove_file(&drive.call, SANDBOX, "x", NULL, &op, NULL), E2B_OK);
    CHECK_INT(drive_run(&drive, op)->err->code, E2B_OK);
    CHECK_STR(far_request_of(drive.far, "POST /filesystem.", 1)->body, "{\"path\":\"x\"}");
    drive_end(&drive);
}

TEST("bad input of file calls is refused") {
    drive_t drive;
    drive_init(&drive);
    e2b_op_t *op = NULL;
    e2b_err_t err;
    e2b_err_init(&err);
    char path[13001];
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    static const char *const users[] = {"", "a:b", "a\nb"};
    const char *const paths[] = {NULL, "", path};
    for (size_t i = 0; i < 3; i++) {
        CHECK_INT(e2b_op_read_file(&drive.call, SANDBOX, paths[i], NULL, 0, &op, &err),
                  E2B_ERR_INVALID_ARGUMENT);
        CHECK(strstr(err.message, "path") != NULL);
        CHECK_INT(e2b_op_remove_file(&drive.call, SANDBOX, "x", users[i], &op, &err),
                  E2B_ERR_INVALID_ARGUMENT);
        CHECK_INT(e2b_op_read_file(&drive.call, SANDBOX, "x", users[i], 0, &op, &err),
                  E2B_ERR_INVALID_ARGUMENT);
        CHECK(strstr(err.message, "user") != NULL);
    }
    CHECK_INT(e2b_op_list_files(&drive.call, SANDBOX, "x", NULL, 0, &op, &err),
              E2B_ERR_INVALID_ARGUMENT);
    CHECK_INT(e2b_op_list_files(&drive.call, SANDBOX, "x", NULL, 1001, &op, &err),
              E2B_ERR_INVALID_ARGUMENT);
    CHECK(op == NULL);
    drive_end(&drive);
}

TEST_MAIN
