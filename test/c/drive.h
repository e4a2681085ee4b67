/*
 * drive.h: what csrc/napi does in the product, for the C tests: a client, a configuration that
 * points at a far end, and a loop that steps the client until something has happened. Header only,
 * because its checks belong to the test that includes it. Test thread.
 */
#ifndef E2B_TEST_DRIVE_H
#define E2B_TEST_DRIVE_H

#include <poll.h>
#include <time.h>

#include "buf.h"
#include "e2b.h"
#include "far_end.h"
#include "test.h"

#ifndef DRIVE_DEADLINE_MS
#define DRIVE_DEADLINE_MS 20000 /* of any wait; valgrind and the sanitizers are slow */
#endif
#define KEY "e2b_0123456789abcdef"
#define SANDBOX "sbx1"
#define TOKEN "token-of-the-daemon"

typedef struct drive {
    far_end_t *far;
    e2b_client_t *client;
    e2b_call_t call;
    uint64_t last_id;
    bool ack;         /* readers acknowledge at once; the default */
    unsigned news;    /* of all calls since the last drive_reset_news */
    e2b_buf_t out[2]; /* what readers were given */
    e2b_op_t *done[256];
    size_t done_count;
} drive_t;

static inline int64_t drive_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline e2b_config_t *drive_config(int port, const e2b_config_options_t *more) {
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", port);
    e2b_config_options_t options = more != NULL ? *more : (e2b_config_options_t){.api_key = KEY};
    if (options.api_url == NULL) options.api_url = url;
    if (options.sandbox_url == NULL) options.sandbox_url = url;
    e2b_config_t *config = NULL;
    e2b_err_t err;
    e2b_err_init(&err);
    e2b_config_create(&options, &config, &err);
    if (config == NULL) fprintf(stderr, "  no configuration: %s\n", err.message);
    CHECK(config != NULL);
    return config;
}

static inline void drive_init(drive_t *drive) {
    memset(drive, 0, sizeof *drive);
    drive->far = far_start();
    drive->ack = true;
    for (int i = 0; i < 2; i++) e2b_buf_init(&drive->out[i], 256u * 1024 * 1024);
    CHECK_INT(e2b_client_create(&drive->client), E2B_OK);
    drive->call.config = drive_config(far_port(drive->far), NULL);
}

static inline void drive_end(drive_t *drive) {
    while (drive->done_count > 0) e2b_op_free(drive->done[--drive->done_count]);
    e2b_client_free(drive->client);
    e2b_config_release(drive->call.config);
    for (int i = 0; i < 2; i++) e2b_buf_destroy(&drive->out[i]);
    far_stop(drive->far);
}

/* Taken: op. Its id. */
static inline uint64_t drive_submit(drive_t *drive, e2b_op_t *op) {
    CHECK(op != NULL);
    CHECK_INT(e2b_client_submit(drive->client, op, ++drive->last_id), E2B_OK);
    return drive->last_id;
}

/* What the loop thread does with news. */
static inline void drive_take(drive_t *drive) {
    for (e2b_op_t *op; (op = e2b_client_take(drive->client)) != NULL;) {
        unsigned news = e2b_op_news(op);
        e2b_result_t *result = e2b_op_result(op);
        drive->news |= news;
        for (int i = 0; i < 2; i++) {
            if (result->stream[i]->len == 0) continue;
            CHECK_INT(
                e2b_buf_append(&drive->out[i], result->stream[i]->data, result->stream[i]->len),
                E2B_OK);
            e2b_op_emptied(op, i);
        }
        if (news & E2B_NEWS_DONE) {
            CHECK(drive->done_count < 256);
            drive->done[drive->done_count++] = op;
        } else if (drive->ack && (news & E2B_NEWS_OUTPUT)) {
            e2b_client_ack(drive->client, e2b_op_id(op));
        }
    }
}

