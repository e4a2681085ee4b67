/*
 * event.c: reads one message of process.Process/Start or Connect. Pure, any thread. More than 99
 * of 100 messages are data events in one exact spelling and go through a scan without memory; it
 * must answer as cJSON would, or leave the message to cJSON.
 */
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "rpc.h"

/* The members of `data`, in the order in which the slow way looks for them too. */
static const struct {
    const char *name;
    e2b_event_kind_t kind;
} channels[] = {
    {"stdout", E2B_EVENT_STDOUT},
    {"stderr", E2B_EVENT_STDERR},
    {"pty", E2B_EVENT_PTY},
};
#define CHANNELS (sizeof channels / sizeof channels[0])

/* {"event":{"data":{"<channel>":"<base64>"}}}: nothing between, nothing behind, no escapes. */
static bool scan_data(e2b_event_t *event, const char *json, size_t len) {
    static const char head[] = "{\"event\":{\"data\":{\"";
    static const char foot[] = "\"}}}";
    const size_t head_len = sizeof head - 1, foot_len = sizeof foot - 1;
    if (len < head_len + foot_len || memcmp(json, head, head_len) != 0) return false;
    const char *at = json + head_len;
    const char *end = json + len - foot_len;
    if (memcmp(end, foot, foot_len) != 0) return false;
    for (size_t i = 0; i < CHANNELS; i++) {
        size_t name_len = strlen(channels[i].name);
        if ((size_t)(end - at) < name_len + 3 || memcmp(at, channels[i].name, name_len) != 0 ||
            memcmp(at + name_len, "\":\"", 3) != 0)
            continue;
        const char *text = at + name_len + 3;
        size_t text_len = (size_t)(end - text);
        if (memchr(text, '"', text_len) != NULL || memchr(text, '\\', text_len) != NULL ||
            memchr(text, '\0', text_len) != NULL)
            return false;
        event->kind = channels[i].kind;
        event->base64 = text;
        event->base64_len = text_len;
        return true;
    }
    return false;
}

static bool read_start(e2b_event_t *event, const cJSON *start) {
    int64_t pid;
    if (e2b_json_int(start, "pid", 1, UINT32_MAX, &pid) != E2B_JSON_FOUND)
        return false; /* 0, which may be left out, is no process that one could signal */
    event->kind = E2B_EVENT_START;
    event->pid = (uint32_t)pid;
    return true;
}

static bool read_data(e2b_event_t *event, const cJSON *data) {
    for (size_t i = 0; i < CHANNELS; i++) {
        switch (e2b_json_string(data, channels[i].name, &event->base64)) {
        case E2B_JSON_FOUND:
            event->kind = channels[i].kind;
            event->base64_len = strlen(event->base64);
            return true;
        case E2B_JSON_WRONG:
            return false;
        case E2B_JSON_ABSENT:
            break;
        }
    }
    return true; /* a channel of the future */
}

static bool read_end(e2b_event_t *event, const cJSON *end) {
    int64_t exit_code = 0;
    const char *status = "";
    e2b_json_get_t got = e2b_json_int(end, "exitCode", INT32_MIN, INT32_MAX, &exit_code);
    if (got == E2B_JSON_ABSENT)
        got = e2b_json_int(end, "exit_code", INT32_MIN, INT32_MAX, &exit_code);
    if (got == E2B_JSON_WRONG || e2b_json_bool(end, "exited", &event->exited) == E2B_JSON_WRONG ||
        e2b_json_string(end, "status", &status) == E2B_JSON_WRONG)
        return false;
    event->kind = E2B_EVENT_END;
    event->exit_code = (int32_t)exit_code;
    snprintf(event->status, sizeof event->status, "%s", status);
    return true;
}

static bool read_event(e2b_event_t *event, const cJSON *root) {
    static const struct {
        const char *name;
        bool (*read)(e2b_event_t *event, const cJSON *value);
    } kinds[] = {{"data", read_data}, {"start", read_start}, {"end", read_end}};

    const cJSON *body = NULL;
    const cJSON *value = NULL;
    if (!cJSON_IsObject(root) || e2b_json_object(root, "event", &body) != E2B_JSON_FOUND)
        return false;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        e2b_json_get_t got = e2b_json_object(body, kinds[i].name, &value);
        if (got == E2B_JSON_FOUND) return kinds[i].read(event, value);
        if (got == E2B_JSON_WRONG) return false;
    }
    if (e2b_json_object(body, "keepalive", &value) == E2B_JSON_FOUND)
        event->kind = E2B_EVENT_KEEPALIVE;
    return true;
}

int e2b_event_parse(e2b_event_t *event, const char *json, size_t len, e2b_err_t *err) {
    memset(event, 0, sizeof *event);
    event->kind = E2B_EVENT_UNKNOWN;
    if (scan_data(event, json, len)) return E2B_OK;
    cJSON *root = e2b_json_parse(json, len);
    bool ok = read_event(event, root);
    if (ok && event->base64 != NULL)
        event->tree = root; /* base64 lies in it */
    else
        cJSON_Delete(root);
    if (ok) return E2B_OK;
    memset(event, 0, sizeof *event);
    event->kind = E2B_EVENT_UNKNOWN;
    return e2b_err_set(err, E2B_ERR_BAD_RESPONSE,
                       "A message of the process stream (%zu bytes) is not a valid event", len);
}

void e2b_event_destroy(e2b_event_t *event) {
    cJSON_Delete(event->tree);
    event->tree = NULL;
    event->base64 = NULL;
    event->base64_len = 0;
}
