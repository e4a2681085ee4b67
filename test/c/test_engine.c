/* Facts about engine.c and client.c: calls come to an end in every way there is, and nothing waits
 * inside a step. */
#include "drive.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "engine.h"
#include "platform.h"

#define RUNNING "{\"sandboxID\":\"" SANDBOX "\",\"state\":\"running\"}"

static void reply_always(drive_t *drive, const char *route, int status, const char *body) {
    far_answer_t *answer = far_on(drive->far, route);
    far_always(answer);
    far_reply(answer, status, NULL, body);
}

TEST("a call comes back with its id, its status and its body") {
    drive_t drive;
    drive_init(&drive);
    reply_always(&drive, "GET /sandboxes/" SANDBOX, 200, RUNNING);
    e2b_result_t *result = drive_run(&drive, drive_get(&drive));
    CHECK_INT(result->err->code, E2B_OK);
    CHECK_INT(result->status, 200);
    CHECK_STR(result->body->data, RUNNING);
    CHECK_STR(e2b_op_sandbox_id(drive.done[0]), SANDBOX);
    CHECK_INT(e2b_op_id(drive.done[0]), 1);
    CHECK_INT(e2b_client_active(drive.client), 0);
    drive_end(&drive);
}

TEST("a hundred calls at once all come back, each once") {
    drive_t drive;
    drive_init(&drive);
    reply_always(&drive, "GET /sandboxes/" SANDBOX, 200, RUNNING);
    for (int i = 0; i < 100; i++) drive_submit(&drive, drive_get(&drive));
    CHECK_INT(e2b_client_active(drive.client), 100);
    DRIVE_UNTIL(&drive, drive.done_count == 100);
    CHECK_INT(e2b_client_active(drive.client), 0);
    CHECK_INT(far_count(drive.far), 100);
    for (uint64_t id = 1; id <= 100; id++) {
        CHECK(drive_done(&drive, id) != NULL);
        CHECK_INT(e2b_op_result(drive_done(&drive, id))->err->code, E2B_OK);
    }
    drive_end(&drive);
}

TEST("a connection is used again") {
    drive_t drive;
    drive_init(&drive);
    reply_always(&drive, "GET /sandboxes/" SANDBOX, 200, RUNNING);
    for (int i = 0; i < 5; i++) drive_run(&drive, drive_get(&drive));
    CHECK_INT(far_count(drive.far), 5);
    CHECK_INT(far_connections(drive.far), 1);
    drive_end(&drive);
}

static void check_cancelled(const e2b_result_t *result, e2b_outcome_t outcome) {
    CHECK_INT(result->err->code, E2B_ERR_CANCELLED);
    CHECK_INT(result->err->outcome, outcome);
    CHECK(!result->err->retryable);
}

TEST("a call that is cancelled before any step was never sent") {
    drive_t drive;
    drive_init(&drive);
    uint64_t id = drive_submit(&drive, drive_create(&drive));
    e2b_client_cancel(drive.client, id);
    check_cancelled(drive_wait(&drive, id), E2B_OUTCOME_NOT_SENT);
    CHECK_INT(far_connections(drive.far), 0);
    drive_end(&drive);
}

TEST("a call that is cancelled while it connects was never sent") {
    drive_t drive;
    far_hole_t hole;
    drive_init(&drive);
    CHECK(far_hole_make(&hole));
    e2b_config_release(drive.call.config);
    drive.call.config = drive_config(hole.port, NULL);
    uint64_t id = drive_submit(&drive, drive_create(&drive));
    e2b_client_step(drive.client, 1000);
    e2b_client_cancel(drive.client, id);
    check_cancelled(drive_wait(&drive, id), E2B_OUTCOME_NOT_SENT);
    far_hole_end(&hole);
    drive_end(&drive);
}

