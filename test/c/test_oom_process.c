/* Facts about running out of memory: every operation on processes, agents too (oom.h). */
#include "oom.h"

#include "rpc.h"

static int build_input(const e2b_call_t *call, e2b_op_t **out, e2b_err_t *err) {
    return e2b_op_input(call, SANDBOX, 42, (e2b_bytes_t){"text", 4}, true, out, err);
}

TEST("input and its end") {
    oom_begin();
    far_answer_t *answer = far_on(oom_far, "POST /process.Process/");
    far_always(answer);
    far_reply(answer, 200, NULL, "{}");
    oom_check(&(oom_plan_t){.build = build_input, .at_least = 60});
    oom_end();
}

static void always_runs(void) {
    far_answer_t *answer = far_on(oom_far, "POST /process.Process/Start");
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
    answer = far_on(oom_far, "POST /process.Process/");
    far_always(answer);
    far_reply(answer, 200, NULL, "{}");
    answer = far_on(oom_far, "GET /health");
    far_always(answer);
    far_send(answer, "HTTP/1.1 204 No Content\r\n\r\n");
    answer = far_on(oom_far, "POST /files");
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
    oom_begin();
    always_runs();
    oom_check(&(oom_plan_t){.build = build_exec, .at_least = 100});
    oom_end();
}

static int build_attach(const e2b_call_t *call, e2b_op_t **out, e2b_err_t *err) {
    return e2b_op_attach(call, SANDBOX, 42, 5, true, true, 100, out, err);
}

TEST("attaching to a process") {
    oom_begin();
    far_answer_t *answer = far_on(oom_far, "POST /process.Process/Connect");
    far_always(answer);
    far_stream(answer);
    far_frame(answer, 0, START_EVENT);
    far_frame(answer, 0, END_EVENT);
    far_frame(answer, 2, EMPTY_END);
    far_last(answer);
    always_runs();
    oom_check(&(oom_plan_t){.build = build_attach, .at_least = 60});
    oom_end();
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
    oom_begin();
    always_runs();
    oom_check(&(oom_plan_t){.build = build_agent, .at_least = 150});
    oom_end();
}

static int build_processes(const e2b_call_t *call, e2b_op_t **out, e2b_err_t *err) {
    return e2b_op_processes(call, SANDBOX, out, err);
}

TEST("the list of processes") {
    oom_begin();
    always_runs();
    oom_check(&(oom_plan_t){.build = build_processes, .at_least = 60});
    oom_end();
}

static int build_signal(const e2b_call_t *call, e2b_op_t **out, e2b_err_t *err) {
    return e2b_op_signal(call, SANDBOX, 42, "SIGTERM", out, err);
}

TEST("a signal") {
    oom_begin();
    always_runs();
    oom_check(&(oom_plan_t){.build = build_signal, .at_least = 60});
    oom_end();
}

TEST("a process that is cancelled, and the second process that kills it") {
    oom_begin();
    far_answer_t *answer = far_on(oom_far, "POST /process.Process/Start");
    far_always(answer);
    far_stream(answer);
    far_frame(answer, 0, START_EVENT);
    /* Its reader never sees the end, the killer, who reads nothing, does. */
    static const char begin[] = "{\"event\":{\"data\":{\"stdout\":\"", end[] = "\"}}}";
    static char output[4 * E2B_STREAM_MARK + sizeof end];
    memset(output, 'A', sizeof output);
    memcpy(output, begin, sizeof begin - 1);
    memcpy(output + sizeof output - sizeof end, end, sizeof end);
    for (int i = 0; i < 2; i++) far_frame(answer, 0, output);
    far_frame(answer, 0, END_EVENT);
    far_frame(answer, 2, EMPTY_END);
    far_last(answer);
    always_runs();
    oom_check(&(oom_plan_t){
        .build = build_exec, .at_least = 100, .cancel = true, .comes_to = E2B_ERR_CANCELLED});
    oom_end();
}

TEST_MAIN
