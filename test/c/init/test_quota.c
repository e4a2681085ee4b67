/*
 * Who uses more than he may: the sandbox is refused it, or ends, and its neighbour does not notice.
 * On every rung, by whatever holds there: groups, limits of each process, or measuring. Behind the
 * real launcher.
 */
#include "../test.h"

#include <unistd.h>

#include "backend.h"
#include "pid1.h"
#include "program.h"

#define MIB (1024 * 1024)

static backend_t backend;
static far_t far, neighbour;
static told_t told;
static char log_line[512];

/* Two sandboxes, the first with limits. */
static uint32_t begin(boot_rung_t rung, const backend_boot_t *boot) {
    backend_start(&backend, rung);
    backend_open(&backend, &neighbour, NULL, NULL);
    return backend_open(&backend, &far, boot, NULL);
}

static void finish(void) {
    memset(&told, 0, sizeof told);
    program_run(&neighbour, "echo lives", &told);
    CHECK_STR(told.text[WIRE_STDOUT], "lives\n");
    far_close(&far);
    far_close(&neighbour);
    backend_stop(&backend);
}

static const char *says(const char *line) {
    const char *const args[] = {"/bin/bash", "-c", line, NULL};
    memset(&told, 0, sizeof told);
    program_spawn(&far, 1, &(order_t){.args = args});
    program_listen(&far, 1, &told);
    return told.text[WIRE_STDOUT];
}

static void start(uint32_t stream, const char *line) {
    const char *const args[] = {"/bin/bash", "-c", line, NULL};
    program_spawn(&far, stream, &(order_t){.args = args});
    program_started(&far, stream);
}

/* All frames until the sandbox ends; the last of its lines for the log is kept. */
static void wait_for_end(void) {
    wire_frame_t frame;
    log_line[0] = '\0';
    while (far_try_next(&far, &frame)) {
        if (frame.type != WIRE_LOG) continue;
        wire_reader_t reader = wire_read(&frame);
        wire_string_t line = wire_read_string(&reader);
        snprintf(log_line, sizeof log_line, "%.*s", (int)line.len, line.data);
    }
}

/* ---- processes ---- */

#define MANY "i=0; while [ $i -lt 300 ]; do sleep 1000 & i=$((i+1)); done; sleep 1000"

static uint32_t processes(void) {
    far_tell(&far, WIRE_USAGE, 0, 101);
    for (;;) {
        wire_frame_t frame = far_next(&far);
        if (frame.stream != 101) continue;
        wire_reader_t reader = wire_read(&frame);
        for (int i = 0; i < 4; i++) wire_read_i64(&reader);
        return wire_read_u32(&reader);
    }
}

static bool are_many(void *unused) {
    (void)unused;
    return processes() > 50;
}

static void check_many_processes(boot_rung_t rung) {
    begin(rung, &(backend_boot_t){.processes = 60});
    start(1, MANY);
    if (rung == RUNG_NONE) {
        wait_for_end();
        CHECK(strstr(log_line, "process limit") != NULL);
    } else {
        CHECK(pid1_until(are_many, NULL));
        for (int i = 0; i < 20; i++) CHECK(processes() <= 60);
    }
    finish();
}

/* Without groups or a namespace that count them it is not tried: it would be the machine's. */
static void check_fork_bomb(boot_rung_t rung) {
    begin(rung, &(backend_boot_t){.processes = 200});
    start(1, "bomb() { bomb | bomb & }; bomb; sleep 1000");
    for (int i = 0; i < 20; i++) {
        memset(&told, 0, sizeof told);
        program_run(&neighbour, "echo $((6 * 7)) | cat", &told);
        CHECK_STR(told.text[WIRE_STDOUT], "42\n");
    }
    finish();
}

/* ---- memory ---- */

static void check_memory(boot_rung_t rung) {
    begin(rung, &(backend_boot_t){.memory_bytes = 96 * MIB});
    /* tail keeps it all. */
    says("head -c 400m /dev/zero | tail -c 400m >/dev/null; echo ${PIPESTATUS[1]}");
    CHECK(strcmp(told.text[WIRE_STDOUT], "0\n") != 0);
    CHECK_STR(says("echo lives"), "lives\n");
    finish();
}

/* ---- the disk ---- */

static void check_one_file(boot_rung_t rung) {
    begin(rung, &(backend_boot_t){.disk_bytes = 16 * MIB});
    says("head -c 64m /dev/zero >big 2>/dev/null; stat -c %s big");
    CHECK_STR(told.text[WIRE_STDOUT], "16777216\n");
    finish();
}

static void check_disk(boot_rung_t rung, const char *line) {
    begin(rung, &(backend_boot_t){.disk_bytes = 24 * MIB});
    start(1, line);
    wait_for_end();
    CHECK(strstr(log_line, "disk limit") != NULL);
    finish();
}

#define FILES "i=0; while :; do head -c 4m /dev/zero >f$i; i=$((i+1)); sleep .01; done"
#define REMOVED                                                                                    \
    "for i in 1 2 3 4 5 6 7 8 9 10; do exec {fd}>f; rm f; head -c 4m /dev/zero >&$fd; done; "      \
    "sleep 1000"