TEST("a call that is cancelled while it waits for its answer has an unknown outcome") {
    drive_t drive;
    drive_init(&drive);
    far_stall(far_on(drive.far, "POST /v2/sandboxes"));
    uint64_t id = drive_submit(&drive, drive_create(&drive));
    DRIVE_UNTIL(&drive, far_count(drive.far) == 1);
    e2b_client_cancel(drive.client, id);
    check_cancelled(drive_wait(&drive, id), E2B_OUTCOME_UNKNOWN);
    DRIVE_UNTIL(&drive, far_open_connections(drive.far) == 0);
    drive_end(&drive);
}

TEST("a call that is cancelled in the middle of its answer has an unknown outcome") {
    drive_t drive;
    drive_init(&drive);
    far_answer_t *answer = far_on(drive.far, "POST /v2/sandboxes");
    far_send(answer, "HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{\"sandboxID\"");
    far_stall(answer);
    uint64_t id = drive_submit(&drive, drive_create(&drive));
    DRIVE_UNTIL(&drive, far_count(drive.far) == 1);
    e2b_client_cancel(drive.client, id);
    check_cancelled(drive_wait(&drive, id), E2B_OUTCOME_UNKNOWN);
    drive_end(&drive);
}

TEST("a cancel that crosses the completion, or that nobody knows, changes nothing") {
    drive_t drive;
    drive_init(&drive);
    reply_always(&drive, "GET /sandboxes/" SANDBOX, 200, RUNNING);
    uint64_t id = drive_submit(&drive, drive_get(&drive));
    e2b_client_cancel(drive.client, 999);
    e2b_client_ack(drive.client, 998);
    drive_wait(&drive, id);
    e2b_client_cancel(drive.client, id);
    e2b_client_detach(drive.client, id);
    e2b_client_step(drive.client, 1000);
    CHECK(e2b_client_take(drive.client) == NULL);
    CHECK_INT(drive.done_count, 1);
    CHECK_INT(e2b_op_result(drive.done[0])->err->code, E2B_OK);
    drive_end(&drive);
}

TEST("a cancel between a call's end and its taking does not report it twice") {
    drive_t drive;
    drive_init(&drive);
    far_answer_t *answer = far_on(drive.far, "GET /sandboxes/" SANDBOX);
    far_gate(answer);
    far_reply(answer, 200, NULL, RUNNING);
    uint64_t id = drive_submit(&drive, drive_get(&drive));
    DRIVE_UNTIL(&drive, far_count(drive.far) == 1);
    far_open(drive.far);
    struct pollfd ready = {.fd = e2b_client_fd(drive.client), .events = POLLIN};
    CHECK_INT(poll(&ready, 1, DRIVE_DEADLINE_MS), 1);
    e2b_client_step(drive.client, 1000); /* finished, and not taken */
    e2b_client_cancel(drive.client, id);
    e2b_client_cancel(drive.client, id);
    drive_wait(&drive, id);
    e2b_client_step(drive.client, 1000);
    drive_take(&drive);
    CHECK_INT(drive.done_count, 1);
    CHECK_INT(e2b_client_active(drive.client), 0);
    drive_end(&drive);
}

TEST("a deadline ends a call that gets no answer, and the connection with it") {
    drive_t drive;
    drive_init(&drive);
    drive.call.request_timeout_ms = 40;
    far_stall(far_on(drive.far, "POST /v2/sandboxes"));
    e2b_result_t *result = drive_run(&drive, drive_create(&drive));
    CHECK_INT(result->err->code, E2B_ERR_TIMEOUT);
    CHECK_INT(result->err->outcome, E2B_OUTCOME_UNKNOWN);
    CHECK(!result->err->retryable);
    DRIVE_UNTIL(&drive, far_open_connections(drive.far) == 0);
    drive_end(&drive);
}

TEST("a deadline while connecting leaves a call that was not sent") {
    drive_t drive;
    far_hole_t hole;
    drive_init(&drive);
    CHECK(far_hole_make(&hole));
    e2b_config_release(drive.call.config);
    drive.call.config = drive_config(hole.port, NULL);
    drive.call.request_timeout_ms = 40;
    e2b_result_t *result = drive_run(&drive, drive_create(&drive));
    CHECK_INT(result->err->code, E2B_ERR_TIMEOUT);
    CHECK_INT(result->err->outcome, E2B_OUTCOME_NOT_SENT);
    CHECK(result->err->retryable);
    far_hole_end(&hole);
    drive_end(&drive);
}

