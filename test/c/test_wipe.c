/* Facts about keys and tokens: whatever memory the core gives back, by free or by growing, holds
 * none. The linker puts our own functions in front of the heap's (see the Makefile); libcurl's
 * copies are its own and are not seen. */
#include "drive.h"

#include <malloc.h>
#include <stdatomic.h>

#include "rpc.h"

#define SECRET "SECRET-0123456789"

void __real_free(void *ptr);
void *__wrap_malloc(size_t size);
void __wrap_free(void *ptr);
void *__wrap_realloc(void *ptr, size_t size);

static atomic_int left_behind;
static _Thread_local bool ours; /* the far end's threads have copies too, and may */

void *__wrap_malloc(size_t size) {
    return calloc(1, size); /* zeros: what is looked at later was always written */
}

void __wrap_free(void *ptr) {
    if (ptr != NULL && ours &&
        memmem(ptr, malloc_usable_size(ptr), SECRET, sizeof SECRET - 1) != NULL) {
        atomic_fetch_add(&left_behind, 1);
    }
    __real_free(ptr);
}

/* Always moves, as it may. */
void *__wrap_realloc(void *ptr, size_t size) {
    char *moved = calloc(1, size);
    if (moved == NULL || ptr == NULL) return moved;
    size_t had = malloc_usable_size(ptr);
    memcpy(moved, ptr, had < size ? had : size);
    __wrap_free(ptr);
    return moved;
}

static void begin(drive_t *drive) {
    test_json_uses_our_heap();
    ours = true;
    atomic_store(&left_behind, 0);
    ours = false;
    drive_init(drive);
    ours = true;
}

static void end(drive_t *drive) {
    e2b_client_free(drive->client); /* before the far end, whose records are not ours */
    drive->client = NULL;
    ours = false;
    CHECK_INT(atomic_load(&left_behind), 0);
    drive_end(drive);
}

TEST("the watch sees what is left behind, also by growing") {
    ours = true;
    atomic_store(&left_behind, 0);
    e2b_buf_t plain, secret;
    e2b_buf_init(&plain, 10000);
    e2b_buf_init_secret(&secret, 10000);
    for (int i = 0; i < 200; i++) CHECK_INT(e2b_buf_puts(&secret, SECRET), E2B_OK);
    e2b_buf_destroy(&secret);
    CHECK_INT(atomic_load(&left_behind), 0);
    for (int i = 0; i < 10; i++) CHECK_INT(e2b_buf_puts(&plain, SECRET), E2B_OK);
    CHECK(atomic_load(&left_behind) > 0);
    atomic_store(&left_behind, 0);
    e2b_buf_destroy(&plain);
    CHECK_INT(atomic_load(&left_behind), 1);
    ours = false;
}

TEST("a key is gone with its configuration") {
    drive_t drive;
    begin(&drive);
    e2b_config_t *config = drive_config(
        1, &(e2b_config_options_t){.api_key = SECRET, .proxy = "http://u:" SECRET "@127.0.0.1:1"});
    e2b_config_release(config);
    end(&drive);
}

static void finish(drive_t *drive, e2b_op_t *op) {
    uint64_t id = drive_submit(drive, op);
    CHECK_INT(drive_wait(drive, id)->err->code, E2B_OK);
    e2b_op_free(drive->done[--drive->done_count]);
}

TEST("a daemon's token is gone with the calls and the client that knew it") {
    drive_t drive;
    begin(&drive);
    ours = false;
    const char *body =
        "{\"sandboxID\":\"" SANDBOX "\",\"state\":\"running\",\"envdAccessToken\":\"" SECRET
        "\",\"padding\":\"0123456789012345678901234567890123456789\"}";
    far_reply(far_on(drive.far, "POST /v2/sandboxes"), 201, NULL, body);
    far_reply(far_on(drive.far, "GET /sandboxes/other"), 200, NULL, body);
    far_reply(far_on(drive.far, "GET /sandboxes/" SANDBOX), 200, NULL, body);
    for (int i = 0; i < 2; i++)
        far_reply(far_on(drive.far, "POST /process.Process/List"), 200, NULL, "{}");
    far_reply(far_on(drive.far, "GET /metrics"), 200, NULL, "{}");
    ours = true;
    e2b_op_t *op = NULL;
    finish(&drive, drive_create(&drive));
    CHECK_INT(e2b_op_processes(&drive.call, SANDBOX, &op, NULL), E2B_OK);
    finish(&drive, op);
    CHECK_INT(e2b_op_processes(&drive.call, "other", &op, NULL), E2B_OK); /* looked up */
    finish(&drive, op);
    CHECK_INT(e2b_op_get(&drive.call, SANDBOX, true, &op, NULL), E2B_OK);
    finish(&drive, op);
    end(&drive);
}

TEST("environment, arguments and stdin of a process are gone with the call") {
    drive_t drive;
    begin(&drive);
    ours = false;
    drive_known(&drive);
    far_answer_t *answer = far_on(drive.far, "POST /process.Process/Start");
    far_stream(answer);
    far_frame(answer, 0, START_EVENT);
    far_gate(answer);
    far_frame(answer, 0, END_EVENT);
    far_frame(answer, 2, EMPTY_END);
    far_last(answer);
    ours = true;
    const char *const list[] = {"TOKEN", SECRET};
    e2b_exec_args_t args = {
        .command = "x", .args = {list, 2}, .env = {list, 2}, .timeout_s = 60, .keep = true};
    uint64_t id = drive_submit(&drive, drive_exec(&drive, &args));
    DRIVE_UNTIL(&drive, drive.news & E2B_NEWS_STARTED);
    far_open(drive.far);
    CHECK_INT(drive_wait(&drive, id)->err->code, E2B_OK);
    e2b_op_free(drive.done[--drive.done_count]);
    end(&drive);
}

TEST("environment and metadata of a sandbox are gone with the call") {
    drive_t drive;
    begin(&drive);
    ours = false;
    far_reply(far_on(drive.far, "POST /v2/sandboxes"), 201, NULL,
              "{\"sandboxID\":\"" SANDBOX "\"}");
    ours = true;
    const char *const list[] = {"TOKEN", SECRET};
    e2b_create_args_t args = {.name = "n",
                              .timeout_s = 60,
                              .env = {list, 2},
                              .metadata = {list, 2},
                              .auto_pause = -1,
                              .allow_internet = -1};
    e2b_op_t *op = NULL;
    CHECK_INT(e2b_op_create(&drive.call, &args, &op, NULL), E2B_OK);
    finish(&drive, op);
    end(&drive);
}

TEST_MAIN
