/* Facts about running out of memory: whole operations, from their arguments to their answer, while
 * every further allocation of the core, of cJSON and of libcurl fails after the first n of them.
 * Each must end, with an error or its result, and leave nothing behind; what is left the sanitizers
 * see. */
#include "drive.h"

#include <curl/curl.h>

#include "rpc.h"

#define MADE                                                                                       \
    "{\"sandboxID\":\"" SANDBOX "\",\"state\":\"running\",\"envdAccessToken\":\"" TOKEN "\"}"
#define MAX_ROUNDS 4000

/* Before anything else in this process has set libcurl up. */
__attribute__((constructor)) static void use_our_heap(void) {
    curl_global_init_mem(CURL_GLOBAL_DEFAULT, e2b_malloc, e2b_free, e2b_realloc, e2b_strdup,
                         e2b_calloc);
    test_json_uses_our_heap();
}

typedef int (*builder_t)(const e2b_call_t *call, e2b_op_t **out, e2b_err_t *err);

static far_end_t *far;
/* For a transfer that libcurl has lost for want of memory only its deadline is left; many are, so
 * it is short at first. */
static int64_t patience_ms = 15;

/* One call in a client of its own, so that nothing is warm. What it has come to. */
static int attempt(builder_t build) {
    e2b_client_t *client = NULL;
    e2b_call_t call = {NULL, patience_ms};
    e2b_op_t *op = NULL;
    e2b_err_t err;
    e2b_err_init(&err);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", far_port(far));
    e2b_config_options_t options = {.api_key = KEY, .api_url = url, .sandbox_url = url};
    int code = e2b_config_create(&options, &call.config, &err);
    if (code == E2B_OK) code = e2b_client_create(&client);
    if (code == E2B_OK) code = build(&call, &op, &err);
    if (code == E2B_OK && e2b_client_submit(client, op, 1) == E2B_OK) {
        int64_t deadline = drive_now_ms() + DRIVE_DEADLINE_MS;
        e2b_op_t *done = NULL;
        while (!done || e2b_client_active(client) > 0) {
            CHECK(drive_now_ms() < deadline);
            int64_t wait = e2b_client_timeout_ms(client);
            if (wait < 0 || wait > 100) wait = 100;
            if (e2b_client_pending(client)) wait = 0;
            struct pollfd ready = {.fd = e2b_client_fd(client), .events = POLLIN};
            poll(&ready, 1, (int)wait);
            e2b_client_step(client, 1000);
            for (e2b_op_t *news; (news = e2b_client_take(client)) != NULL;) {
                unsigned what = e2b_op_news(news);
                e2b_buf_reset(e2b_op_result(news)->stream[0]);
                if (what & E2B_NEWS_DONE)
                    done = news;
                else
                    e2b_client_ack(client, 1);
            }
        }
        code = e2b_op_result(done)->err.code;
        CHECK((code == E2B_OK) == (e2b_op_result(done)->err.message[0] == '\0'));
        e2b_op_free(done);
    }
    e2b_client_free(client);
    e2b_config_release(call.config);
    return code;
}

/* What a call may come to when memory is short. libcurl reports some of its own failures by another
 * name, and cJSON has only one answer for a text that is none and for a lack of memory. */
static bool honest(int code) {
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
        if (codes[i] == code) return true;
    fprintf(stderr, "  it came to %s\n", e2b_err_code_name(code));
    return false;
}

static bool last_came; /* whether an allocation has failed in the last attempt */

/* Without a failure it must succeed, however slow this machine is. */
static int attempt_honestly(builder_t build) {
    for (;; patience_ms *= 2) {
        int code = attempt(build);
        last_came = !e2b_alloc_fail_waits();
        CHECK(honest(code));
        if (last_came || code == E2B_OK) {
            e2b_alloc_fail_after(-1);
            return code;
        }
        CHECK_INT(code, E2B_ERR_TIMEOUT);
    }
}

/* Every allocation after the first n fails, until it succeeds; then only the one after the first n,
 * until none was left to fail. */
