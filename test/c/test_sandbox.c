/* Facts about create.c and sandbox.c: what each operation sends, what it makes of the answer, and
 * what it refuses. */
#include "drive.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define MADE "{\"sandboxID\":\"" SANDBOX "\",\"envdAccessToken\":\"" TOKEN "\"}"
#define V2 "POST /v2/sandboxes"
#define V1 "POST /sandboxes"
#define OURS_404 "{\"code\":404,\"message\":\"template not found\"}"
#define NO_CONTENT "HTTP/1.1 204 No Content\r\n\r\n"
#define ONE "POST /sandboxes/" SANDBOX

/* ---- create ---- */

TEST("create sends what was given and nothing else") {
    drive_t drive;
    drive_init(&drive);
    const char *const metadata[] = {"k", "v", "\"q\"", "\xc3\xa9"};
    const char *const env[] = {"A", "1"};
    e2b_create_args_t args = {.name = "n",
                              .template_id = "t",
                              .timeout_s = 1.2,
                              .memory_mb = 512,
                              .cpu_count = 2,
                              .metadata = {metadata, 4},
                              .env = {env, 2},
                              .auto_pause = 1,
                              .auto_pause_memory = -1,
                              .auto_resume = 1,
                              .allow_internet = 0,
                              .network = "{\"denyOut\": [\"0.0.0.0/0\"]}"};
    far_reply(far_on(drive.far, V2), 201, NULL, MADE);
    e2b_op_t *op = NULL;
    CHECK_INT(e2b_op_create(&drive.call, &args, &op, NULL), E2B_OK);
    e2b_result_t *result = drive_run(&drive, op);
    CHECK_INT(result->err->code, E2B_OK);
    CHECK_INT(result->status, 201);
    CHECK_STR(result->body->data, MADE);
    CHECK_STR(far_request(drive.far, 0)->body,
              "{\"templateID\":\"t\",\"timeout\":2,\"metadata\":{\"e2b-swarm.name\":\"n\",\"k\":"
              "\"v\",\"\\\"q\\\"\":\"\xc3\xa9\"},\"envVars\":{\"A\":\"1\"},\"autoPause\":true,"
              "\"allow_internet_access\":false,\"network\":{\"denyOut\":[\"0.0.0.0/0\"]},"
              "\"autoResume\":{\"enabled\":true}}");
    CHECK_STR(far_header(drive.far, far_request(drive.far, 0), "Content-Type"), "application/json");
    drive_end(&drive);
}

typedef struct fallback {
    int status;
    const char *body;
    bool falls;
} fallback_t;

TEST("create goes back to the older path only where the far end does not know the newer one") {
    static const fallback_t cases[] = {
        {405, "", true},  {405, OURS_404, true},  {404, "404 page not found", true},
        {404, "", true},  {404, OURS_404, false}, {400, "", false},
        {500, "", false}, {501, "", false}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        drive_t drive;
        drive_init(&drive);
        far_reply(far_on(drive.far, V2), cases[i].status, NULL, cases[i].body);
        far_reply(far_on(drive.far, V1), 201, NULL, MADE);
        e2b_result_t *result = drive_run(&drive, drive_create(&drive));
        CHECK_INT(result->err->code == E2B_OK, cases[i].falls);
        CHECK_INT(far_count_of(drive.far, V2), 1);
        CHECK_INT(far_count_of(drive.far, V1), cases[i].falls);
        if (cases[i].falls) {
            CHECK_STR(far_request_of(drive.far, V1, 0)->body,
                      "{\"secure\":true,\"templateID\":\"base\",\"timeout\":300,\"metadata\":{"
                      "\"e2b-swarm.name\":\"fact\"}}");
        }
        drive_end(&drive);
    }
}

TEST("the older path is tried once, and its failure is the call's") {
    drive_t drive;
    drive_init(&drive);
    far_reply(far_on(drive.far, V2), 405, NULL, "");
    far_reset(far_on(drive.far, V1));
    e2b_result_t *result = drive_run(&drive, drive_create(&drive));
    CHECK_INT(result->err->code, E2B_ERR_CONNECTION_LOST);
    CHECK_INT(result->err->outcome, E2B_OUTCOME_UNKNOWN);
    CHECK_INT(far_count_of(drive.far, V1), 1);
    drive_end(&drive);
}

static void check_refused(drive_t *drive, e2b_create_args_t args, const char *field) {
    e2b_op_t *op = NULL;
    e2b_err_t err;
    e2b_err_init(&err);
    CHECK_INT(e2b_op_create(&drive->call, &args, &op, &err), E2B_ERR_INVALID_ARGUMENT);
    CHECK(op == NULL);
    CHECK(strstr(err.message, field) != NULL);
}

