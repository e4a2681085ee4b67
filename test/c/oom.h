/*
 * oom.h: whole operations, from their arguments to their answer, while every further allocation of
 * the core, of cJSON and of libcurl fails after the first n of them, and then while the one after
 * the first n fails alone; n counts up until none is left to fail. Each must end, with an error or
 * its result, and leave nothing behind; what is left the sanitizers see. Header only, because its
 * checks belong to the test that includes it. Test thread.
 */
#ifndef E2B_TEST_OOM_H
#define E2B_TEST_OOM_H

#include "drive.h"

#include <curl/curl.h>

#define OOM_MADE                                                                                   \
    "{\"sandboxID\":\"" SANDBOX "\",\"state\":\"running\",\"envdAccessToken\":\"" TOKEN "\"}"
#define OOM_MAX_ROUNDS 4000

/* Before anything else in this process has set libcurl up. */
__attribute__((constructor)) static void oom_use_our_heap(void) {
    curl_global_init_mem(CURL_GLOBAL_DEFAULT, e2b_malloc, e2b_free, e2b_realloc, e2b_strdup,
                         e2b_calloc);
    test_json_uses_our_heap();
}

typedef struct oom_plan {
    int (*build)(const e2b_call_t *call, e2b_op_t **out, e2b_err_t *err);
    long at_least; /* allocations that it must take to be worth the name */
    size_t feed;   /* bytes of an upload's body, in two pieces */
    bool cancel;   /* once it has started: its process is killed */
    int comes_to;  /* when nothing fails */
} oom_plan_t;

static far_end_t *oom_far;
/* For a transfer that libcurl has lost for want of memory only its deadline is left; many are, so
 * it is short at first. */
static int64_t oom_patience_ms = 15;
static bool oom_came; /* whether an allocation has failed in the last attempt */

static inline void oom_begin(void) {
    oom_far = far_start();
    far_answer_t *answer = far_on(oom_far, "GET /sandboxes/" SANDBOX);
    far_always(answer);
    far_reply(answer, 200, NULL, OOM_MADE);
}

static inline void oom_end(void) {
    far_stop(oom_far);
}

/* Half of an upload's body; without memory for it nobody can go on. */
static inline void oom_feed(const oom_plan_t *plan, e2b_client_t *client, bool end) {
    static char bytes[E2B_FEED_MAX];
    size_t waiting;
    e2b_bytes_t half = {bytes, plan->feed / 2};
    if (e2b_client_feed(client, 1, half, end, &waiting) != E2B_OK) e2b_client_cancel(client, 1);
}

/* What the loop thread does with the news of a call. Its op when it is done. */
static inline e2b_op_t *oom_take(const oom_plan_t *plan, e2b_client_t *client) {
    e2b_op_t *done = NULL;
    for (e2b_op_t *op; (op = e2b_client_take(client)) != NULL;) {
        unsigned news = e2b_op_news(op);
        e2b_op_emptied(op, 0);
        if (news & E2B_NEWS_DONE) {
            done = op;
            continue;
        }
        if (plan->cancel && (news & E2B_NEWS_STARTED)) e2b_client_cancel(client, 1);
        if (news & E2B_NEWS_DRAINED) oom_feed(plan, client, true);
        if ((news & E2B_NEWS_OUTPUT) && !plan->cancel) e2b_client_ack(client, 1);
    }
    return done;
}

static inline int oom_drive(const oom_plan_t *plan, e2b_client_t *client) {
    int64_t deadline = drive_now_ms() + DRIVE_DEADLINE_MS;
    e2b_op_t *done = NULL;
    if (plan->feed > 0) oom_feed(plan, client, false);
    while (!done || e2b_client_active(client) > 0) {
        CHECK(drive_now_ms() < deadline);
        int64_t wait = e2b_client_timeout_ms(client);
        if (wait < 0 || wait > 100) wait = 100;
        if (e2b_client_pending(client)) wait = 0;
        struct pollfd ready = {.fd = e2b_client_fd(client), .events = POLLIN};
        poll(&ready, 1, (int)wait);
        e2b_client_step(client, 1000);
        e2b_op_t *now = oom_take(plan, client);
        if (now) done = now;
    }
    int code = e2b_op_result(done)->err->code;
    CHECK((code == E2B_OK) == (e2b_op_result(done)->err->message[0] == '\0'));
    e2b_op_free(done);
    return code;
}

/* One call in a client of its own, so that nothing is warm. What it has come to. */
static inline int oom_attempt(const oom_plan_t *plan) {
    e2b_client_t *client = NULL;
    e2b_call_t call = {NULL, oom_patience_ms};
    e2b_op_t *op = NULL;
    e2b_err_t err;
    e2b_err_init(&err);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", far_port(oom_far));
    e2b_config_options_t options = {.api_key = KEY, .api_url = url, .sandbox_url = url};
    int code = e2b_config_create(&options, &call.config, &err);
    if (code == E2B_OK) code = e2b_client_create(&client);
    if (code == E2B_OK) code = plan->build(&call, &op, &err);
    if (code == E2B_OK) code = e2b_client_submit(client, op, 1);
    if (code == E2B_OK) code = oom_drive(plan, client);
    e2b_client_free(client);
    e2b_config_release(call.config);
    return code;
}

/* What a call may come to when memory is short. libcurl reports some of its own failures by another
 * name, and cJSON has only one answer for a text that is none and for a lack of memory. */
static inline bool oom_honest(const oom_plan_t *plan, int code) {
    static const int codes[] = {E2B_OK,
                                E2B_ERR_OUT_OF_MEMORY,
                                E2B_ERR_CONNECTION_LOST,
                                E2B_ERR_CONNECT_FAILED,
                                E2B_ERR_DNS_FAILED,
                                E2B_ERR_BAD_RESPONSE,
                                E2B_ERR_RESPONSE_TOO_LARGE,
                                E2B_ERR_TIMEOUT,
                                E2B_ERR_INVALID_ARGUMENT};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (codes[i] == code || code == plan->comes_to) return true;
    if (code == E2B_ERR_CANCELLED && plan->feed > 0) return true;
    fprintf(stderr, "  it came to %s\n", e2b_err_code_name(code));
    return false;
}

/* Without a failure it must come to what it should, however slow this machine is. */
static inline int oom_attempt_honestly(const oom_plan_t *plan) {
    for (;; oom_patience_ms *= 2) {
        int code = oom_attempt(plan);
        oom_came = !e2b_alloc_fail_waits();
        CHECK(oom_honest(plan, code));
        if (oom_came || code == plan->comes_to) {
            e2b_alloc_fail_after(-1);
            return code;
        }
        CHECK_INT(code, E2B_ERR_TIMEOUT);
    }
}

/* In both ways, until no allocation was left to fail. */
static inline void oom_check(const oom_plan_t *plan) {
    void (*const fail[])(long) = {e2b_alloc_fail_after, e2b_alloc_fail_once};
    for (int way = 0; way < 2; way++) {
        long n = 0;
        for (oom_came = true; oom_came; n++) {
            CHECK(n < OOM_MAX_ROUNDS);
            fail[way](n);
            oom_attempt_honestly(plan);
        }
        if (n < plan->at_least) fprintf(stderr, "  only %ld allocations\n", n);
        CHECK(n >= plan->at_least);
    }
}

#endif