#define DEEP                                                                                       \
    "for i in $(seq 200); do mkdir -p 0123456789012345678901234567890123456789; "                  \
    "cd -P 0123456789012345678901234567890123456789; done; " FILES

/* ---- output ---- */

static void check_flood(boot_rung_t rung) {
    begin(rung, NULL);
    start(5, "yes flood");
    /* Nothing of it is credited: it stands, and only it. */
    wire_frame_t frame;
    for (size_t got = 0; got < WIRE_WINDOW; got += frame.len) {
        frame = far_next(&far);
        CHECK_INT(frame.type, WIRE_DATA);
    }
    for (int i = 0; i < 20; i++) CHECK_STR(says("echo beside"), "beside\n");
    finish();
}

/* ---- what was asked for, and what is had ---- */

static void check_features(boot_rung_t rung) {
    uint32_t features = begin(rung, NULL);
    CHECK_INT((features & WIRE_HAS_FILES) != 0, rung != RUNG_NONE);
    CHECK_INT((features & WIRE_HAS_USERS) != 0, rung == RUNG_ROOT);
    CHECK_INT((features & WIRE_HAS_NETWORK) != 0, 0);
    if (features & WIRE_HAS_LIMITS) {
        far_tell(&far, WIRE_USAGE, 0, 3);
        wire_frame_t frame = far_expect(&far, WIRE_DONE, 3);
        wire_reader_t reader = wire_read(&frame);
        CHECK(wire_read_i64(&reader) >= 0);
    }
    finish();
}

typedef struct usage_answer {
    int64_t cpu_us, memory, cache, disk;
    uint32_t processes;
} usage_answer_t;

static usage_answer_t ask_usage(void) {
    far_tell(&far, WIRE_USAGE, 0, 3);
    wire_frame_t frame = far_expect(&far, WIRE_DONE, 3);
    wire_reader_t reader = wire_read(&frame);
    usage_answer_t usage; /* line by line: the order of the fields is that of the reads */
    usage.cpu_us = wire_read_i64(&reader);
    usage.memory = wire_read_i64(&reader);
    usage.cache = wire_read_i64(&reader);
    usage.disk = wire_read_i64(&reader);
    usage.processes = wire_read_u32(&reader);
    CHECK(wire_read_all(&reader));
    return usage;
}

static bool counts_both(void *context) {
    usage_answer_t *usage = context;
    *usage = ask_usage();
    return usage->processes == 2 && usage->memory > 64 * 1024;
}

/* CPU time and memory of what has run and what runs, and how many do. How long a loop takes is the
 * machine's to say: the first program goes on until it has used ten ticks, by its own account. Of
 * one that has only just begun the kernel may not have counted all memory yet. */
static void check_usage(boot_rung_t rung) {
    begin(rung, &(backend_boot_t){.memory_bytes = 256 * MIB});
    says("while read -ra stat </proc/self/stat; [ $((stat[13] + stat[14])) -lt 10 ]; do"
         " for i in {1..1000}; do :; done; done");
    start(2, "exec tail -f /dev/null");
    start(4, "exec tail -f /dev/null");
    usage_answer_t usage;
    pid1_until(counts_both, &usage);
    CHECK_INT(usage.processes, 2);
    CHECK(usage.memory > 64 * 1024);
    CHECK(usage.memory < 256 * MIB);
    CHECK(usage.cache >= 0);
    CHECK(usage.cpu_us > 50 * 1000);
    CHECK(usage.disk >= 0);
    CHECK(usage.disk < MIB);
    finish();
}

/* ---- facts ---- */

#define ON(rung_, name, fact, call)                                                                \
    static void TEST_JOIN(name, __LINE__)(void) {                                                  \
        boot_rung_t rung = rung_;                                                                  \
        call;                                                                                      \
    }                                                                                              \
    __attribute__((constructor)) static void TEST_JOIN(add_##name, __LINE__)(void) {               \
        if (rung_ != RUNG_ROOT || geteuid() == 0)                                                  \
            test_add(#name ": " fact, TEST_JOIN(name, __LINE__));                                  \
    }
#define ON_WALLED(fact, call) ON(RUNG_ROOT, root, fact, call) ON(RUNG_USER, user, fact, call)
#define ON_ALL(fact, call) ON_WALLED(fact, call) ON(RUNG_NONE, none, fact, call)

ON_ALL("more processes than allowed are refused, or end the sandbox", check_many_processes(rung))
ON_WALLED("a fork bomb stays in its sandbox", check_fork_bomb(rung))
ON_ALL("more memory than allowed is not had", check_memory(rung))
ON_ALL("no file grows past the disk limit", check_one_file(rung))
ON_ALL("many files past the disk limit end the sandbox", check_disk(rung, FILES))
ON_ALL("so do files that are removed and still open", check_disk(rung, REMOVED))
ON_ALL("so do files in a directory deeper than a path can be long", check_disk(rung, DEEP))
ON_ALL("output that nobody takes holds up its own program only", check_flood(rung))
ON_ALL("the features say what there is", check_features(rung))
ON_ALL("usage counts what ran and what runs", check_usage(rung))

__attribute__((constructor)) static void say_what_is_not_tried(void) {
    if (geteuid() != 0) fprintf(stderr, "test_init_limits: not root: RUNG_ROOT is not tried\n");
}

TEST_MAIN