TEST("a client is freed with calls queued, connecting, waiting, streaming and done") {
    drive_t drive;
    far_hole_t hole;
    drive_init(&drive);
    CHECK(far_hole_make(&hole));
    drive_known(&drive);
    far_stall(far_on(drive.far, "POST /v2/sandboxes"));
    far_answer_t *stream = far_on(drive.far, "POST /process.Process/Start");
    far_stream(stream);
    far_frame(stream, 0, START_EVENT);
    far_stall(stream);
    e2b_exec_args_t exec = {.command = "true", .timeout_s = 10, .stream = true, .keep = true};
    drive_submit(&drive, drive_exec(&drive, &exec));
    drive_submit(&drive, drive_create(&drive));
    DRIVE_UNTIL(&drive, (drive.news & E2B_NEWS_STARTED) && far_count(drive.far) == 3);
    e2b_config_t *here = drive.call.config;
    drive.call.config = drive_config(hole.port, NULL);
    drive_submit(&drive, drive_create(&drive)); /* connecting */
    e2b_client_step(drive.client, 1000);
    e2b_config_release(drive.call.config);
    drive.call.config = here;
    uint64_t done = drive_submit(&drive, drive_create(&drive));
    e2b_client_cancel(drive.client, done);
    e2b_client_step(drive.client, 1000);        /* done, and not taken */
    drive_submit(&drive, drive_create(&drive)); /* queued */
    CHECK_INT(e2b_client_active(drive.client), 5);
    drive_end(&drive);
    far_hole_end(&hole);
}

TEST("a step never waits: with silent calls in flight it returns and names the next time") {
    drive_t drive;
    drive_init(&drive);
    far_answer_t *answer = far_on(drive.far, "POST /v2/sandboxes");
    far_always(answer);
    far_stall(answer);
    for (int i = 0; i < 20; i++) drive_submit(&drive, drive_create(&drive));
    DRIVE_UNTIL(&drive, far_count(drive.far) == 20);
    for (int quiet = 0; quiet < 3;) { /* what connecting has left to do */
        struct pollfd ready = {.fd = e2b_client_fd(drive.client), .events = POLLIN};
        quiet = poll(&ready, 1, 0) == 0 && e2b_client_timeout_ms(drive.client) > 0 ? quiet + 1 : 0;
        e2b_client_step(drive.client, 1000);
    }
    CHECK_INT(e2b_client_active(drive.client), 20);
    drive_end(&drive);
}

TEST("an idle client waits for nothing") {
    drive_t drive;
    drive_init(&drive);
    e2b_client_step(drive.client, 1000);
    CHECK_INT(e2b_client_timeout_ms(drive.client), -1);
    CHECK(!e2b_client_pending(drive.client));
    CHECK(e2b_client_take(drive.client) == NULL);
    e2b_client_cancel(drive.client, 7);
    e2b_client_step(drive.client, 1000);
    CHECK(!e2b_client_pending(drive.client));
    drive_end(&drive);
}

/* ---- commands from one thread while another steps ---- */

typedef struct stepper {
    e2b_client_t *client;
    atomic_bool stop;
} stepper_t;

static void *step_on(void *context) {
    stepper_t *stepper = context;
    struct pollfd ready = {.fd = e2b_client_fd(stepper->client), .events = POLLIN};
    while (!atomic_load(&stepper->stop)) {
        poll(&ready, 1, 1);
        e2b_client_step(stepper->client, 1000);
    }
    return NULL;
}

