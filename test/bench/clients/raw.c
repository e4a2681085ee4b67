/*
 * raw.c: what libcurl alone needs for the same requests: one thread, the multi interface on an
 * epoll set of its own, no JavaScript, nothing parsed but the id of the sandbox. The limit of
 * anything that is built on libcurl.
 *
 *   raw get|stream|idle|output|download|upload CONCURRENCY CALLS WARM-UP
 *
 * Where to, and with which key and certificate, it takes from the environment, as the others do.
 * Warms up with as many calls as it is told, measures, and prints JSON. It must say so when an
 * answer is not the expected one.
 */
#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define MAX_CONCURRENCY 1000
#define READY 256
#define UPLOAD_BYTES (64 * 1024 * 1024)
#define TOKEN "X-Access-Token: a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4"

typedef struct call {
    CURL *easy;
    size_t received;
    char answer[2048]; /* its first bytes */
    size_t sent;
} call_t;

static CURLM *multi;
static int poll_set;
static double due_ms = -1; /* by now_ms(); -1: never */
static long opened;        /* streams that have begun */
static call_t calls[MAX_CONCURRENCY + 1];
static char url[256], body[512];
static size_t body_len;
static struct curl_slist *headers;
static const char *operation;

static void die(const char *what, const char *why) {
    fprintf(stderr, "raw: %s: %s\n", what, why);
    exit(1);
}

static bool is(const char *name) {
    return strcmp(operation, name) == 0;
}

static const char *environment(const char *name) {
    const char *value = getenv(name);
    if (!value) die("not in the environment", name);
    return value;
}

static double now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* ---- libcurl's callbacks ---- */

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *known) {
    (void)easy, (void)user;
    struct epoll_event event = {.data.fd = fd};
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(poll_set, EPOLL_CTL_DEL, fd, &event); /* or it is closed already */
        return 0;
    }
    if (what & CURL_POLL_IN) event.events |= EPOLLIN;
    if (what & CURL_POLL_OUT) event.events |= EPOLLOUT;
    if (epoll_ctl(poll_set, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) != 0) {
        die("epoll_ctl", "failed");
    }
    curl_multi_assign(multi, fd, &poll_set);
    return 0;
}

static int on_timer(CURLM *of, long timeout_ms, void *user) {
    (void)of, (void)user;
    due_ms = timeout_ms < 0 ? -1 : now_ms() + (double)timeout_ms;
    return 0;
}

static size_t on_data(char *data, size_t size, size_t count, void *user) {
    call_t *call = user;
    size_t len = size * count, room = sizeof call->answer - 1;
    if (call->received == 0) opened++;
    if (call->received < room) {
        size_t kept = room - call->received < len ? room - call->received : len;
        memcpy(call->answer + call->received, data, kept);
        call->answer[call->received + kept] = '\0';
    }
    call->received += len;
    return len;
}

static size_t on_read(char *to, size_t size, size_t count, void *user) {
    call_t *call = user;
    size_t left = UPLOAD_BYTES - call->sent, len = size * count < left ? size * count : left;
    memset(to, 'x', len);
    call->sent += len;
    return len;
}

/* ---- calls ---- */

static void set_up(call_t *call) {
    const char *ca = getenv("NODE_EXTRA_CA_CERTS");
    CURL *easy = call->easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, is("download") || is("output") ? 131072L : 8192L);
    if (!ca) { /* with the default, calls at once wait for the first to say what it speaks */
        curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    } else {
        curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
        curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
        curl_easy_setopt(easy, CURLOPT_CAINFO, ca);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    }
    if (body_len > 0) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)body_len);
    } else if (is("upload")) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)UPLOAD_BYTES);
        curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
        curl_easy_setopt(easy, CURLOPT_READDATA, call);
        curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 131072L);
    }
}

static void start(call_t *call) {
    call->received = call->sent = 0;
    if (curl_multi_add_handle(multi, call->easy) != CURLM_OK) die("add_handle", "failed");
}

static void check(call_t *call, CURLcode code) {
    long status = 0;
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK) die(operation, curl_easy_strerror(code));
    if (status / 100 != 2 || call->received == 0) die(operation, call->answer);
}