static void check_operation(builder_t build, long at_least) {
    long n = 0;
    for (int code = E2B_ERR_OUT_OF_MEMORY; code != E2B_OK; n++) {
        CHECK(n < MAX_ROUNDS);
        e2b_alloc_fail_after(n);
        code = attempt_honestly(build);
    }
    if (n < at_least) fprintf(stderr, "  only %ld allocations\n", n);
    CHECK(n >= at_least);
    bool came = true;
    for (n = 0; came; n++) {
        CHECK(n < MAX_ROUNDS);
        e2b_alloc_fail_once(n);
        attempt_honestly(build);
        came = last_came;
    }
    CHECK(n >= at_least);
}

static void begin(void) {
    far = far_start();
    far_answer_t *answer = far_on(far, "GET /sandboxes/" SANDBOX);
    far_always(answer);
    far_reply(answer, 200, NULL, MADE);
}

static int build_create(const e2b_call_t *call, e2b_op_t **out, e2b_err_t *err) {
    const char *const pairs[] = {"K", "v"};
    e2b_create_args_t args = {.name = "n",
                              .timeout_s = 60,
                              .metadata = {pairs, 2},
                              .env = {pairs, 2},
                              .auto_pause = 1,
                              .allow_internet = 1};
    return e2b_op_create(call, &args, out, err);
}

TEST("a create, with its way back to the older path") {
    begin();
    far_answer_t *answer = far_on(far, "POST /v2/sandboxes");
    far_always(answer);
    far_reply(answer, 405, NULL, "");
    answer = far_on(far, "POST /sandboxes");
    far_always(answer);
    far_reply(answer, 201, NULL, MADE);
    check_operation(build_create, 60);
    far_stop(far);
}

static int build_list(const e2b_call_t *call, e2b_op_t **out, e2b_err_t *err) {
    const char *const pairs[] = {"K", "v"};
    return e2b_op_list(call, "running", (e2b_strings_t){pairs, 2}, 10, "token", out, err);
}

TEST("a list") {
    begin();
    far_answer_t *answer = far_on(far, "GET /v2/sandboxes");
    far_always(answer);
    far_reply(answer, 200, "X-Next-Token: t\r\n", "[" MADE "]");
    check_operation(build_list, 40);
    far_stop(far);
}

static int build_get(const e2b_call_t *call, e2b_op_t **out, e2b_err_t *err) {
    return e2b_op_get(call, SANDBOX, true, out, err);
}

TEST("a get with metrics, which may be missing") {
    begin();
    far_answer_t *answer = far_on(far, "GET /metrics");
    far_always(answer);
    far_reply(answer, 200, NULL, "{\"cpu_count\":2}");
    check_operation(build_get, 40);
    far_stop(far);
}

static int build_read(const e2b_call_t *call, e2b_op_t **out, e2b_err_t *err) {
    return e2b_op_read_file(call, SANDBOX, "/etc/hosts", "root", 0, out, err);
}

TEST("reading a file, with the lookup of the credentials") {
    begin();
    char *text = calloc(1, 200001);
    CHECK(text != NULL);
    memset(text, 'x', 200000);
    far_answer_t *answer = far_on(far, "GET /files");
    far_always(answer);
    far_reply(answer, 200, NULL, text);
    free(text);
    check_operation(build_read, 60);
    far_stop(far);
}

static int build_list_files(const e2b_call_t *call, e2b_op_t **out, e2b_err_t *err) {
    return e2b_op_list_files(call, SANDBOX, "/", "root", 1, out, err);
}

TEST("listing files") {
    begin();
    far_answer_t *answer = far_on(far, "POST /filesystem.Filesystem/ListDir");
    far_always(answer);
    far_reply(answer, 200, NULL, "{\"entries\":[]}");
    check_operation(build_list_files, 60);
    far_stop(far);
}

static int build_input(const e2b_call_t *call, e2b_op_t **out, e2b_err_t *err) {
    return e2b_op_input(call, SANDBOX, 42, (e2b_bytes_t){"text", 4}, true, out, err);
}

TEST("input and its end") {
    begin();
    far_answer_t *answer = far_on(far, "POST /process.Process/");
    far_always(answer);
    far_reply(answer, 200, NULL, "{}");
    check_operation(build_input, 60);
    far_stop(far);
}

static int build_connect(const e2b_call_t *call, e2b_op_t **out, e2b_err_t *err) {
    return e2b_op_connect(call, SANDBOX, 60, out, err);
}