TEST("bad input of create is refused by the name of its field") {
    drive_t drive;
    drive_init(&drive);
    const double nan = 0.0 / 0.0;
    const double times[] = {0, -1, nan, 86400.5, 1e300};
    const double memories[] = {127, -1, nan};
    const double cpus[] = {0.5, 1.5, -1, nan};
    check_refused(&drive, (e2b_create_args_t){.name = NULL, .timeout_s = 1}, "name");
    check_refused(&drive, (e2b_create_args_t){.name = "", .timeout_s = 1}, "name");
    check_refused(&drive, (e2b_create_args_t){.name = " \t\n", .timeout_s = 1}, "name");
    check_refused(&drive, (e2b_create_args_t){.name = "n", .template_id = "", .timeout_s = 1},
                  "template");
    for (size_t i = 0; i < COUNT(times); i++)
        check_refused(&drive, (e2b_create_args_t){.name = "n", .timeout_s = times[i]}, "timeout");
    for (size_t i = 0; i < COUNT(memories); i++)
        check_refused(&drive,
                      (e2b_create_args_t){.name = "n", .timeout_s = 1, .memory_mb = memories[i]},
                      "memoryMb");
    for (size_t i = 0; i < COUNT(cpus); i++)
        check_refused(&drive,
                      (e2b_create_args_t){.name = "n", .timeout_s = 1, .cpu_count = cpus[i]},
                      "cpuCount");
    const char *const networks[] = {"", "5", "[1]", "{"};
    for (size_t i = 0; i < COUNT(networks); i++)
        check_refused(&drive,
                      (e2b_create_args_t){.name = "n", .timeout_s = 1, .network = networks[i]},
                      "network");
    char *huge = malloc(17u * 1024 * 1024);
    CHECK(huge != NULL);
    memset(huge, 'a', 17u * 1024 * 1024 - 1);
    huge[17u * 1024 * 1024 - 1] = '\0';
    check_refused(&drive, (e2b_create_args_t){.name = huge, .timeout_s = 1}, "too long");
    free(huge);
    drive_end(&drive);
}

TEST("every call wants a key, and a request timeout within a day") {
    drive_t drive;
    drive_init(&drive);
    e2b_config_t *with_key = drive.call.config;
    drive.call.config = drive_config(far_port(drive.far), &(e2b_config_options_t){.api_key = NULL});
    e2b_create_args_t args = {.name = "n", .timeout_s = 1};
    e2b_op_t *op = NULL;
    e2b_err_t err;
    e2b_err_init(&err);
    CHECK_INT(e2b_op_create(&drive.call, &args, &op, &err), E2B_ERR_MISSING_API_KEY);
    CHECK(strstr(err.message, "E2B_API_KEY") != NULL);
    e2b_config_release(drive.call.config);
    drive.call.config = with_key;
    drive.call.request_timeout_ms = -1;
    CHECK_INT(e2b_op_create(&drive.call, &args, &op, &err), E2B_ERR_INVALID_ARGUMENT);
    drive.call.request_timeout_ms = 86400001;
    CHECK_INT(e2b_op_create(&drive.call, &args, &op, &err), E2B_ERR_INVALID_ARGUMENT);
    drive_end(&drive);
}

/* ---- get, list ---- */

TEST("the metrics are asked for only of a sandbox that runs, and may fail by themselves") {
    static const char *const states[] = {"running", "paused"};
    for (size_t i = 0; i < 2; i++) {
        for (int fails = 0; fails < 2; fails++) {
            drive_t drive;
            drive_init(&drive);
            char body[128];
            snprintf(body, sizeof body, "{\"state\":\"%s\"}", states[i]);
            far_reply(far_on(drive.far, "GET /sandboxes/" SANDBOX), 200, NULL, body);
            far_reply(far_on(drive.far, "GET /metrics"), fails ? 500 : 200, NULL, "{\"m\":1}");
            e2b_op_t *op = NULL;
            CHECK_INT(e2b_op_get(&drive.call, SANDBOX, true, &op, NULL), E2B_OK);
            e2b_result_t *result = drive_run(&drive, op);
            CHECK_INT(result->err->code, E2B_OK);
            CHECK_STR(result->body->data, body);
            CHECK_INT(far_count_of(drive.far, "GET /metrics"), i == 0);
            CHECK_INT(result->extra->len, i == 0 && !fails ? 7 : 0);
            CHECK_INT(result->extra_code, i == 0 && fails ? E2B_ERR_SERVER_ERROR : E2B_OK);
            drive_end(&drive);
        }
    }
}

static e2b_op_t *list(drive_t *drive, const char *state, e2b_strings_t metadata, int limit,
                      const char *token) {
    e2b_list_args_t args = {
        .state = state, .metadata = metadata, .limit = limit, .next_token = token};
    DRIVE_OP(e2b_op_list(&drive->call, &args, &op, &err));
}

