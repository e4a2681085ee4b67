/* Facts about direct.c: a request that the caller has put together goes out as it was given, once,
 * to the plane that was named, and whatever cannot stand in a request is refused before. */
#include "oom.h"

#include "operation.h"

#define BODY "{\"a\":1}"

static e2b_direct_args_t pause_args(void) {
    return (e2b_direct_args_t){.what = "pausing the sandbox",
                               .method = "POST",
                               .path = "/sandboxes/" SANDBOX "/pause",
                               .body = {BODY, strlen(BODY)}};
}

static e2b_op_t *direct(drive_t *drive, const e2b_direct_args_t *args) {
    DRIVE_OP(e2b_op_direct(&drive->call, SANDBOX, args, &op, &err));
}

TEST("to the control plane it goes with the key, a body and its type") {
    drive_t drive;
    drive_init(&drive);
    far_reply(far_on(drive.far, "POST /sandboxes/" SANDBOX "/pause"), 200, NULL, "{\"b\":2}");
    e2b_direct_args_t args = pause_args();
    e2b_result_t *result = drive_run(&drive, direct(&drive, &args));
    CHECK_INT(result->err->code, E2B_OK);
    CHECK_MEM(result->body->data, result->body->len, "{\"b\":2}", 7);
    const far_request_t *request = far_request(drive.far, 0);
    CHECK_MEM(request->body, request->body_len, BODY, strlen(BODY));
    CHECK_STR(far_header(drive.far, request, "content-type"), "application/json");
    CHECK_STR(far_header(drive.far, request, "x-api-key"), KEY);
    drive_end(&drive);
}

TEST("to a port of the sandbox it goes with the sandbox's tokens and without the key") {
    drive_t drive;
    drive_init(&drive);
    far_reply(far_on(drive.far, "POST /v2/sandboxes"), 201, NULL,
              "{\"sandboxID\":\"" SANDBOX "\",\"envdAccessToken\":\"" TOKEN
              "\",\"trafficAccessToken\":\"pass\"}");
    e2b_create_args_t create = {
        .name = "n", .timeout_s = 60, .auto_pause = -1, .allow_internet = -1};
    e2b_op_t *op = NULL;
    e2b_err_t err;
    CHECK_INT(e2b_op_create(&drive.call, &create, &op, &err), E2B_OK);
    CHECK_INT(drive_run(&drive, op)->err->code, E2B_OK);
    /* What a later look brings does not know the pass: what was known of it stays. */
    far_reply(far_on(drive.far, "GET /sandboxes/" SANDBOX), 200, NULL, OOM_MADE);
    CHECK_INT(e2b_op_get(&drive.call, SANDBOX, true, &op, &err), E2B_OK);
    far_reply(far_on(drive.far, "GET /metrics"), 200, NULL, "{}");
    CHECK_INT(drive_run(&drive, op)->err->code, E2B_OK);
    far_reply(far_on(drive.far, "POST /execute"), 200, NULL, "{}");
    const char *const headers[] = {"X-One: 1"};
    e2b_direct_args_t args = {.what = "running code",
                              .method = "POST",
                              .path = "/execute",
                              .port = 49999,
                              .headers = {headers, 1}};
    CHECK_INT(drive_run(&drive, direct(&drive, &args))->err->code, E2B_OK);
    const far_request_t *request = far_request_of(drive.far, "POST /execute", 0);
    CHECK_STR(far_header(drive.far, request, "e2b-sandbox-port"), "49999");
    CHECK_STR(far_header(drive.far, request, "x-access-token"), TOKEN);
    CHECK_STR(far_header(drive.far, request, "e2b-traffic-access-token"), "pass");
    CHECK_STR(far_header(drive.far, request, "x-one"), "1");
    CHECK_STR(far_header(drive.far, request, "x-api-key"), "");
    drive_end(&drive);
}

