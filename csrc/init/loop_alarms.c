/*
 * loop_alarms.c: alarms as a list, the soonest first. One thread.
 */
#include "loop.h"

#include <time.h>

int64_t loop_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void alarm_set(loop_alarm_t *alarm, loop_t *loop, int64_t delay_ms, alarm_ring_t ring) {
    alarm_stop(alarm);
    *alarm = (loop_alarm_t){.loop = loop, .at_ms = loop_now_ms() + delay_ms, .ring = ring};
    loop_alarm_t **at = &loop->alarms;
    while (*at != NULL && (*at)->at_ms <= alarm->at_ms) at = &(*at)->next;
    alarm->next = *at;
    *at = alarm;
}

void alarm_stop(loop_alarm_t *alarm) {
    if (alarm->loop == NULL) return;
    loop_alarm_t **at = &alarm->loop->alarms;
    while (*at != alarm) at = &(*at)->next;
    *at = alarm->next;
    alarm->loop = NULL;
}

/* Those that are due by now; what they set anew for now waits for the next round. */
void alarms_ring(loop_t *loop) {
    if (loop->alarms == NULL) return;
    int64_t now = loop_now_ms();
    for (int left = LOOP_BATCH; left > 0; left--) {
        loop_alarm_t *alarm = loop->alarms;
        if (alarm == NULL || alarm->at_ms > now) return;
        alarm_stop(alarm);
        alarm->ring(alarm);
    }
}

int alarms_wait(const loop_t *loop, int timeout_ms) {
    if (loop->alarms == NULL) return timeout_ms;
    int64_t left = loop->alarms->at_ms - loop_now_ms();
    if (left < 0) left = 0;
    if (left > 1000 * 1000) left = 1000 * 1000;
    return timeout_ms >= 0 && timeout_ms < left ? timeout_ms : (int)left;
}
