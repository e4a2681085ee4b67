/* Facts about access.c: the daemon's credentials are looked up once for all who wait, each of them
 * with a deadline of his own, and nothing that the control plane says can break a request apart. */
#include "drive.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define LOOKUP "GET /sandboxes/" SANDBOX
#define LIST "POST /process.Process/List"
#define KNOWN "{\"envdAccessToken\":\"" TOKEN "\"}"

static e2b_op_t *list(drive_t *drive) {
    DRIVE_OP(e2b_op_processes(&drive->call, SANDBOX, &op, &err));
}

static void answer_lists(drive_t *drive) {
    far_answer_t *answer = far_on(drive->far, LIST);
    far_always(answer);
    far_reply(answer, 200, NULL, "{\"processes\":[]}");
}

TEST("ten calls at once look the credentials up once, and later ones not at all") {
    drive_t drive;
    drive_init(&drive);
    far_reply(far_on(drive.far, LOOKUP), 200, NULL, KNOWN);
    answer_lists(&drive);
    for (int i = 0; i < 10; i++) drive_submit(&drive, list(&drive));
    DRIVE_UNTIL(&drive, drive.done_count == 10);
    for (int i = 0; i < 10; i++) CHECK_INT(e2b_op_result(drive.done[i])->err->code, E2B_OK);
    CHECK_INT(drive_run(&drive, list(&drive))->err->code, E2B_OK);
    CHECK_INT(far_count_of(drive.far, LOOKUP), 1);
    CHECK_INT(far_count_of(drive.far, LIST), 11);
    const far_request_t *request = far_request_of(drive.far, LIST, 0);
    CHECK_STR(far_header(drive.far, request, "X-Access-Token"), TOKEN);
    CHECK_STR(far_header(drive.far, request, "E2b-Sandbox-Id"), SANDBOX);
    CHECK_STR(far_header(drive.far, request, "E2b-Sandbox-Port"), "49983");
    drive_end(&drive);
}

TEST("one who gives up does not take the answer of the others with him") {
    drive_t drive;
    drive_init(&drive);
    far_answer_t *answer = far_on(drive.far, LOOKUP);
    far_gate(answer);
    far_reply(answer, 200, NULL, KNOWN);
    answer_lists(&drive);
    uint64_t first = drive_submit(&drive, list(&drive));
    uint64_t second = drive_submit(&drive, list(&drive));
    uint64_t third = drive_submit(&drive, list(&drive));
    DRIVE_UNTIL(&drive, far_count(drive.far) == 1);
    e2b_client_cancel(drive.client, first);
    e2b_client_cancel(drive.client, third);
    CHECK_INT(drive_wait(&drive, first)->err->code, E2B_ERR_CANCELLED);
    CHECK_INT(drive_wait(&drive, first)->err->outcome, E2B_OUTCOME_NOT_SENT);
    far_open(drive.far);
    CHECK_INT(drive_wait(&drive, second)->err->code, E2B_OK);
    CHECK_INT(far_count_of(drive.far, LIST), 1);
    drive_end(&drive);
}

TEST("when nobody waits any more the lookup is given up, and the next call begins afresh") {
    drive_t drive;
    drive_init(&drive);
    far_stall(far_on(drive.far, LOOKUP));
    far_reply(far_on(drive.far, LOOKUP), 200, NULL, KNOWN);
    answer_lists(&drive);
    uint64_t id = drive_submit(&drive, list(&drive));
    DRIVE_UNTIL(&drive, far_count(drive.far) == 1);
    e2b_client_cancel(drive.client, id);
    drive_wait(&drive, id);
    DRIVE_UNTIL(&drive, far_open_connections(drive.far) == 0);
    CHECK_INT(drive_run(&drive, list(&drive))->err->code, E2B_OK);
    CHECK_INT(far_count_of(drive.far, LOOKUP), 2);
    drive_end(&drive);
}

TEST("each who waits has the deadline of his own call") {
    drive_t drive;
    drive_init(&drive);
    far_answer_t *answer = far_on(drive.far, LOOKUP);
    far_gate(answer);
    far_reply(answer, 200, NULL, KNOWN);
    answer_lists(&drive);
    uint64_t patient = drive_submit(&drive, list(&drive));
    drive.call.request_timeout_ms = 40;
    uint64_t hasty = drive_submit(&drive, list(&drive));
    e2b_result_t *result = drive_wait(&drive, hasty);
    CHECK_INT(result->err->code, E2B_ERR_TIMEOUT);
    CHECK_INT(result->err->outcome, E2B_OUTCOME_NOT_SENT);
    CHECK(result->err->retryable);
    far_open(drive.far);
    CHECK_INT(drive_wait(&drive, patient)->err->code, E2B_OK);
    drive_end(&drive);
}

