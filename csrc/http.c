/*
 * http.c: one exchange on the engine. Pool thread. A request's body goes out through a read
 * callback and never through a seek callback: without one libcurl cannot send a body twice, which
 * it otherwise does by itself when a reused connection dies (a second sandbox). A request without a
 * body is held back by the callback that curl asks before it sends.
 */
#include "http.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "alloc.h"
#include "http2.h"
#include "http_error.h"
#include "http_head.h"
#include "platform.h"
#include "socket.h"
#include "tls.h"

#define MAX_URL 16384
#define MAX_HEADER_TEXT 16384
#define CONNECT_MS 30000L /* a call without a deadline of its own: a stream */
/* Larger ones cost memory per stream; with a smaller one libcurl 7.88 never goes on with a stream
 * over HTTP/2 that was paused. */
#define BUFFER_BYTES 16384L
#define CONTROL_BYTES                                                                              \
    4096L /* of short answers: a thousand at once touch a quarter of the memory                    \
           */
#define SMALL_BODY 8192
#define BULK_BYTES 131072L /* of a file: fewer turns */
#define MAX_RESTARTS 3     /* of a request that provably was not processed */
#define MAX_REFUSAL 65536  /* of a body that says why a stream was refused */

/* ---- curl's callbacks ---- */

static size_t on_read(char *buffer, size_t size, size_t count, void *context) {
    e2b_http_t *http = context;
    size_t room = size * count, left = http->body_len - http->body_sent;
    if (http->on_body) {
        int code = http->on_body(http, buffer, room, &left);
        if (code == E2B_HTTP_PAUSE) {
            http->paused = true;
            return CURL_READFUNC_PAUSE;
        }
        http->body_sent += code == E2B_OK ? left : 0;
        return code == E2B_OK ? left : CURL_READFUNC_ABORT;
    }
    if (room > left) room = left;
    memcpy(buffer, (const char *)http->body + http->body_sent, room);
    http->body_sent += room;
    return room;
}

static size_t on_write(char *data, size_t size, size_t count, void *context) {
    e2b_http_t *http = context;
    size_t len = size * count;
    int code;
    if (http->on_data && http->status >= 200 && http->status < 300) {
        code = http->on_data(http, data, len);
        if (code == E2B_HTTP_PAUSE) {
            http->paused = true;
            return CURL_WRITEFUNC_PAUSE;
        }
        return code == E2B_OK ? len : 0;
    }
    code = e2b_buf_append(&http->answer, data, len);
    if (code == E2B_OK) return len;
    /* A refusal's text may be cut; an answer may not. */
    if (http->status >= 300 && code == E2B_ERR_RESPONSE_TOO_LARGE) return len;
    e2b_err_set(&http->err, code,
                code == E2B_ERR_RESPONSE_TOO_LARGE ? "%s: the answer is longer than %zu bytes"
                                                   : "%s: out of memory after %zu bytes",
                http->what,
                code == E2B_ERR_RESPONSE_TOO_LARGE ? http->answer.max : http->answer.len);
    return 0;
}

static size_t on_header(char *line, size_t size, size_t count, void *context) {
    e2b_http_t *http = context;
    size_t len = size * count;
    if (!e2b_http_head_line(http, line, len)) return 0;
    /* A refusal before the body has ended: libcurl wants no more of it, but would wait for an
     * upload that it believes paused. */
    if (http->http2 && http->head_bytes <= len) e2b_http2_enough(http);
    if (len <= 2 && http->head_done) e2b_http2_answered(http);
    bool refused = len <= 2 && http->status >= 300;
    if (refused && http->on_body) e2b_engine_defer(http->engine, &http->refused);
    return len;
}

static void end_refused_upload(e2b_deferred_t *refused) {
    e2b_http_resume((e2b_http_t *)((char *)refused - offsetof(e2b_http_t, refused)));
}

static CURLcode on_ssl_ctx(CURL *easy, void *ssl_ctx, void *context) {
    e2b_http_t *http = context;
    (void)easy;
    http->handshakes++;
    if (!http->config->trust) return CURLE_SSL_CACERT_BADFILE;
    return e2b_trust_install(http->config->trust, ssl_ctx) == E2B_OK ? CURLE_OK
                                                                     : CURLE_OUT_OF_MEMORY;
}

