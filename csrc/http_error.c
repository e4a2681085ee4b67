/*
 * http_error.c: two tables, one for libcurl's codes and one for HTTP statuses, and the rule that
 * joins them: after a request may have been seen, only a far end's own "no" proves that nothing
 * happened. Pool thread. Texts of the far end are quoted, scrubbed of the key.
 */
#include "http_error.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "alloc.h"
#include "http_head.h"
#include "json.h"
#include "tls.h"

#define LOST "and libcurl has lost the answer"
#define QUOTE 200 /* characters of a body that is not JSON */

/* Overwrites what of this exchange is secret: the key, the proxy's password, the sandbox's tokens.
 */
static void scrub(const e2b_http_t *http, char *text) {
    e2b_err_scrub(text, http->config->api_key);
    for (int i = 0; i < E2B_PROXY_SECRETS; i++) {
        e2b_err_scrub(text, http->config->proxy_secrets[i]);
    }
    for (int i = 0; i < 2; i++) e2b_err_scrub(text, http->tokens[i]);
}

/* ---- libcurl ---- */

static int code_of_curl(CURLcode code) {
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return E2B_ERR_DNS_FAILED;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY:
        return E2B_ERR_PROXY_FAILED;
    case CURLE_COULDNT_CONNECT:
        return E2B_ERR_CONNECT_FAILED;
    case CURLE_OPERATION_TIMEDOUT:
        return E2B_ERR_TIMEOUT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
        return E2B_ERR_CERTIFICATE_REFUSED;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_USE_SSL_FAILED:
        return E2B_ERR_TLS_FAILED;
    case CURLE_OUT_OF_MEMORY:
        return E2B_ERR_OUT_OF_MEMORY;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_BAD_FUNCTION_ARGUMENT: /* a header line, or a trailer, that is none */
        return E2B_ERR_BAD_RESPONSE;
    default:
        return E2B_ERR_CONNECTION_LOST;
    }
}

static const char *words_of_curl(int code, bool sent) {
    switch (code) {
    case E2B_ERR_DNS_FAILED:
        return "the host name could not be resolved";
    case E2B_ERR_PROXY_FAILED:
        return "the proxy could not be used";
    case E2B_ERR_CONNECT_FAILED:
        return "no connection could be made";
    case E2B_ERR_TIMEOUT:
        return sent ? "no complete answer within requestTimeoutMs"
                    : "no connection within requestTimeoutMs";
    case E2B_ERR_CERTIFICATE_REFUSED:
        return "the certificate was refused";
    case E2B_ERR_CERTIFICATE_EXPIRED:
        return "the certificate has expired";
    case E2B_ERR_CERTIFICATE_NOT_YET_VALID:
        return "the certificate is not valid yet; is the clock of this machine right?";
    case E2B_ERR_CERTIFICATE_NAME:
        return "the certificate is for another name";
    case E2B_ERR_CERTIFICATE_SELF_SIGNED:
        return "the certificate is self-signed; to trust it, give it as the option ca";
    case E2B_ERR_CERTIFICATE_UNKNOWN_ISSUER:
        return "nobody whom we trust has signed the certificate; to trust its authority, give that "
               "as the option ca, or in NODE_EXTRA_CA_CERTS";
    case E2B_ERR_TLS_FAILED:
        return "the TLS handshake failed";
    case E2B_ERR_OUT_OF_MEMORY:
        return "out of memory";
    case E2B_ERR_BAD_RESPONSE:
        return "the answer is not HTTP as it should be";
    case E2B_ERR_RESPONSE_TOO_LARGE:
        return "a header line of the answer is too long";
    default:
        return "the connection was lost before the answer was complete";
    }
}

/* By what libcurl has kept of the handshake that failed, and not by its words: those may be about
 * an old connection that it has cleared away on this occasion. Of a handshake long past it keeps
 * the result as well; with an https proxy the first one is the proxy's. */