TEST("a list is a page with the token of the next one") {
    drive_t drive;
    drive_init(&drive);
    far_reply(far_on(drive.far, "GET /v2/sandboxes"), 200, "X-Next-Token: a+b/c=\r\n", "[1]");
    far_reply(far_on(drive.far, "GET /v2/sandboxes"), 200, NULL, "[2]");
    const char *const metadata[] = {"a b", "c&d"};
    e2b_result_t *result =
        drive_run(&drive, list(&drive, "running,paused", (e2b_strings_t){metadata, 2}, 100, NULL));
    CHECK_STR(result->next_token, "a+b/c=");
    CHECK_STR(result->body->data, "[1]");
    CHECK_STR(far_request(drive.far, 0)->line,
              "GET /v2/sandboxes?metadata=a%252520b%3Dc%252526d&state=running%2Cpaused&limit=100");
    result = drive_run(&drive, list(&drive, NULL, (e2b_strings_t){NULL, 0}, 1, result->next_token));
    CHECK_STR(result->next_token, "");
    CHECK_STR(far_request(drive.far, 1)->line, "GET /v2/sandboxes?limit=1&nextToken=a%2Bb%2Fc%3D");
    drive_end(&drive);
}

TEST("a list is of a template, of a time, and in an order") {
    drive_t drive;
    drive_init(&drive);
    far_reply(far_on(drive.far, "GET /v2/sandboxes"), 200, NULL, "[]");
    e2b_list_args_t args = {.template_id = "a/b",
                            .started_after = "2026-01-01T00:00:00.000Z",
                            .order = "asc",
                            .limit = 5};
    e2b_op_t *op = NULL;
    CHECK_INT(e2b_op_list(&drive.call, &args, &op, NULL), E2B_OK);
    CHECK_INT(drive_run(&drive, op)->err->code, E2B_OK);
    CHECK_STR(far_request(drive.far, 0)->line,
              "GET /v2/sandboxes?startedAfter=2026-01-01T00%3A00%3A00.000Z&template=a%2Fb&order=asc"
              "&limit=5");
    drive_end(&drive);
}

TEST("a page token longer than its room is a bad answer, not a cut token") {
    drive_t drive;
    drive_init(&drive);
    char extra[700];
    memset(extra, 'a', sizeof extra);
    memcpy(extra, "X-Next-Token: ", 14);
    memcpy(extra + 690, "\r\n", 3);
    far_reply(far_on(drive.far, "GET /v2/sandboxes"), 200, extra, "[]");
    e2b_result_t *result = drive_run(&drive, list(&drive, NULL, (e2b_strings_t){NULL, 0}, 1, NULL));
    CHECK_INT(result->err->code, E2B_ERR_BAD_RESPONSE);
    drive_end(&drive);
}