/* What lies on a connection before anything was asked would pass for the answer: a goodbye of the
 * far end's, such as a 408, or a forged one. True: the connection is made unusable, so that libcurl
 * drops it. */
static bool is_spoiled(const e2b_http_t *http, int local_port, int remote_port) {
    int fd = e2b_engine_socket(http->engine, local_port, remote_port);
    return fd >= 0 && e2b_socket_shut_if_readable(fd);
}

/* Before curl sends the request. When a stream was refused, curl sends the request again by itself,
 * and a curl without RTSP does so when a reused connection dies before the answer begins, even a
 * DELETE; only the caller may decide that. */
static int on_request(void *context, char *remote, char *local, int remote_port, int local_port) {
    e2b_http_t *http = context;
    (void)remote, (void)local;
    if (http->issued && e2b_http_was_sent(http)) {
        http->unprocessed = e2b_http2_unprocessed(http, true);
        return CURL_PREREQFUNC_ABORT;
    }
    long made = 0;
    struct curl_tlssessioninfo *tls = NULL;
    curl_easy_getinfo(http->transfer.easy, CURLINFO_NUM_CONNECTS, &made);
    curl_easy_getinfo(http->transfer.easy, CURLINFO_TLS_SSL_PTR, &tls);
    http->http2 = tls && e2b_tls_is_http2(tls->internals);
    if (made == 0 && !http->http2) {
        http->spoiled = is_spoiled(http, local_port, remote_port);
        if (http->spoiled) return CURL_PREREQFUNC_ABORT;
    }
    http->issued = true;
    http->reused = made == 0;
    http->transfer.local_port = local_port;
    http->transfer.remote_port = remote_port;
    e2b_engine_connected(http->engine, &http->transfer, http->http2);
    if (http->http2) {
        if (made > 0) e2b_goodbye_forget(e2b_engine_hosts(http->engine), local_port);
        e2b_http2_listen(http);
    }
    return CURL_PREREQFUNC_OK;
}

/* ---- life ---- */

/* Whether nothing of it counts as sent, so that it may be sent again: what lay on its connection
 * was not asked for, the connection was dead before the first byte, or the far end has proven that
 * it has not looked at it. The last is for a new try only while the body can be had again. */
static bool may_start_again(const e2b_http_t *http, CURLcode code) {
    if (http->starts > MAX_RESTARTS) return false;
    if (http->spoiled) return true;
    if (http->unprocessed) return !http->on_body || http->body_sent == 0;
    return code == CURLE_SEND_ERROR && http->issued && http->reused && !e2b_http_was_sent(http);
}

static bool start_again(e2b_http_t *http) {
    http->fresh = !http->unprocessed; /* libcurl itself shuns a connection that has refused */
    e2b_engine_stop(http->engine, &http->transfer);
    http->issued = http->spoiled = http->unprocessed = http->paused = http->http2 = false;
    http->body_sent = 0;
    http->curl_text[0] = '\0';
    return e2b_http_start(http) == E2B_OK;
}

/* What broke is more than the one stream: libcurl 7.88 gives the connection to the next call all
 * the same, when it was nghttp2 that could not go on. */
static bool is_connection_broken(CURLcode code) {
    return code == CURLE_RECV_ERROR || code == CURLE_HTTP2;
}

static void transfer_done(e2b_transfer_t *transfer, CURLcode code) {
    e2b_http_t *http = (e2b_http_t *)transfer; /* its first member */
    e2b_engine_timer_clear(http->engine, &http->deadline);
    e2b_engine_timer_clear(http->engine, &http->early);
    e2b_engine_undefer(http->engine, &http->refused);
    if (code != CURLE_OK && http->issued && !http->unprocessed) {
        http->unprocessed = e2b_http2_unprocessed(http, code == CURLE_SEND_FAIL_REWIND);
    }
    if (code != CURLE_OK && may_start_again(http, code)) {
        if (start_again(http)) return;
        code = CURLE_OUT_OF_MEMORY;
    }
    http->sent = e2b_http_was_sent(http);
    e2b_http_classify(http, code);
    e2b_engine_stop(http->engine, &http->transfer);
    if (http->http2 && is_connection_broken(code)) {
        e2b_engine_shut(http->engine, http->transfer.local_port, http->transfer.remote_port);
    }
    http->on_done(http);
}