static int certificate_code(const e2b_http_t *http) {
    long result = 0;
    bool of_proxy = http->handshakes == 1 && strncasecmp(http->config->proxy, "https:", 6) == 0;
    curl_easy_getinfo(http->transfer.easy,
                      of_proxy ? CURLINFO_PROXY_SSL_VERIFYRESULT : CURLINFO_SSL_VERIFYRESULT,
                      &result);
    return e2b_tls_verdict(result);
}

/* libcurl has one code for a header line past its bounds (100 KB) and for a lack of memory. */
static bool line_too_long(const e2b_http_t *http, CURLcode code) {
    if (code != CURLE_OUT_OF_MEMORY || !http->sent || http->head_done) return false;
    void *room = e2b_malloc(E2B_MAX_HEAD);
    e2b_free(room);
    return room != NULL;
}

/* When the end of a stream of HTTP/2 is read together with the answer, and the request has not
 * ended yet, libcurl 7.88 throws the answer away. It says so by a code without words, and only
 * then: the far end has answered and closed the stream without an error, but how it answered is
 * lost. */
static bool answer_lost(const e2b_http_t *http, CURLcode code) {
    return code == CURLE_HTTP2_STREAM && http->http2 && http->curl_text[0] == '\0';
}

/* libcurl calls broken chunks a failed read. */
static bool chunks_broken(const e2b_http_t *http, CURLcode code) {
    return code == CURLE_RECV_ERROR && strstr(http->curl_text, "chunked-encoding") != NULL;
}

/* libcurl calls a tunnel that the proxy refused a failed read, and does not tell a proxy that is
 * not there from a far end. 0: the failure is not the proxy's. */
static long proxy_status(const e2b_http_t *http) {
    long status = 0;
    if (http->issued || !http->transfer.easy) return 0;
    curl_easy_getinfo(http->transfer.easy, CURLINFO_HTTP_CONNECTCODE, &status);
    return status >= 300 ? status : 0;
}

static bool proxy_is_away(const e2b_http_t *http, CURLcode code) {
    const char *address = http->config->proxy_address;
    if (code != CURLE_COULDNT_CONNECT || !address) return false;
    return !*http->config->no_proxy || strstr(http->curl_text, address) != NULL;
}

static int code_of(const e2b_http_t *http, CURLcode code) {
    if (proxy_is_away(http, code)) return E2B_ERR_PROXY_FAILED;
    if (code == CURLE_PEER_FAILED_VERIFICATION) return certificate_code(http);
    if (line_too_long(http, code)) return E2B_ERR_RESPONSE_TOO_LARGE;
    if (chunks_broken(http, code)) return E2B_ERR_BAD_RESPONSE;
    return code_of_curl(code);
}

static void say_proxy(e2b_http_t *http, long status) {
    e2b_err_set(&http->err, E2B_ERR_PROXY_FAILED, "%s failed: the proxy answered HTTP %ld%s",
                http->what, status,
                status == 407 ? ": it wants credentials (proxy: 'http://user:password@host:port')"
                              : "");
}

static void from_curl(e2b_http_t *http, CURLcode code) {
    e2b_err_t *err = &http->err;
    err->curl_code = (int)code;
    snprintf(err->cause, sizeof err->cause, "%.*s", (int)sizeof err->cause - 1,
             http->curl_text[0] ? http->curl_text : curl_easy_strerror(code));
    scrub(http, err->cause);
    long refused = proxy_status(http);
    if (err->code == E2B_OK && refused) {
        say_proxy(http, refused);
    } else if (err->code == E2B_OK) { /* else a callback has already said what is wrong */
        int what = code_of(http, code);
        const char *words = words_of_curl(what, http->sent);
        if (http->unprocessed) words = "the far end refused to look at the request";
        if (answer_lost(http, code)) words = "the far end answered before the request's end, " LOST;
        e2b_err_set(err, what, "%s failed: %s", http->what, words);
    }
    err->outcome = http->sent ? E2B_OUTCOME_UNKNOWN : E2B_OUTCOME_NOT_SENT;
    bool passing = err->code == E2B_ERR_CONNECTION_LOST || err->code == E2B_ERR_TIMEOUT ||
                   err->code == E2B_ERR_CONNECT_FAILED || err->code == E2B_ERR_DNS_FAILED ||
                   err->code == E2B_ERR_TLS_FAILED ||
                   (err->code == E2B_ERR_PROXY_FAILED && (refused == 0 || refused >= 500));
    bool source_is_used_up = http->on_body && http->body_sent > 0;
    err->retryable = passing && ((!http->sent && !source_is_used_up) || http->idempotent);
}