TEST("a hasty first caller does not shorten the wait of those who join") {
    drive_t drive;
    drive_init(&drive);
    far_answer_t *answer = far_on(drive.far, LOOKUP);
    far_gate(answer);
    far_reply(answer, 200, NULL, KNOWN);
    answer_lists(&drive);
    drive.call.request_timeout_ms = 40;
    uint64_t hasty = drive_submit(&drive, list(&drive));
    drive.call.request_timeout_ms = 0;
    uint64_t patient = drive_submit(&drive, list(&drive));
    CHECK_INT(drive_wait(&drive, hasty)->err->code, E2B_ERR_TIMEOUT);
    far_open(drive.far);
    CHECK_INT(drive_wait(&drive, patient)->err->code, E2B_OK);
    drive_end(&drive);
}

/* ---- failures ---- */

typedef struct failure {
    int status;
    const char *body;
    int code;
    e2b_outcome_t outcome;
} failure_t;

TEST("a lookup that fails fails all who wait, and the call itself was never sent") {
    static const failure_t failures[] = {
        {404, "{\"code\":404,\"message\":\"gone\"}", E2B_ERR_NOT_FOUND, E2B_OUTCOME_REJECTED},
        {401, "{\"code\":401,\"message\":\"no\"}", E2B_ERR_UNAUTHENTICATED, E2B_OUTCOME_REJECTED},
        {500, "{\"code\":500,\"message\":\"no\"}", E2B_ERR_SERVER_ERROR, E2B_OUTCOME_NOT_SENT},
        {200, "<html>", E2B_ERR_BAD_RESPONSE, E2B_OUTCOME_NOT_SENT},
        {200, "", E2B_ERR_BAD_RESPONSE, E2B_OUTCOME_NOT_SENT},
        {200, "[]", E2B_ERR_BAD_RESPONSE, E2B_OUTCOME_NOT_SENT},
        {200, "{\"envdAccessToken\":\"a\\r\\nX-Evil: 1\"}", E2B_ERR_BAD_RESPONSE,
         E2B_OUTCOME_NOT_SENT},
        {200, "{\"envdAccessToken\":\"a b\"}", E2B_ERR_BAD_RESPONSE, E2B_OUTCOME_NOT_SENT},
        {200, "{\"domain\":\"evil.example/x?\"}", E2B_ERR_BAD_RESPONSE, E2B_OUTCOME_NOT_SENT},
        {200, "{\"domain\":\"a@b\"}", E2B_ERR_BAD_RESPONSE, E2B_OUTCOME_NOT_SENT}};
    for (size_t i = 0; i < COUNT(failures); i++) {
        drive_t drive;
        drive_init(&drive);
        answer_lists(&drive);
        far_reply(far_on(drive.far, LOOKUP), failures[i].status, NULL, failures[i].body);
        far_reply(far_on(drive.far, LOOKUP), 200, NULL, KNOWN);
        for (int n = 0; n < 3; n++) drive_submit(&drive, list(&drive));
        DRIVE_UNTIL(&drive, drive.done_count == 3);
        for (int n = 0; n < 3; n++) {
            const e2b_err_t *err = e2b_op_result(drive.done[n])->err;
            CHECK_INT(err->code, failures[i].code);
            CHECK_INT(err->outcome, failures[i].outcome);
        }
        CHECK_INT(far_count_of(drive.far, LIST), 0);
        CHECK_INT(drive_run(&drive, list(&drive))->err->code, E2B_OK); /* not remembered */
        drive_end(&drive);
    }
}

TEST("a token too long for a header is refused as such") {
    drive_t drive;
    drive_init(&drive);
    char body[4096], token[3000];
    memset(token, 'a', sizeof token - 1);
    token[sizeof token - 1] = '\0';
    snprintf(body, sizeof body, "{\"envdAccessToken\":\"%s\"}", token);
    far_reply(far_on(drive.far, LOOKUP), 200, NULL, body);
    CHECK_INT(drive_run(&drive, list(&drive))->err->code, E2B_ERR_BAD_RESPONSE);
    drive_end(&drive);
}

TEST("a sandbox without a token is asked without one") {
    static const char *const bodies[] = {"{}", "{\"envdAccessToken\":null}",
                                         "{\"envdAccessToken\":\"\"}"};
    for (size_t i = 0; i < COUNT(bodies); i++) {
        drive_t drive;
        drive_init(&drive);
        answer_lists(&drive);
        far_reply(far_on(drive.far, LOOKUP), 200, NULL, bodies[i]);
        CHECK_INT(drive_run(&drive, list(&drive))->err->code, E2B_OK);
        CHECK(strstr(far_request_of(drive.far, LIST, 0)->headers, "X-Access-Token") == NULL);
        drive_end(&drive);
    }
}

