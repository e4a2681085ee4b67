/* Facts about timers.c: in order of time, each once, and never after it was cleared. */
#include "test.h"

#include <string.h>

#include "e2b.h"
#include "timers.h"

#define COUNT 500

static int64_t fired[COUNT];
static size_t fired_count;

static void fire(e2b_timer_t *timer) {
    fired[fired_count++] = timer->due_ms;
}

TEST("timers fire in order of time, each once, and none before its time") {
    static e2b_timer_t of[COUNT];
    e2b_timers_t timers = {0};
    fired_count = 0;
    CHECK_INT(e2b_timers_next(&timers), -1);
    for (int i = 0; i < COUNT; i++) {
        of[i] = (e2b_timer_t){.fire = fire};
        CHECK_INT(e2b_timers_set(&timers, &of[i], (i * 7919) % COUNT), E2B_OK);
    }
    CHECK_INT(e2b_timers_next(&timers), 0);
    CHECK(e2b_timers_fire(&timers, COUNT / 2 - 1));
    CHECK_INT(fired_count, COUNT / 2);
    CHECK_INT(e2b_timers_next(&timers), COUNT / 2);
    CHECK(!e2b_timers_fire(&timers, COUNT / 2 - 1));
    CHECK(e2b_timers_fire(&timers, COUNT));
    CHECK_INT(fired_count, COUNT);
    for (int i = 0; i < COUNT; i++) CHECK_INT(fired[i], i);
    CHECK_INT(e2b_timers_next(&timers), -1);
    e2b_timers_destroy(&timers);
}

TEST("a timer that is set again moves, and one that is cleared never fires") {
    e2b_timer_t one = {.fire = fire}, other = {.fire = fire};
    e2b_timers_t timers = {0};
    fired_count = 0;
    CHECK_INT(e2b_timers_set(&timers, &one, 10), E2B_OK);
    CHECK_INT(e2b_timers_set(&timers, &other, 20), E2B_OK);
    CHECK_INT(e2b_timers_set(&timers, &one, 30), E2B_OK);
    CHECK_INT(e2b_timers_next(&timers), 20);
    e2b_timers_clear(&timers, &other);
    e2b_timers_clear(&timers, &other);
    CHECK_INT(e2b_timers_next(&timers), 30);
    CHECK(e2b_timers_fire(&timers, 100));
    CHECK_INT(fired_count, 1);
    CHECK_INT(fired[0], 30);
    e2b_timers_destroy(&timers);
}

TEST_MAIN