/* ---- HTTP statuses ---- */

typedef struct meaning {
    int code;
    e2b_outcome_t outcome;
    bool passing; /* may succeed if tried again */
} meaning_t;

static bool body_says(const e2b_err_t *err, const char *words) {
    return strstr(err->message, words) != NULL;
}

/* Answers of the proxy in front of a sandbox: a dead sandbox and a closed port are both 502. */
static meaning_t sandbox_gateway(const e2b_err_t *err) {
    if (body_says(err, "port is not open")) {
        return (meaning_t){E2B_ERR_PORT_CLOSED, E2B_OUTCOME_REJECTED, true};
    }
    if (body_says(err, "not found")) {
        return (meaning_t){E2B_ERR_SANDBOX_GONE, E2B_OUTCOME_REJECTED, false};
    }
    return (meaning_t){E2B_ERR_BAD_GATEWAY, E2B_OUTCOME_UNKNOWN, true};
}

static meaning_t meaning_of(const e2b_http_t *http, bool json) {
    const e2b_err_t *err = &http->err;
    const e2b_outcome_t no = E2B_OUTCOME_REJECTED, unknown = E2B_OUTCOME_UNKNOWN;
    switch (http->status) {
    case 401:
        return (meaning_t){E2B_ERR_UNAUTHENTICATED, no, false};
    case 403:
        return (meaning_t){E2B_ERR_PERMISSION_DENIED, no, false};
    case 404:
        return (meaning_t){E2B_ERR_NOT_FOUND, no, false};
    case 407: /* of a proxy alone: the far end has seen nothing */
        return (meaning_t){E2B_ERR_PROXY_FAILED, no, false};
    case 408:
        return (meaning_t){E2B_ERR_TIMEOUT, unknown, true};
    case 409:
        return (meaning_t){E2B_ERR_CONFLICT, no, false};
    case 429:
        /* Told apart by the header alone: the rate limiter always sends it, the cap never does. */
        if (http->makes && http->retry_after_ms < 0) {
            return (meaning_t){E2B_ERR_CONCURRENCY_LIMIT, no, false};
        }
        return (meaning_t){E2B_ERR_RATE_LIMITED, no, true};
    case 502:
        return http->control ? (meaning_t){E2B_ERR_BAD_GATEWAY, unknown, true}
                             : sandbox_gateway(err);
    case 503:
        if (strcmp(err->server_code, "sandbox_no_compatible_node") == 0) {
            return (meaning_t){E2B_ERR_NO_COMPATIBLE_NODE, no, false};
        }
        /* E2B's own 503 says that nothing was changed; a stranger's in between says nothing. */
        return (meaning_t){E2B_ERR_SERVER_BUSY, json ? no : unknown, true};
    case 504:
        return (meaning_t){E2B_ERR_GATEWAY_TIMEOUT, unknown, true};
    case 507:
        return (meaning_t){E2B_ERR_DISK_FULL, no, false};
    default:
        break;
    }
    if (http->status >= 500) return (meaning_t){E2B_ERR_SERVER_ERROR, unknown, true};
    if (http->status >= 400) return (meaning_t){E2B_ERR_BAD_REQUEST, no, false};
    if (http->status >= 300) return (meaning_t){E2B_ERR_REDIRECT_REFUSED, no, false};
    return (meaning_t){E2B_ERR_BAD_RESPONSE, unknown, false};
}