/* ---- what is remembered ---- */

TEST("create, connect and get teach the credentials") {
    for (int way = 0; way < 3; way++) {
        drive_t drive;
        drive_init(&drive);
        answer_lists(&drive);
        e2b_op_t *op = NULL;
        const char *body = "{\"sandboxID\":\"" SANDBOX
                           "\",\"state\":\"running\",\"envdAccessToken\":\"" TOKEN "\"}";
        far_reply(far_on(drive.far, "POST /v2/sandboxes"), way == 0 ? 201 : 200, NULL, body);
        far_reply(far_on(drive.far, LOOKUP), 200, NULL, body);
        far_reply(far_on(drive.far, "GET /metrics"), 200, NULL, "{\"cpu_count\":1}");
        if (way == 0) op = drive_create(&drive);
        if (way == 1) CHECK_INT(e2b_op_connect(&drive.call, SANDBOX, 0, -1, &op, NULL), E2B_OK);
        if (way == 2) CHECK_INT(e2b_op_get(&drive.call, SANDBOX, true, &op, NULL), E2B_OK);
        e2b_result_t *result = drive_run(&drive, op);
        CHECK_INT(result->err->code, E2B_OK);
        if (way == 2) CHECK_STR(result->extra->data, "{\"cpu_count\":1}");
        CHECK_INT(drive_run(&drive, list(&drive))->err->code, E2B_OK);
        CHECK_INT(far_count_of(drive.far, LOOKUP), way == 2 ? 1 : 0);
        CHECK_STR(far_header(drive.far, far_request_of(drive.far, LIST, 0), "X-Access-Token"),
                  TOKEN);
        drive_end(&drive);
    }
}

TEST("what a daemon's 401 or 502 proves wrong is looked up anew") {
    static const int statuses[] = {401, 502};
    for (size_t i = 0; i < COUNT(statuses); i++) {
        drive_t drive;
        drive_init(&drive);
        far_answer_t *lookup = far_on(drive.far, LOOKUP);
        far_always(lookup);
        far_reply(lookup, 200, NULL, KNOWN);
        far_reply(far_on(drive.far, LIST), statuses[i], NULL, "{\"message\":\"x\"}");
        answer_lists(&drive);
        CHECK(drive_run(&drive, list(&drive))->err->code != E2B_OK);
        CHECK_INT(drive_run(&drive, list(&drive))->err->code, E2B_OK);
        CHECK_INT(far_count_of(drive.far, LOOKUP), 2);
        drive_end(&drive);
    }
}

TEST("terminating forgets the credentials") {
    drive_t drive;
    drive_init(&drive);
    far_answer_t *lookup = far_on(drive.far, LOOKUP);
    far_always(lookup);
    far_reply(lookup, 200, NULL, KNOWN);
    answer_lists(&drive);
    far_send(far_on(drive.far, "DELETE"), "HTTP/1.1 204 No Content\r\n\r\n");
    drive_run(&drive, list(&drive));
    e2b_op_t *op = NULL;
    CHECK_INT(e2b_op_terminate(&drive.call, SANDBOX, 0, &op, NULL), E2B_OK);
    CHECK_INT(drive_run(&drive, op)->err->code, E2B_OK);
    drive_run(&drive, list(&drive));
    CHECK_INT(far_count_of(drive.far, LOOKUP), 2);
    drive_end(&drive);
}

TEST("another account does not get the credentials of the first") {
    drive_t drive;
    drive_init(&drive);
    far_answer_t *lookup = far_on(drive.far, LOOKUP);
    far_always(lookup);
    far_reply(lookup, 200, NULL, KNOWN);
    answer_lists(&drive);
    drive_run(&drive, list(&drive));
    e2b_config_release(drive.call.config);
    drive.call.config =
        drive_config(far_port(drive.far), &(e2b_config_options_t){.api_key = "e2b_ffff"});
    drive_run(&drive, list(&drive));
    CHECK_INT(far_count_of(drive.far, LOOKUP), 2);
    e2b_config_release(drive.call.config);
    drive.call.config =
        drive_config(far_port(drive.far), NULL); /* the first again, another object */
    drive_run(&drive, list(&drive));
    CHECK_INT(far_count_of(drive.far, LOOKUP), 2);
    drive_end(&drive);
}

TEST_MAIN
