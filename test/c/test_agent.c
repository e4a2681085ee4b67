/* Facts about agent.c: the files that an agent gets, in which order, and what is refused because it
 * would reach a shell or leave the agent's folder. */
#include "drive.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define START "POST /process.Process/Start"

static const char *const symbols[] = {"SPX", "A\"B"};
static const e2b_bytes_t data[] = {{"a,b\n", 4}, {"c", 1}};
static const char *const names[] = {"SPX.csv", "AB.csv"};

static e2b_agent_args_t usual(void) {
    return (e2b_agent_args_t){.agent_id = "agent-1",
                              .agent_type = "momentum",
                              .program_name = "momentum.js",
                              .program = "run()",
                              .params_json = "{\"window\":20}",
                              .symbols = {symbols, 2},
                              .data = data,
                              .data_names = names,
                              .timeout_s = 60};
}

static e2b_op_t *agent(drive_t *drive, const e2b_agent_args_t *args) {
    DRIVE_OP(e2b_op_agent(&drive->call, SANDBOX, args, &op, &err));
}

static void answer_start(drive_t *drive) {
    far_answer_t *answer = far_on(drive->far, START);
    far_stream(answer);
    far_frame(answer, 0, START_EVENT);
    far_frame(answer, 0, END_EVENT);
    far_frame(answer, 2, EMPTY_END);
    far_last(answer);
}

TEST("program, configuration and data are uploaded into the agent's folder, then node runs") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    far_answer_t *files = far_on(drive.far, "POST /files");
    far_always(files);
    far_reply(files, 200, NULL, "[]");
    answer_start(&drive);
    e2b_agent_args_t args = usual();
    CHECK_INT(drive_run(&drive, agent(&drive, &args))->err->code, E2B_OK);
    static const char *const lines[] = {"POST /files?path=agents%2Fagent-1%2Fmomentum.js",
                                        "POST /files?path=agents%2Fagent-1%2Fconfig.json",
                                        "POST /files?path=agents%2Fagent-1%2Fdata%2FSPX.csv",
                                        "POST /files?path=agents%2Fagent-1%2Fdata%2FAB.csv"};
    static const char *const bodies[] = {
        "run()",
        "{\"params\":{\"window\":20},\"agentType\":\"momentum\",\"symbols\":[\"SPX\",\"A\\\"B\"],"
        "\"data\":{\"SPX\":\"data/SPX.csv\",\"A\\\"B\":\"data/AB.csv\"}}",
        "a,b\n", "c"};
    for (int i = 0; i < 4; i++) {
        const far_request_t *request = far_request_of(drive.far, "POST /files", i);
        CHECK_STR(request->line, lines[i]);
        CHECK_STR(request->body, bodies[i]);
    }
    const char *start = far_request_of(drive.far, START, 0)->body + 5;
    CHECK(strstr(start, "\"/bin/bash\",\"args\":[\"-l\",\"-c\",\"cd ~/agents/agent-1 && exec node "
                        "momentum.js config.json\"]") != NULL);
    drive_end(&drive);
}

TEST("an upload that fails ends the agent before it begins") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    far_reply(far_on(drive.far, "POST /files"), 200, NULL, "[]");
    far_reply(far_on(drive.far, "POST /files"), 507, NULL, "{\"code\":507,\"message\":\"full\"}");
    e2b_agent_args_t args = usual();
    e2b_result_t *result = drive_run(&drive, agent(&drive, &args));
    CHECK_INT(result->err->code, E2B_ERR_DISK_FULL);
    CHECK_INT(far_count_of(drive.far, START), 0);
    drive_end(&drive);
}

TEST("an agent is cancelled in the middle of its uploads") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    far_stall(far_on(drive.far, "POST /files"));
    e2b_agent_args_t args = usual();
    uint64_t id = drive_submit(&drive, agent(&drive, &args));
    DRIVE_UNTIL(&drive, far_count_of(drive.far, "POST /files") == 1);
    e2b_client_cancel(drive.client, id);
    CHECK_INT(drive_wait(&drive, id)->err->code, E2B_ERR_CANCELLED);
    drive_idle(&drive);
    CHECK_INT(far_count_of(drive.far, START), 0);
    drive_end(&drive);
}

static void check_refused(drive_t *drive, e2b_agent_args_t args, const char *field) {
    e2b_op_t *op = NULL;
    e2b_err_t err;
    e2b_err_init(&err);
    CHECK_INT(e2b_op_agent(&drive->call, SANDBOX, &args, &op, &err), E2B_ERR_INVALID_ARGUMENT);
    CHECK(op == NULL);
    if (strstr(err.message, field) == NULL) fprintf(stderr, "  it says: %s\n", err.message);
    CHECK(strstr(err.message, field) != NULL);
}

TEST("bad input of an agent is refused by the name of its field") {
    drive_t drive;
    drive_init(&drive);
    e2b_agent_args_t args = usual();
    args.agent_id = "../x";
    check_refused(&drive, args, "agentId");
    args = usual();
    args.symbols.count = 0;
    check_refused(&drive, args, "symbols");
    args = usual();
    args.program = NULL;
    check_refused(&drive, args, "agentType");
    static const char *const params[] = {"", "{", "[1]", "7", "null", "{} x"};
    for (size_t i = 0; i < COUNT(params); i++) {
        args = usual();
        args.params_json = params[i];
        check_refused(&drive, args, "strategyParams");
    }
    char longest[200];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    const char *const bad[] = {"",    ".",    "..",    "../up.js", "a/b",
                               "a b", "a;id", "$(id)", "-e",       longest};
    for (size_t i = 0; i < COUNT(bad); i++) {
        args = usual();
        args.program_name = bad[i];
        check_refused(&drive, args, "program");
        if (strpbrk(bad[i], " ;$") != NULL || bad[i][0] == '-') continue; /* no shell sees those */
        const char *const two[] = {"SPX.csv", bad[i]};
        args = usual();
        args.data_names = two;
        check_refused(&drive, args, "data");
    }
    args = usual();
    args.timeout_s = 0;
    check_refused(&drive, args, "timeout");
    drive_end(&drive);
}

TEST_MAIN