/* Not left to libcurl, which forgets to wake a transfer for which it had no memory. */
static void too_late(e2b_timer_t *deadline) {
    e2b_http_t *http = (e2b_http_t *)((char *)deadline - offsetof(e2b_http_t, deadline));
    e2b_engine_t *engine = http->engine;
    bool waited = http->http2 && http->issued && http->status == 0;
    int local_port = http->transfer.local_port, remote_port = http->transfer.remote_port;
    transfer_done(&http->transfer, CURLE_OPERATION_TIMEDOUT);
    if (waited) e2b_engine_shut_void(engine, local_port, remote_port);
}

void e2b_http_init(e2b_http_t *http, e2b_engine_t *engine, const e2b_config_t *config) {
    memset(http, 0, sizeof *http);
    http->transfer.on_done = transfer_done;
    http->deadline.fire = too_late;
    http->refused.run = end_refused_upload;
    http->engine = engine;
    http->config = config;
    http->retry_after_ms = -1;
    e2b_buf_init(&http->url, MAX_URL);
    e2b_buf_init_secret(&http->header_text, MAX_HEADER_TEXT);
    e2b_buf_init(&http->answer, E2B_MAX_UNARY_BODY);
    e2b_err_init(&http->err);
}

void e2b_http_destroy(e2b_http_t *http) {
    e2b_http_stop(http);
    e2b_buf_destroy(&http->url);
    e2b_buf_destroy(&http->header_text);
    e2b_buf_destroy(&http->answer);
    e2b_free(http->next_token);
    http->next_token = NULL;
}

int e2b_http_header(e2b_http_t *http, const char *format, ...) {
    if (http->header_count == E2B_HTTP_HEADERS) return E2B_ERR_OUT_OF_MEMORY;
    char line[1024];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof line) return E2B_ERR_INVALID_ARGUMENT;
    http->header_at[http->header_count] = (uint16_t)http->header_text.len;
    int code = e2b_buf_append(&http->header_text, line, (size_t)len + 1);
    if (code == E2B_OK) http->header_count++;
    e2b_wipe(line, (size_t)len);
    return code;
}

/* The exchange's own lines in front of its owner's and the configuration's shared ones: no copies,
 * no lists. */
static struct curl_slist *header_list(e2b_http_t *http) {
    struct curl_slist *next =
        http->control ? http->config->api_headers : http->config->sandbox_headers;
    next = e2b_header_lines_link(&http->lines, next);
    for (int i = http->header_count - 1; i >= 0; i--) {
        http->header_nodes[i].data = http->header_text.data + http->header_at[i];
        http->header_nodes[i].next = next;
        next = &http->header_nodes[i];
    }
    return next;
}

/* False: out of memory. A DELETE that became a GET, or a call that went past the proxy, would be
 * worse than none. */
static bool set_request(CURL *easy, const e2b_http_t *http) {
    if (http->body_len > 0 || strcmp(http->method, "POST") == 0) {
        curl_off_t bytes = http->on_body ? http->body_size : (curl_off_t)http->body_len;
        /* One write with the headers, and no buffer of 16 KiB for as long as the stream lives. */
        bool small = !http->on_body && http->body_len <= SMALL_BODY;
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, small ? http->body : NULL);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, bytes);
    } else {
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    }
    bool usual = strcmp(http->method, "GET") == 0 || strcmp(http->method, "POST") == 0;
    const char *trust = e2b_trust_name(http->config->trust);
    return curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, usual ? NULL : http->method) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CAPATH, trust) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, trust) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROXY, http->config->proxy) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOPROXY, http->config->no_proxy) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_URL, http->url.data) == CURLE_OK;
}