/* Steps once, after waiting for something to happen, but not past the deadline. */
static inline void drive_once(drive_t *drive, int64_t deadline_ms) {
    int64_t wait = e2b_client_timeout_ms(drive->client);
    int64_t left = deadline_ms - drive_now_ms();
    if (wait < 0 || wait > left) wait = left < 0 ? 0 : left;
    if (e2b_client_pending(drive->client)) wait = 0;
    struct pollfd fds[2] = {{.fd = e2b_client_fd(drive->client), .events = POLLIN},
                            {.fd = far_fd(drive->far), .events = POLLIN}};
    poll(fds, 2, (int)wait);
    far_seen(drive->far);
    e2b_client_step(drive->client, 1000);
    drive_take(drive);
}

/* Drives until the condition holds; fails at the deadline. */
#define DRIVE_UNTIL(drive, condition)                                                              \
    do {                                                                                           \
        int64_t deadline_ = drive_now_ms() + DRIVE_DEADLINE_MS;                                    \
        drive_take(drive);                                                                         \
        while (!(condition)) {                                                                     \
            if (drive_now_ms() >= deadline_) {                                                     \
                fprintf(stderr, "  never came: %s\n", #condition);                                 \
                test_fail(__FILE__, __LINE__);                                                     \
            }                                                                                      \
            drive_once(drive, deadline_);                                                          \
        }                                                                                          \
    } while (0)

/* The finished op with that id, or NULL. It stays the drive's. */
static inline e2b_op_t *drive_done(drive_t *drive, uint64_t id) {
    for (size_t i = 0; i < drive->done_count; i++)
        if (e2b_op_id(drive->done[i]) == id) return drive->done[i];
    return NULL;
}

/* Waits for the end of a call. Borrowed until drive_end. */
static inline e2b_result_t *drive_wait(drive_t *drive, uint64_t id) {
    DRIVE_UNTIL(drive, drive_done(drive, id) != NULL);
    return e2b_op_result(drive_done(drive, id));
}

static inline e2b_result_t *drive_run(drive_t *drive, e2b_op_t *op) {
    return drive_wait(drive, drive_submit(drive, op));
}

/* Until the client has nothing left to do by itself either. */
static inline void drive_idle(drive_t *drive) {
    DRIVE_UNTIL(drive, e2b_client_active(drive->client) == 0);
}

/* ---- calls, built as most tests want them ---- */

#define DRIVE_OP(call)                                                                             \
    e2b_op_t *op = NULL;                                                                           \
    e2b_err_t err;                                                                                 \
    e2b_err_init(&err);                                                                            \
    int code = (call);                                                                             \
    if (code != E2B_OK) fprintf(stderr, "  refused: %s\n", err.message);                           \
    CHECK_INT(code, E2B_OK);                                                                       \
    return op

static inline e2b_op_t *drive_create(drive_t *drive) {
    e2b_create_args_t args = {.name = "fact",
                              .timeout_s = 300,
                              .auto_pause = -1,
                              .auto_pause_memory = -1,
                              .auto_resume = -1,
                              .allow_internet = -1};
    DRIVE_OP(e2b_op_create(&drive->call, &args, &op, &err));
}

static inline e2b_op_t *drive_get(drive_t *drive) {
    DRIVE_OP(e2b_op_get(&drive->call, SANDBOX, false, &op, &err));
}

static inline e2b_op_t *drive_exec(drive_t *drive, const e2b_exec_args_t *args) {
    DRIVE_OP(e2b_op_exec(&drive->call, SANDBOX, args, &op, &err));
}

/* The far end knows the sandbox and its token. */
static inline void drive_known(drive_t *drive) {
    far_answer_t *answer = far_on(drive->far, "GET /sandboxes/" SANDBOX);
    far_always(answer);
    far_reply(answer, 200, NULL,
              "{\"sandboxID\":\"" SANDBOX "\",\"state\":\"running\",\"envdAccessToken\":\"" TOKEN
              "\"}");
}

#define START_EVENT "{\"event\":{\"start\":{\"pid\":42}}}"
#define END_EVENT "{\"event\":{\"end\":{\"exited\":true,\"status\":\"exit status 0\"}}}"
#define EMPTY_END "{}"

#endif