TEST("calls are submitted and cancelled while another thread steps") {
    drive_t drive;
    drive_init(&drive);
    far_answer_t *answer = far_on(drive.far, "POST /v2/sandboxes");
    far_always(answer);
    far_stall(answer);
    stepper_t stepper = {.client = drive.client};
    pthread_t thread;
    CHECK_INT(pthread_create(&thread, NULL, step_on, &stepper), 0);
    for (int i = 0; i < 50; i++) {
        uint64_t id = drive_submit(&drive, drive_create(&drive));
        e2b_client_ack(drive.client, id);
        if (i % 2) e2b_client_cancel(drive.client, id);
        if (i % 3) e2b_client_cancel(drive.client, id / 2);
    }
    for (uint64_t id = 1; id <= 50; id++) e2b_client_cancel(drive.client, id);
    int64_t deadline = drive_now_ms() + DRIVE_DEADLINE_MS;
    while (e2b_client_pending(drive.client)) CHECK(drive_now_ms() < deadline);
    atomic_store(&stepper.stop, true);
    pthread_join(thread, NULL);
    DRIVE_UNTIL(&drive, drive.done_count == 50);
    for (size_t i = 0; i < 50; i++) {
        CHECK_INT(e2b_op_result(drive.done[i])->err->code, E2B_ERR_CANCELLED);
    }
    drive_end(&drive);
}

/* ---- the engine's own timers and deferred calls ---- */

typedef struct alarm_clock {
    e2b_timer_t timer;
    int rank;
} alarm_clock_t;

static int rung[256];
static int rung_count;

static void ring(e2b_timer_t *timer) {
    rung[rung_count++] = ((alarm_clock_t *)timer)->rank;
}

TEST("timers fire in the order of their time, whatever the order of setting and clearing") {
    e2b_engine_t *engine;
    alarm_clock_t clocks[200];
    CHECK_INT(e2b_engine_create(&engine), E2B_OK);
    int64_t now = e2b_now_ms();
    rung_count = 0;
    for (int i = 0; i < 200; i++) {
        int rank = i * 83 % 200;
        clocks[i] = (alarm_clock_t){.timer = {.fire = ring}, .rank = rank};
        CHECK_INT(e2b_engine_timer_set(engine, &clocks[i].timer, now + 100000), E2B_OK);
    }
    for (int i = 199; i >= 0; i--) { /* moved */
        CHECK_INT(e2b_engine_timer_set(engine, &clocks[i].timer, now - 1000 + clocks[i].rank),
                  E2B_OK);
    }
    for (int i = 0; i < 200; i++) {
        if (clocks[i].rank % 4 == 0) e2b_engine_timer_clear(engine, &clocks[i].timer);
    }
    CHECK_INT(e2b_engine_timeout_ms(engine), 0);
    while (e2b_engine_turn(engine)) continue;
    CHECK_INT(rung_count, 150);
    for (int i = 1; i < rung_count; i++) CHECK(rung[i - 1] < rung[i]);
    CHECK_INT(e2b_engine_timeout_ms(engine), -1);
    e2b_engine_free(engine);
}

static void note(e2b_deferred_t *deferred) {
    (void)deferred;
    rung_count++;
}

TEST("a deferred call runs once, and not at all when it was taken back") {
    e2b_engine_t *engine;
    CHECK_INT(e2b_engine_create(&engine), E2B_OK);
    e2b_deferred_t calls[3] = {{.run = note}, {.run = note}, {.run = note}};
    rung_count = 0;
    for (int i = 0; i < 3; i++) e2b_engine_defer(engine, &calls[i]);
    e2b_engine_defer(engine, &calls[0]);
    e2b_engine_undefer(engine, &calls[2]);
    e2b_engine_undefer(engine, &calls[2]);
    e2b_engine_undefer(engine, &calls[0]);
    e2b_engine_defer(engine, &calls[0]);
    CHECK_INT(e2b_engine_timeout_ms(engine), 0);
    while (e2b_engine_turn(engine)) continue;
    CHECK_INT(rung_count, 2);
    e2b_engine_free(engine);
}

TEST("libcurl says what it is") {
    CHECK(strncmp(e2b_curl_version(), "libcurl/", 8) == 0);
}

TEST_MAIN