/* Quotes a body that is not E2B's JSON: printable characters, blanks folded. */
static void quote_body(const e2b_http_t *http, char *out, size_t size) {
    size_t n = 0;
    for (size_t i = 0; i < http->answer.len && n + 1 < size; i++) {
        unsigned char c = (unsigned char)http->answer.data[i];
        if (c < ' ' || c == 127) c = ' ';
        if (c == ' ' && (n == 0 || out[n - 1] == ' ')) continue;
        out[n++] = c < 128 ? (char)c : '?';
    }
    out[n] = '\0';
}

/* Reads {code, message, error_code} (control plane), {code: "text", message} (RPC) or the proxy's
 * {message}. True when the body is a JSON object with a message or a code. */
static bool read_body(e2b_http_t *http) {
    e2b_err_t *err = &http->err;
    cJSON *body = http->answer.len > 0 ? e2b_json_parse(http->answer.data, http->answer.len) : NULL;
    const char *text = NULL, *code = NULL;
    e2b_json_string(body, "message", &text);
    if (e2b_json_string(body, "error_code", &code) != E2B_JSON_FOUND) {
        e2b_json_string(body, "code", &code);
    }
    bool ours = text != NULL || code != NULL;
    if (code) snprintf(err->server_code, sizeof err->server_code, "%s", code);
    if (text) {
        e2b_err_set(err, E2B_ERR_SERVER_ERROR, "%s failed: HTTP %d: %s", http->what, http->status,
                    text);
    } else {
        char quote[QUOTE];
        quote_body(http, quote, sizeof quote);
        e2b_err_set(err, E2B_ERR_SERVER_ERROR, "%s failed: HTTP %d%s%s", http->what, http->status,
                    quote[0] ? " with an answer that is not E2B's: " : "", quote);
    }
    cJSON_Delete(body);
    scrub(http, err->message);
    scrub(http, err->server_code);
    return ours;
}

static void from_status(e2b_http_t *http) {
    e2b_err_t *err = &http->err;
    bool json = read_body(http);
    http->answered = json;
    meaning_t meaning = meaning_of(http, json);
    if (meaning.code == E2B_ERR_PROXY_FAILED) say_proxy(http, http->status);
    if (meaning.code == E2B_ERR_REDIRECT_REFUSED) {
        e2b_err_set(err, meaning.code,
                    "%s failed: HTTP %d points elsewhere, and redirects are not followed: look at "
                    "apiUrl, sandboxUrl and domain",
                    http->what, http->status);
    }
    err->code = meaning.code;
    err->outcome = meaning.outcome;
    err->retry_after_ms = http->retry_after_ms;
    err->retryable =
        meaning.passing && (meaning.outcome == E2B_OUTCOME_REJECTED || http->idempotent);
}

void e2b_http_classify(e2b_http_t *http, CURLcode code) {
    /* libcurl takes the end of the connection for the end of the headers. */
    if (code == CURLE_OK && !http->head_done) code = CURLE_PARTIAL_FILE;
    if (http->err.code != E2B_OK || code != CURLE_OK) { /* also a "no" that was cut: not proven */
        from_curl(http, code);
    } else if (http->status >= 300 || http->status < 200) {
        from_status(http);
    }
    http->err.status = http->status;
}

int e2b_http_bad_answer(e2b_http_t *http, const char *why) {
    e2b_err_t *err = &http->err;
    char quote[QUOTE];
    quote_body(http, quote, sizeof quote);
    /* JSON, even a broken piece of it, may hold the daemon's token. */
    if (strchr(quote, '{') || strchr(quote, '[')) quote[0] = '\0';
    e2b_err_set(err, E2B_ERR_BAD_RESPONSE, "%s: HTTP %d, but %s%s%s", http->what, http->status, why,
                quote[0] ? ": " : "", quote);
    scrub(http, err->message);
    err->outcome = E2B_OUTCOME_UNKNOWN;
    err->retryable = http->idempotent;
    err->status = http->status;
    return err->code;
}