/* Waits once; how many of the calls are done. */
static int turn(bool again, int *left) {
    struct epoll_event ready[READY];
    int running, queued, done = 0;
    double wait_ms = due_ms < 0 ? -1 : due_ms - now_ms();
    if (due_ms >= 0 && wait_ms < 0) wait_ms = 0;
    int count = epoll_wait(poll_set, ready, READY, (int)wait_ms);
    for (int i = 0; i < count; i++) {
        int events = (ready[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                     (ready[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                     (ready[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
        curl_multi_socket_action(multi, ready[i].data.fd, events, &running);
    }
    if (due_ms >= 0 && now_ms() >= due_ms) {
        due_ms = -1;
        curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    for (CURLMsg *message; (message = curl_multi_info_read(multi, &queued)) != NULL;) {
        call_t *call;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
        check(call, code);
        curl_multi_remove_handle(multi, call->easy);
        done++;
        if (again && *left > 0) {
            (*left)--;
            start(call);
        }
    }
    return done;
}

static void repeat(int count, int concurrency) {
    int left = count, done = 0;
    for (int i = 0; i < concurrency && left > 0; i++, left--) start(&calls[i]);
    while (done < count) done += turn(true, &left);
}

/* ---- what is asked for ---- */

static void make_sandbox(char *id, size_t room) {
    call_t *call = &calls[MAX_CONCURRENCY];
    snprintf(url, sizeof url, "%s/v2/sandboxes", environment("E2B_API_URL"));
    body_len = (size_t)snprintf(body, sizeof body, "{\"templateID\":\"base\"}");
    set_up(call);
    start(call);
    int left = 0;
    while (turn(false, &left) == 0) continue;
    const char *found = strstr(call->answer, "\"sandboxID\":\"");
    if (!found) die("create", call->answer);
    snprintf(id, room, "%.21s", found + strlen("\"sandboxID\":\""));
    body_len = 0;
}

static void aim(const char *id) {
    static const char json[] =
        "{\"process\":{\"cmd\":\"/bin/bash\",\"args\":[\"-l\",\"-c\",\"%s\"]}}";
    if (is("get")) {
        snprintf(url, sizeof url, "%s/sandboxes/%s", environment("E2B_API_URL"), id);
    } else if (is("download") || is("upload")) {
        snprintf(url, sizeof url, "%s/files?path=b", environment("E2B_SANDBOX_URL"));
    } else {
        const char *command = is("idle") ? "idle" : is("output") ? "flood" : "go";
        int len = snprintf(body + 5, sizeof body - 5, json, command);
        memcpy(body, "\0\0\0\0", 4);
        body[4] = (char)len;
        body_len = (size_t)len + 5;
        snprintf(url, sizeof url, "%s/process.Process/Start", environment("E2B_SANDBOX_URL"));
        headers = curl_slist_append(headers, "Content-Type: application/connect+json");
    }
}

static double cpu_us(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static long rss_kb(void) {
    long kb = -1;
    char line[256];
    FILE *status = fopen("/proc/self/status", "r");
    if (!status) die("/proc/self/status", "not there");
    while (fgets(line, sizeof line, status)) sscanf(line, "VmRSS: %ld kB", &kb);
    fclose(status);
    return kb;
}

int main(int argc, char **argv) {
    char id[32], key[128];
    if (argc != 5) die("usage", "raw OPERATION CONCURRENCY CALLS WARM-UP");
    operation = argv[1];
    int concurrency = atoi(argv[2]), count = atoi(argv[3]), warm_up = atoi(argv[4]);
    if (concurrency < 1 || concurrency > MAX_CONCURRENCY) die("CONCURRENCY", argv[2]);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    multi = curl_multi_init();
    poll_set = epoll_create1(EPOLL_CLOEXEC);
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, 1024L);
    /* Without it a thousand streams at once open hundreds of connections, HTTP/2 or not. */
    if (getenv("NODE_EXTRA_CA_CERTS")) curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, 10L);
    snprintf(key, sizeof key, "X-API-Key: %s", environment("E2B_API_KEY"));
    headers = curl_slist_append(headers, key);
    headers = curl_slist_append(headers, "Expect:");
    headers = curl_slist_append(headers, TOKEN);
    make_sandbox(id, sizeof id);
    aim(id);
    long before_kb = rss_kb();
    for (int i = 0; i < concurrency; i++) set_up(&calls[i]);
    if (warm_up > 0) repeat(warm_up, concurrency);
    double before_us = cpu_us(), started_ms = now_ms();
    if (is("idle")) {
        int left = 0;
        opened = 0;
        for (int i = 0; i < concurrency; i++) start(&calls[i]);
        while (opened < count) turn(false, &left);
    } else {
        repeat(count, concurrency);
    }
    double us = cpu_us() - before_us, wall_ms = now_ms() - started_ms;
    printf("{\"cpuUs\":%.3f,\"cpuMs\":%.3f,\"wallMs\":%.3f,\"rssKb\":%.3f,\"bytes\":%zu}\n",
           us / count, us / count / 1e3, wall_ms, (double)(rss_kb() - before_kb) / count,
           calls[0].received);
    fflush(stdout);
    _exit(0); /* what is open is not what is measured */
}
