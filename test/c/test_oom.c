/* Facts about running out of memory: every operation of the control plane and on files (oom.h). */
#include "oom.h"

#include "config.h"

#define MADE OOM_MADE

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
    oom_begin();
    far_answer_t *answer = far_on(oom_far, "POST /v2/sandboxes");
    far_always(answer);
    far_reply(answer, 405, NULL, "");
    answer = far_on(oom_far, "POST /sandboxes");
    far_always(answer);
    far_reply(answer, 201, NULL, MADE);
    oom_check(&(oom_plan_t){.build = build_create, .at_least = 60});
    oom_end();
}

static int build_list(const e2b_call_t *call, e2b_op_t **out, e2b_err_t *err) {
    const char *const pairs[] = {"K", "v"};
    e2b_list_args_t args = {.state = "running",
                            .metadata = {pairs, 2},
                            .template_id = "t",
                            .order = "asc",
                            .limit = 10,
                            .next_token = "token"};
    return e2b_op_list(call, &args, out, err);
}

TEST("a list") {
    oom_begin();
    far_answer_t *answer = far_on(oom_far, "GET /v2/sandboxes");
    far_always(answer);
    far_reply(answer, 200, "X-Next-Token: t\r\n", "[" MADE "]");
    oom_check(&(oom_plan_t){.build = build_list, .at_least = 40});
    oom_end();
}

static int build_get(const e2b_call_t *call, e2b_op_t **out, e2b_err_t *err) {
    return e2b_op_get(call, SANDBOX, true, out, err);
}

TEST("a get with metrics, which may be missing") {
    oom_begin();
    far_answer_t *answer = far_on(oom_far, "GET /metrics");
    far_always(answer);
    far_reply(answer, 200, NULL, "{\"cpu_count\":2}");
    oom_check(&(oom_plan_t){.build = build_get, .at_least = 40});
    oom_end();
}

static int build_read(const e2b_call_t *call, e2b_op_t **out, e2b_err_t *err) {
    return e2b_op_read_file(call, SANDBOX, "/etc/hosts", "root", 0, out, err);
}

TEST("reading a file, with the lookup of the credentials") {
    oom_begin();
    char *text = calloc(1, 200001);
    CHECK(text != NULL);
    memset(text, 'x', 200000);
    far_answer_t *answer = far_on(oom_far, "GET /files");
    far_always(answer);
    far_reply(answer, 200, NULL, text);
    free(text);
    oom_check(&(oom_plan_t){.build = build_read, .at_least = 60});
    oom_end();
}

static int build_list_files(const e2b_call_t *call, e2b_op_t **out, e2b_err_t *err) {
    return e2b_op_list_files(call, SANDBOX, "/", "root", 1, out, err);
}

TEST("listing files") {
    oom_begin();
    far_answer_t *answer = far_on(oom_far, "POST /filesystem.Filesystem/ListDir");
    far_always(answer);
    far_reply(answer, 200, NULL, "{\"entries\":[]}");
    oom_check(&(oom_plan_t){.build = build_list_files, .at_least = 60});
    oom_end();
}

static int build_connect(const e2b_call_t *call, e2b_op_t **out, e2b_err_t *err) {
    return e2b_op_connect(call, SANDBOX, 60, 0, out, err);
}

TEST("connect") {
    oom_begin();
    far_answer_t *answer = far_on(oom_far, "POST /v2/sandboxes/" SANDBOX "/connect");
    far_always(answer);
    far_reply(answer, 200, NULL, MADE);
    oom_check(&(oom_plan_t){.build = build_connect, .at_least = 40});
    oom_end();
}

static int build_terminate(const e2b_call_t *call, e2b_op_t **out, e2b_err_t *err) {
    return e2b_op_terminate(call, SANDBOX, 1000, out, err);
}

TEST("terminate") {
    oom_begin();
    far_answer_t *answer = far_on(oom_far, "DELETE");
    far_always(answer);
    far_send(answer, "HTTP/1.1 204 No Content\r\n\r\n");
    oom_check(&(oom_plan_t){.build = build_terminate, .at_least = 30});
    oom_end();
}

static int build_set_timeout(const e2b_call_t *call, e2b_op_t **out, e2b_err_t *err) {
    return e2b_op_set_timeout(call, SANDBOX, 60, out, err);
}

TEST("set timeout") {
    oom_begin();
    far_answer_t *answer = far_on(oom_far, "POST /sandboxes/" SANDBOX "/timeout");
    far_always(answer);
    far_send(answer, "HTTP/1.1 204 No Content\r\n\r\n");
    oom_check(&(oom_plan_t){.build = build_set_timeout, .at_least = 30});
    oom_end();
}

