/*
 * routes.c: which requests are known and what they are answered with. One that does not carry the
 * key or the daemon's token, or whose path is not known, is refused; everything is counted.
 */
#include "stub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>

#define MAX_ID 64
#define TOKEN "a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4"

static const char *api_key;
static uint64_t creates, describes, starts, downloads, uploads, uploaded_bytes, http2, refusals;

void expect_key(const char *key) {
    api_key = key;
}

void read_header(connection_t *c, const char *name, const char *value) {
    if (strcasecmp(name, "x-api-key") == 0) {
        c->has_key = strcmp(value, api_key) == 0;
    } else if (strcasecmp(name, "x-access-token") == 0) {
        c->has_token = strcmp(value, TOKEN) == 0;
    } else if (strcasecmp(name, "content-type") == 0) {
        c->is_connect_json = strcasecmp(value, "application/connect+json") == 0;
    } else if (strcasecmp(name, "x-bench-protocol") == 0) { /* of who is in front of us */
        if (strcmp(value, "HTTP/2.0") == 0) http2++;
    }
}

void read_start(connection_t *c, const char *body, size_t len) {
    static const struct {
        const char *command;
        output_t output;
    } known[] = {{"\"idle\"", SILENCE}, {"\"ticks\"", TICKS}, {"\"flood\"", FLOOD}};
    c->output = TEN_FRAMES;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (memmem(body, len, known[i].command, strlen(known[i].command))) {
            c->output = known[i].output;
        }
    }
}

void count_upload(size_t len) {
    uploaded_bytes += len;
}

static void answer(connection_t *c, const char *status, const char *body) {
    c->answer_len = (size_t)snprintf(c->answer, sizeof c->answer,
                                     "HTTP/1.1 %s\r\nContent-Type: application/json\r\n"
                                     "Content-Length: %zu\r\n\r\n%s",
                                     status, strlen(body), body);
}

static void describe(connection_t *c, const char *id) {
    char body[1024];
    snprintf(body, sizeof body,
             "{\"templateID\":\"rki5dems9wqfm4r03t7g\",\"alias\":\"base\",\"sandboxID\":\"%s\","
             "\"clientID\":\"6532622b\",\"startedAt\":\"2026-01-01T00:00:00.000Z\","
             "\"endAt\":\"2036-01-01T00:00:00.000Z\",\"cpuCount\":2,\"memoryMB\":512,"
             "\"diskSizeMB\":1024,\"state\":\"running\",\"envdVersion\":\"0.6.13\","
             "\"metadata\":{\"e2b-swarm.name\":\"bench\",\"strategy\":\"momentum\"},"
             "\"volumeMounts\":[],\"envdAccessToken\":\"" TOKEN "\","
             "\"trafficAccessToken\":null,\"allowInternetAccess\":null,"
             "\"lifecycle\":{\"autoResume\":false,\"onTimeout\":\"kill\"},\"domain\":null}",
             id);
    answer(c, "200 OK", body);
}

static void create(connection_t *c) {
    char body[512];
    snprintf(body, sizeof body,
             "{\"templateID\":\"rki5dems9wqfm4r03t7g\",\"sandboxID\":\"i%020llu\","
             "\"alias\":\"base\",\"clientID\":\"6532622b\",\"envdVersion\":\"0.6.13\","
             "\"envdAccessToken\":\"" TOKEN "\","
             "\"trafficAccessToken\":null,\"domain\":null}",
             (unsigned long long)++creates);
    answer(c, "201 Created", body);
}

/* What was asked of this process, and what it has used for it. */
static void tell_usage(connection_t *c) {
    struct rusage usage;
    char body[512];
    getrusage(RUSAGE_SELF, &usage);
    long long us = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000LL +
                   usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    snprintf(body, sizeof body,
             "{\"creates\":%llu,\"describes\":%llu,\"starts\":%llu,"
             "\"downloads\":%llu,\"uploads\":%llu,\"uploadedBytes\":%llu,\"http2\":%llu,"
             "\"refusals\":%llu,\"frames\":%llu,\"connections\":%llu,\"cpuUs\":%lld}",
             (unsigned long long)creates, (unsigned long long)describes, (unsigned long long)starts,
             (unsigned long long)downloads, (unsigned long long)uploads,
             (unsigned long long)uploaded_bytes, (unsigned long long)http2,
             (unsigned long long)refusals, (unsigned long long)frames_sent(),
             (unsigned long long)connections_accepted(), us);
    answer(c, "200 OK", body);
}

static void refuse(connection_t *c, const char *status) {
    refusals++;
    answer(c, status, "{\"code\":400,\"message\":\"refused by the stub\"}");
}

/* An id that was given out: i and the number of the create. */
static bool is_known(const char *id) {
    if (id[0] != 'i' || strlen(id) != 21 || strspn(id + 1, "0123456789") != 20) return false;
    uint64_t number = strtoull(id + 1, NULL, 10);
    return number > 0 && number <= creates;
}

static void route_control(connection_t *c, const char *method, const char *path) {
    static const char sandboxes[] = "/sandboxes/";
    char id[MAX_ID + 1] = "";
    if (!c->has_key) {
        refuse(c, "401 Unauthorized");
        return;
    }
    if (strcmp(method, "POST") == 0 && strcmp(path, "/v2/sandboxes") == 0) {
        create(c);
        return;
    }
    if (strncmp(path, sandboxes, sizeof sandboxes - 1) != 0) {
        refuse(c, "404 Not Found");
        return;
    }
    path += sizeof sandboxes - 1;
    size_t len = strcspn(path, "/");
    if (len <= MAX_ID) memcpy(id, path, len);
    path += len;
    if (!is_known(id)) {
        refuse(c, "404 Not Found");
    } else if (strcmp(method, "GET") == 0 && !*path) {
        describes++;
        describe(c, id);
    } else {
        refuse(c, "404 Not Found");
    }
}

static void route_files(connection_t *c, const char *method) {
    if (!c->has_token) {
        refuse(c, "401 Unauthorized");
    } else if (strcmp(method, "GET") == 0) {
        downloads++;
        c->downloads = true;
    } else {
        uploads++;
        c->uploads = true;
        answer(c, "200 OK", "[{\"path\":\"/home/user/b\",\"name\":\"b\",\"type\":\"file\"}]");
    }
}

void route(connection_t *c, const char *method, const char *path) {
    if (strcmp(path, "/process.Process/Start") == 0) {
        c->starts = strcmp(method, "POST") == 0 && c->has_token && c->is_connect_json;
        if (c->starts) {
            starts++;
        } else {
            refuse(c, "401 Unauthorized");
        }
    } else if (strncmp(path, "/files?", 7) == 0) {
        route_files(c, method);
    } else if (strcmp(path, "/usage") == 0) {
        tell_usage(c);
    } else {
        route_control(c, method, path);
    }
}