TEST("an error quotes neither token") {
    drive_t drive;
    drive_init(&drive);
    far_reply(far_on(drive.far, "POST /v2/sandboxes"), 201, NULL,
              "{\"sandboxID\":\"" SANDBOX "\",\"envdAccessToken\":\"" TOKEN
              "\",\"trafficAccessToken\":\"traffic-pass\"}");
    e2b_create_args_t create = {
        .name = "n", .timeout_s = 60, .auto_pause = -1, .allow_internet = -1};
    e2b_op_t *op = NULL;
    e2b_err_t err;
    CHECK_INT(e2b_op_create(&drive.call, &create, &op, &err), E2B_OK);
    CHECK_INT(drive_run(&drive, op)->err->code, E2B_OK);
    far_reply(far_on(drive.far, "GET /page"), 403, NULL,
              "{\"message\":\"no " TOKEN " nor traffic-pass\",\"code\":403}");
    e2b_direct_args_t args = {.what = "asking", .method = "GET", .path = "/page", .port = 8000};
    e2b_result_t *result = drive_run(&drive, direct(&drive, &args));
    CHECK(result->err->code != E2B_OK);
    CHECK(strstr(result->err->message, TOKEN) == NULL);
    CHECK(strstr(result->err->message, "traffic-pass") == NULL);
    drive_end(&drive);
}

TEST("what cannot stand in a request is refused by name, and nothing is sent") {
    drive_t drive;
    drive_init(&drive);
    const char *const too_many[] = {"A: 1", "B: 2", "C: 3", "D: 4"};
    const char *const broken[] = {"A: 1\r\nB: 2"};
    e2b_direct_args_t good = pause_args(), wrong[8];
    for (int i = 0; i < 8; i++) wrong[i] = good;
    wrong[0].what = "";
    wrong[1].method = "TRACE";
    wrong[2].path = "sandboxes";
    wrong[3].path = "/a b";
    wrong[4].path = "/a\r\nX: y";
    wrong[5].port = 65536;
    wrong[6].headers = (e2b_strings_t){too_many, 4};
    wrong[7].headers = (e2b_strings_t){broken, 1};
    const char *const names[] = {"what", "method", "path",    "path",
                                 "path", "port",   "headers", "headers"};
    for (int i = 0; i < 8; i++) {
        e2b_op_t *op = NULL;
        e2b_err_t err;
        e2b_err_init(&err);
        CHECK_INT(e2b_op_direct(&drive.call, SANDBOX, &wrong[i], &op, &err),
                  E2B_ERR_INVALID_ARGUMENT);
        CHECK(op == NULL && strncmp(err.message, names[i], strlen(names[i])) == 0);
    }
    e2b_op_t *op = NULL;
    e2b_err_t err;
    good.port = 49983;
    CHECK_INT(e2b_op_direct(&drive.call, NULL, &good, &op, &err), E2B_ERR_INVALID_ARGUMENT);
    drive_end(&drive);
}

TEST("without being idempotent, a lost answer is an unknown outcome that is not retryable") {
    drive_t drive;
    drive_init(&drive);
    for (int idempotent = 0; idempotent < 2; idempotent++) {
        far_reset(far_on(drive.far, "POST /sandboxes/" SANDBOX "/pause"));
        e2b_direct_args_t args = pause_args();
        args.idempotent = idempotent;
        e2b_result_t *result = drive_run(&drive, direct(&drive, &args));
        CHECK_INT(result->err->outcome, E2B_OUTCOME_UNKNOWN);
        CHECK_INT(result->err->retryable, idempotent);
    }
    drive_end(&drive);
}

static int build_direct(const e2b_call_t *call, e2b_op_t **out, e2b_err_t *err) {
    const char *const headers[] = {"X-One: 1", "X-Two: 2"};
    e2b_direct_args_t args = {.what = "running code",
                              .method = "POST",
                              .path = "/execute?a=b",
                              .port = 49999,
                              .user = "root",
                              .body = {BODY, strlen(BODY)},
                              .headers = {headers, 2},
                              .stream = true};
    return e2b_op_direct(call, SANDBOX, &args, out, err);
}

TEST("a stream, with every allocation failing once") {
    oom_begin();
    far_answer_t *answer = far_on(oom_far, "POST /execute");
    far_always(answer);
    far_reply(answer, 200, NULL, "{\"type\":\"end_of_execution\"}\n");
    oom_check(&(oom_plan_t){.build = build_direct, .at_least = 40});
    oom_end();
}

TEST_MAIN