static const char *const header_texts[] = {"X-Metadata-a: b"};
static const e2b_strings_t oom_headers = {header_texts, 1};

static int build_write(const e2b_call_t *call, e2b_op_t **out, e2b_err_t *err) {
    e2b_write_args_t args = {.path = "/tmp/f", .user = "root", .headers = oom_headers};
    return e2b_op_write_file(call, SANDBOX, &args, (e2b_bytes_t){"text", 4}, out, err);
}

TEST("writing a file") {
    oom_begin();
    far_answer_t *answer = far_on(oom_far, "POST /files");
    far_always(answer);
    far_reply(answer, 200, NULL, "[]");
    oom_check(&(oom_plan_t){.build = build_write, .at_least = 60});
    oom_end();
}

static int build_remove(const e2b_call_t *call, e2b_op_t **out, e2b_err_t *err) {
    return e2b_op_remove_file(call, SANDBOX, "/tmp/f", "root", out, err);
}

TEST("removing a file") {
    oom_begin();
    far_answer_t *answer = far_on(oom_far, "POST /filesystem.Filesystem/Remove");
    far_always(answer);
    far_reply(answer, 200, NULL, "{}");
    oom_check(&(oom_plan_t){.build = build_remove, .at_least = 60});
    oom_end();
}

TEST("a refusal with JSON") {
    oom_begin();
    far_answer_t *answer = far_on(oom_far, "POST /filesystem.Filesystem/Remove");
    far_always(answer);
    far_reply(answer, 404, NULL, "{\"code\":\"not_found\",\"message\":\"no such file\"}");
    oom_check(&(oom_plan_t){.build = build_remove, .at_least = 60, .comes_to = E2B_ERR_NOT_FOUND});
    oom_end();
}

static int build_download(const e2b_call_t *call, e2b_op_t **out, e2b_err_t *err) {
    return e2b_op_download(call, SANDBOX, "/tmp/f", "root", 5, out, err);
}

TEST("a file down, as a stream, from an offset on") {
    oom_begin();
    static char bytes[E2B_STREAM_MARK * 2];
    far_answer_t *answer = far_on(oom_far, "GET /files");
    far_always(answer);
    far_send(answer, "HTTP/1.1 206 Part\r\nTransfer-Encoding: chunked\r\n\r\n");
    far_chunk(answer, bytes, sizeof bytes);
    far_last(answer);
    oom_check(&(oom_plan_t){.build = build_download, .at_least = 60});
    oom_end();
}

#define UPLOAD 200000 /* bytes */

static int build_upload(const e2b_call_t *call, e2b_op_t **out, e2b_err_t *err) {
    e2b_write_args_t args = {.path = "/tmp/f", .user = "root", .headers = oom_headers};
    return e2b_op_upload(call, SANDBOX, &args, UPLOAD, out, err);
}

TEST("a file up, as a stream, fed in two pieces") {
    oom_begin();
    far_answer_t *answer = far_on(oom_far, "POST /files");
    far_always(answer);
    far_reply(answer, 200, NULL, "[]");
    oom_check(&(oom_plan_t){.build = build_upload, .at_least = 60, .feed = UPLOAD});
    oom_end();
}

/* What of the proxy's password is not known could not be kept out of an error. */
static bool configure(void) {
    const char *const headers[] = {"A: 1", "B: 2"};
    e2b_config_options_t options = {.api_key = KEY,
                                    .sandbox_url = "http://h",
                                    .proxy = "http://user:p%40ss@p:3128",
                                    .no_proxy = "a, b",
                                    .headers = headers,
                                    .header_count = 2};
    e2b_config_t *config = NULL;
    e2b_err_t err;
    e2b_err_init(&err);
    int code = e2b_config_create(&options, &config, &err);
    /* libcurl takes a URL that it has no memory to read for a bad one. */
    CHECK(code == E2B_OK || code == E2B_ERR_OUT_OF_MEMORY || code == E2B_ERR_INVALID_ARGUMENT);
    if (code == E2B_OK) {
        CHECK_STR(config->proxy_secrets[0], "p%40ss");
        CHECK_STR(config->proxy_secrets[1], "p@ss");
        CHECK_STR(config->proxy_secrets[2], "dXNlcjpwQHNz");
        CHECK_STR(config->proxy_address, "p port 3128 ");
    }
    e2b_config_release(config);
    return code == E2B_OK;
}

TEST("a configuration is whole or none") {
    CHECK(test_out_of_memory(configure) > 20);
    bool came = true;
    for (long n = 0; came; n++) {
        CHECK(n < OOM_MAX_ROUNDS);
        e2b_alloc_fail_once(n);
        configure();
        came = !e2b_alloc_fail_waits();
        e2b_alloc_fail_after(-1);
    }
}

TEST_MAIN