TEST("bad input of a list is refused, a filter that is too long as such") {
    drive_t drive;
    drive_init(&drive);
    e2b_op_t *op = NULL;
    e2b_err_t err;
    e2b_err_init(&err);
    e2b_list_args_t args = {.limit = 0};
    CHECK_INT(e2b_op_list(&drive.call, &args, &op, &err), E2B_ERR_INVALID_ARGUMENT);
    args.limit = 101;
    CHECK_INT(e2b_op_list(&drive.call, &args, &op, &err), E2B_ERR_INVALID_ARGUMENT);
    char value[13000];
    memset(value, 'a', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    const char *const metadata[] = {"k", value};
    args = (e2b_list_args_t){.limit = 1, .metadata = {metadata, 2}};
    CHECK_INT(e2b_op_list(&drive.call, &args, &op, &err), E2B_ERR_INVALID_ARGUMENT);
    CHECK(strstr(err.message, "too long") != NULL);
    drive_end(&drive);
}

/* ---- set timeout, connect, terminate ---- */

TEST("set timeout and connect send whole seconds, rounded up") {
    drive_t drive;
    drive_init(&drive);
    far_send(far_on(drive.far, ONE "/timeout"), NO_CONTENT);
    for (int i = 0; i < 4; i++)
        far_reply(far_on(drive.far, "POST /v2/sandboxes/" SANDBOX "/connect"), 200, NULL, MADE);
    e2b_op_t *op = NULL;
    CHECK_INT(e2b_op_set_timeout(&drive.call, SANDBOX, 0.1, &op, NULL), E2B_OK);
    e2b_result_t *result = drive_run(&drive, op);
    CHECK_INT(result->err->code, E2B_OK);
    CHECK_INT(result->status, 204);
    CHECK_STR(far_request(drive.far, 0)->body, "{\"timeout\":1}");
    CHECK_INT(e2b_op_connect(&drive.call, SANDBOX, 60, -1, &op, NULL), E2B_OK);
    CHECK_STR(drive_run(&drive, op)->body->data, MADE);
    CHECK_STR(far_request(drive.far, 1)->body, "{\"timeout\":60}");
    CHECK_INT(e2b_op_connect(&drive.call, SANDBOX, 0, -1, &op, NULL), E2B_OK);
    drive_run(&drive, op);
    CHECK_STR(far_request(drive.far, 2)->body, "{}");
    CHECK_INT(e2b_op_connect(&drive.call, SANDBOX, 0, 1, &op, NULL), E2B_OK);
    drive_run(&drive, op);
    CHECK_STR(far_request(drive.far, 3)->body, "{\"memory\":true}");
    CHECK_INT(e2b_op_connect(&drive.call, SANDBOX, 1.5, 0, &op, NULL), E2B_OK);
    drive_run(&drive, op);
    CHECK_STR(far_request(drive.far, 4)->body, "{\"timeout\":2,\"memory\":false}");
    e2b_err_t err;
    e2b_err_init(&err);
    CHECK_INT(e2b_op_set_timeout(&drive.call, SANDBOX, 0, &op, &err), E2B_ERR_INVALID_ARGUMENT);
    CHECK_INT(e2b_op_connect(&drive.call, SANDBOX, -1, -1, &op, &err), E2B_ERR_INVALID_ARGUMENT);
    CHECK_INT(e2b_op_connect(&drive.call, "a/b", 1, -1, &op, &err), E2B_ERR_INVALID_ARGUMENT);
    drive_end(&drive);
}

static e2b_op_t *terminate(drive_t *drive, int64_t grace_ms) {
    DRIVE_OP(e2b_op_terminate(&drive->call, SANDBOX, grace_ms, &op, &err));
}

TEST("terminating what is not there has succeeded already") {
    drive_t drive;
    drive_init(&drive);
    far_send(far_on(drive.far, "DELETE"), NO_CONTENT);
    far_reply(far_on(drive.far, "DELETE"), 404, NULL, OURS_404);
    far_reply(far_on(drive.far, "DELETE"), 500, NULL, "");
    e2b_result_t *result = drive_run(&drive, terminate(&drive, 0));
    CHECK(result->err->code == E2B_OK && !result->already_gone);
    result = drive_run(&drive, terminate(&drive, 0));
    CHECK(result->err->code == E2B_OK && result->already_gone);
    result = drive_run(&drive, terminate(&drive, 0));
    CHECK_INT(result->err->code, E2B_ERR_SERVER_ERROR);
    CHECK_STR(far_request(drive.far, 0)->line, "DELETE /sandboxes/" SANDBOX);
    CHECK_INT(far_request(drive.far, 0)->body_len, 0);
    drive_end(&drive);
}

TEST("terminating waits for this client's calls to the sandbox, and only for those") {
    drive_t drive;
    drive_init(&drive);
    far_answer_t *answer = far_on(drive.far, "GET /sandboxes/" SANDBOX);
    far_gate(answer);
    far_reply(answer, 200, NULL, "{}");
    far_stall(far_on(drive.far, V2));
    far_send(far_on(drive.far, "DELETE"), NO_CONTENT);
    drive_submit(&drive, drive_create(&drive)); /* of no sandbox */
    uint64_t get = drive_submit(&drive, drive_get(&drive));
    DRIVE_UNTIL(&drive, far_count(drive.far) == 2);
    uint64_t id = drive_submit(&drive, terminate(&drive, 60000));
    e2b_client_step(drive.client, 1000);
    CHECK_INT(far_count_of(drive.far, "DELETE"), 0);
    far_open(drive.far);
    CHECK_INT(drive_wait(&drive, id)->err->code, E2B_OK);
    CHECK(drive_done(&drive, get) != NULL);
    drive_end(&drive);
}

TEST("terminating waits no longer than the grace, and not for another that waits") {
    drive_t drive;
    drive_init(&drive);
    far_stall(far_on(drive.far, "GET /sandboxes/" SANDBOX));
    far_answer_t *answer = far_on(drive.far, "DELETE");
    far_always(answer);
    far_send(answer, NO_CONTENT);
    uint64_t get = drive_submit(&drive, drive_get(&drive));
    DRIVE_UNTIL(&drive, far_count(drive.far) == 1);
    uint64_t first = drive_submit(&drive, terminate(&drive, 30));
    uint64_t second = drive_submit(&drive, terminate(&drive, 40));
    CHECK_INT(drive_wait(&drive, first)->err->code, E2B_OK);
    CHECK_INT(drive_wait(&drive, second)->err->code, E2B_OK);
    CHECK(drive_done(&drive, get) == NULL);
    drive_end(&drive);
}

TEST_MAIN