int e2b_http_start(e2b_http_t *http) {
    /* libcurl would otherwise add "Expect: 100-continue" to larger bodies, and wait for it. */
    bool body = http->body_len > 0 || http->on_body;
    bool first = http->starts++ == 0;
    if (body && first && e2b_http_header(http, "Expect:") != E2B_OK) {
        return E2B_ERR_OUT_OF_MEMORY;
    }
    CURL *easy = e2b_engine_prepare(http->engine, &http->transfer);
    if (!easy) return E2B_ERR_OUT_OF_MEMORY;
    if (http->on_data) http->answer.max = MAX_REFUSAL;
    http->answer.secret = http->control; /* it may hold a daemon's token */
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, header_list(http));
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, http);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, http);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, http);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, http);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, http);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, http->curl_text);
    long usual = http->control ? CONTROL_BYTES : BUFFER_BYTES;
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, http->bulk ? BULK_BYTES : usual);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, http->bulk ? BULK_BYTES : BUFFER_BYTES);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, http->fresh ? 1L : 0L);
    /* Of a host's addresses libcurl gives each its share of this time: a dead one must not take all
     * that the call has. */
    long connect_ms = CONNECT_MS;
    if (http->timeout_ms > 0 && http->timeout_ms < connect_ms) connect_ms = (long)http->timeout_ms;
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
    curl_easy_setopt(easy, CURLOPT_VERBOSE, 0L);
    /* Instead of the text below, if it is not NULL. A stream would keep it for as long as it is. */
    CURLU *parsed =
        http->on_data ? NULL : e2b_address_parse(&http->transfer.address, http->url.data);
    curl_easy_setopt(easy, CURLOPT_CURLU, parsed);
    http->transfer.host = e2b_host_key(http->url.data, http->config->proxy);
    bool timed = http->timeout_ms > 0;
    if (http->due_ms == 0) http->due_ms = e2b_now_ms() + http->timeout_ms;
    if (!set_request(easy, http) ||
        (timed && e2b_engine_timer_set(http->engine, &http->deadline, http->due_ms) != E2B_OK) ||
        e2b_engine_start(http->engine, &http->transfer) != E2B_OK) {
        e2b_http_stop(http);
        return E2B_ERR_OUT_OF_MEMORY;
    }
    return E2B_OK;
}

void e2b_http_stop(e2b_http_t *http) {
    if (!http->transfer.easy) return;
    http->sent = e2b_http_was_sent(http);
    e2b_engine_timer_clear(http->engine, &http->deadline);
    e2b_engine_timer_clear(http->engine, &http->early);
    e2b_engine_undefer(http->engine, &http->refused);
    e2b_engine_stop(http->engine, &http->transfer);
}

void e2b_http_resume(e2b_http_t *http) {
    if (!http->paused) return;
    http->paused = false;
    e2b_engine_unpause(http->engine, &http->transfer);
}

/* A far end may begin its answer before it has read all: then nothing is freed. */
bool e2b_http_forget_request(e2b_http_t *http) {
    curl_off_t sent = 0;
    CURL *easy = http->transfer.easy;
    if (!easy || !http->head_done || http->on_body) return false;
    curl_easy_getinfo(easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    if (sent < (curl_off_t)http->body_len) return false;
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, NULL);
    e2b_buf_destroy(&http->header_text);
    e2b_buf_destroy(&http->url);
    http->header_count = 0;
    http->body = NULL;
    http->body_len = 0;
    return true;
}

bool e2b_http_active(const e2b_http_t *http) {
    return http->transfer.easy != NULL;
}

bool e2b_http_was_sent(const e2b_http_t *http) {
    long bytes = 0;
    if (!http->transfer.easy) return http->sent;
    if (!http->issued) return false; /* what went out was for a proxy's tunnel */
    if (http->unprocessed) return false;
    curl_easy_getinfo(http->transfer.easy, CURLINFO_REQUEST_SIZE, &bytes);
    return bytes > 0 || http->body_sent > 0 || http->status > 0;
}