TEST("connect") {
    begin();
    far_answer_t *answer = far_on(far, "POST /v2/sandboxes/" SANDBOX "/connect");
    far_always(answer);
    far_reply(answer, 200, NULL, MADE);
    check_operation(build_connect, 40);
    far_stop(far);
}

static int build_terminate(const e2b_call_t *call, e2b_op_t **out, e2b_err_t *err) {
    return e2b_op_terminate(call, SANDBOX, 1000, out, err);
}

TEST("terminate") {
    begin();
    far_answer_t *answer = far_on(far, "DELETE");
    far_always(answer);
    far_send(answer, "HTTP/1.1 204 No Content\r\n\r\n");
    check_operation(build_terminate, 30);
    far_stop(far);
}

/* ---- processes ---- */

static void always_runs(void) {
    far_answer_t *answer = far_on(far, "POST /process.Process/Start");
    far_always(answer);
    far_stream(answer);
    far_frame(answer, 0, START_EVENT);
    far_frame(answer, 0, "{\"event\":{\"data\":{\"stdout\":\"aGVs\"}}}");
    far_frame(answer, 0, "{\"event\": {\"data\": {\"stderr\": \"b29wcw==\"}}}");
    e2b_buf_t half; /* a frame in two pieces */
    e2b_buf_init(&half, 1000);
    const char *json = "{\"event\":{\"data\":{\"stdout\":\"bG8=\"}}}";
    CHECK_INT(e2b_rpc_encode(&half, 0, json, strlen(json)), E2B_OK);
    far_chunk(answer, half.data, 20);
    far_chunk(answer, half.data + 20, half.len - 20);
    e2b_buf_destroy(&half);
    far_frame(answer, 0, END_EVENT);
    far_frame(answer, 2, EMPTY_END);
    far_last(answer);
    answer = far_on(far, "POST /process.Process/");
    far_always(answer);
    far_reply(answer, 200, NULL, "{}");
    answer = far_on(far, "GET /health");
    far_always(answer);
    far_send(answer, "HTTP/1.1 204 No Content\r\n\r\n");
    answer = far_on(far, "POST /files");
    far_always(answer);
    far_reply(answer, 200, NULL, "[]");
}

static int build_exec(const e2b_call_t *call, e2b_op_t **out, e2b_err_t *err) {
    const char *const list[] = {"a", "K", "v"};
    e2b_exec_args_t args = {.command = "cat",
                            .args = {list, 1},
                            .timeout_s = 5,
                            .cwd = "/",
                            .user = "root",
                            .env = {list + 1, 2},
                            .has_stdin = true,
                            .stdin_data = {"in", 2},
                            .keep = true,
                            .stream = true};
    return e2b_op_exec(call, SANDBOX, &args, out, err);
}

TEST("a process with stdin, output kept and read") {
    begin();
    always_runs();
    check_operation(build_exec, 100);
    far_stop(far);
}

static int build_attach(const e2b_call_t *call, e2b_op_t **out, e2b_err_t *err) {
    return e2b_op_attach(call, SANDBOX, 42, 5, true, true, 100, out, err);
}

TEST("attaching to a process") {
    begin();
    far_answer_t *answer = far_on(far, "POST /process.Process/Connect");
    far_always(answer);
    far_stream(answer);
    far_frame(answer, 0, START_EVENT);
    far_frame(answer, 0, END_EVENT);
    far_frame(answer, 2, EMPTY_END);
    far_last(answer);
    always_runs();
    check_operation(build_attach, 60);
    far_stop(far);
}

static int build_agent(const e2b_call_t *call, e2b_op_t **out, e2b_err_t *err) {
    const char *const symbols[] = {"SPX"};
    const char *const names[] = {"SPX.csv"};
    const e2b_bytes_t data[] = {{"a,b", 3}};
    e2b_agent_args_t args = {.agent_id = "a",
                             .agent_type = "momentum",
                             .program_name = "m.js",
                             .program = "1",
                             .params_json = "{\"w\":1}",
                             .symbols = {symbols, 1},
                             .data = data,
                             .data_names = names,
                             .timeout_s = 5};
    return e2b_op_agent(call, SANDBOX, &args, out, err);
}

TEST("an agent") {
    begin();
    always_runs();
    check_operation(build_agent, 150);
    far_stop(far);
}

TEST_MAIN
