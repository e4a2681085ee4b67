/* Facts about config.c: what is refused, field by field, and what goes onto the wire. The
 * environment is read in JavaScript; the core takes what it is given. */
#include "drive.h"

#include "config.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static e2b_config_t *make(e2b_config_options_t options, e2b_err_t *err) {
    e2b_config_t *config = NULL;
    e2b_err_init(err);
    int code = e2b_config_create(&options, &config, err);
    CHECK_INT(code, err->code);
    CHECK((config != NULL) == (code == E2B_OK));
    return config;
}

static void check_refused(e2b_config_options_t options, const char *field) {
    e2b_err_t err;
    CHECK(make(options, &err) == NULL);
    CHECK_INT(err.code, E2B_ERR_INVALID_ARGUMENT);
    if (strstr(err.message, field) == NULL) fprintf(stderr, "  it says: %s\n", err.message);
    CHECK(strstr(err.message, field) != NULL);
    CHECK(strstr(err.message, "SECRET") == NULL);
}

TEST("without anything the hosted service is meant, without a key") {
    e2b_err_t err;
    e2b_config_t *config = make((e2b_config_options_t){NULL}, &err);
    CHECK_STR(config->api_url, "https://api.e2b.app");
    CHECK_STR(config->domain, "e2b.app");
    CHECK(config->api_key == NULL && config->sandbox_url == NULL);
    CHECK_STR(config->proxy, "");
    CHECK_STR(config->api_headers->data, "User-Agent: e2b-swarm");
    CHECK(config->api_headers->next == NULL);
    e2b_config_release(config);
}

TEST("empty texts count as not given") {
    e2b_err_t err;
    e2b_config_t *config = make(
        (e2b_config_options_t){
            .api_key = "", .api_url = "", .sandbox_url = "", .domain = "", .proxy = ""},
        &err);
    CHECK_STR(config->api_url, "https://api.e2b.app");
    CHECK(config->api_key == NULL && config->sandbox_url == NULL);
    e2b_config_release(config);
}

TEST("a domain of one's own names the hosts") {
    e2b_err_t err;
    e2b_buf_t url;
    e2b_buf_init(&url, 1000);
    e2b_config_t *config = make((e2b_config_options_t){.domain = "cloud.example:8443"}, &err);
    CHECK_STR(config->api_url, "https://api.cloud.example:8443");
    CHECK_INT(e2b_config_sandbox_url(config, "abc", 49983, NULL, &url), E2B_OK);
    CHECK_STR(url.data, "https://49983-abc.cloud.example:8443");
    e2b_buf_reset(&url);
    CHECK_INT(e2b_config_sandbox_url(config, "abc", 49983, "other.example", &url), E2B_OK);
    CHECK_STR(url.data, "https://49983-abc.other.example");
    e2b_buf_reset(&url);
    CHECK_INT(e2b_config_sandbox_url(config, "abc", 49983, "e2b.dev", &url), E2B_OK);
    CHECK_STR(url.data, "https://sandbox.e2b.dev");
    e2b_config_release(config);
    config = make((e2b_config_options_t){.sandbox_url = "http://127.0.0.1:9/"}, &err);
    e2b_buf_reset(&url);
    CHECK_INT(e2b_config_sandbox_url(config, "abc", 49983, "other.example", &url), E2B_OK);
    CHECK_STR(url.data, "http://127.0.0.1:9");
    e2b_config_release(config);
    e2b_buf_destroy(&url);
}

TEST("a key of other characters is refused and not quoted") {
    static const char *const bad[] = {"SECRET key", "SECRET\r\nX: y", " SECRET",
                                      "SECRET\t",   "SECRET\x7f",     "SECRET\xc3\xa9"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        check_refused((e2b_config_options_t){.api_key = bad[i]}, "apiKey");
    }
}

TEST("a base URL that is none is refused by the name of its option") {
    static const char *const bad[] = {
        "api.e2b.app",        "ftp://x",      "https://",   "https://a b",
        "https://u:SECRET@h", "https://h/?q", "https://h:0"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        check_refused((e2b_config_options_t){.api_url = bad[i]}, "apiUrl");
        check_refused((e2b_config_options_t){.sandbox_url = bad[i]}, "sandboxUrl");
    }
}

TEST("a domain that is no host name is refused") {
    static const char *const bad[] = {"https://e2b.app", "a b", "e2b.app/", "-a", "a..b",
                                      "h:99999"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        check_refused((e2b_config_options_t){.domain = bad[i]}, "domain");
    }
    char longest[400];
    memset(longest, 'a', sizeof longest);
    longest[399] = '\0';
    check_refused((e2b_config_options_t){.domain = longest}, "domain");
}

TEST("a header that could be two, or is none, is refused by its place and not quoted") {
    static const char *const bad[] = {"no colon SECRET", ": SECRET",    "X: SECRET\r\nY: z",
                                      "X Y: SECRET",     "X\r: SECRET", "X: SECRET\n",
                                      "X: \x01SECRET"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        const char *const headers[] = {"Good: one", bad[i]};
        check_refused((e2b_config_options_t){.headers = headers, .header_count = 2}, "entry 2");
    }
    char *huge = malloc(20000);
    CHECK(huge != NULL);
    memset(huge, 'a', 19999);
    memcpy(huge, "X: ", 3);
    huge[19999] = '\0';
    const char *const headers[] = {huge};
    check_refused((e2b_config_options_t){.headers = headers, .header_count = 1}, "entry 1");
    free(huge);
}

TEST("a user agent that could be two headers is refused") {
    check_refused((e2b_config_options_t){.user_agent = "x\r\nX-Evil: SECRET"}, "userAgent");
    check_refused((e2b_config_options_t){.user_agent = "x\nSECRET"}, "userAgent");
}

TEST("the user's headers go to both planes, the key to the control plane alone") {
    drive_t drive;
    drive_init(&drive);
    drive_known(&drive);
    const char *const headers[] = {"X-Mine: 1"};
    e2b_config_release(drive.call.config);
    drive.call.config = drive_config(
        far_port(drive.far),
        &(e2b_config_options_t){
            .api_key = KEY, .headers = headers, .header_count = 1, .user_agent = "facts/1"});
    far_reply(far_on(drive.far, "POST /process.Process/List"), 200, NULL, "{}");
    e2b_op_t *op = NULL;
    CHECK_INT(e2b_op_processes(&drive.call, SANDBOX, &op, NULL), E2B_OK);
    CHECK_INT(drive_run(&drive, op)->err->code, E2B_OK);
    const far_request_t *control = far_request_of(drive.far, "GET /sandboxes/", 0);
    const far_request_t *daemon = far_request_of(drive.far, "POST /process.", 0);
    CHECK_STR(far_header(drive.far, control, "X-API-Key"), KEY);
    CHECK_STR(far_header(drive.far, control, "X-Mine"), "1");
    CHECK_STR(far_header(drive.far, control, "User-Agent"), "facts/1");
    CHECK_STR(far_header(drive.far, daemon, "X-Mine"), "1");
    CHECK_STR(far_header(drive.far, daemon, "User-Agent"), "facts/1");
    CHECK_STR(far_header(drive.far, daemon, "X-Access-Token"), TOKEN);
    CHECK(strstr(daemon->headers, KEY) == NULL);
    drive_end(&drive);
}

TEST("a proxy that libcurl could not use is refused and not quoted") {
    static const char *const bad[] = {"gopher://SECRET:1", "http://SECRET h", "http://h\r\nSECRET",
                                      "://SECRET"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        check_refused((e2b_config_options_t){.proxy = bad[i]}, "proxy");
    }
    static const char *const good[] = {"h:3128", "HTTP://u:p@h:1", "socks5h://h:1", "https://h"};
    for (size_t i = 0; i < COUNT(good); i++) {
        e2b_err_t err;
        e2b_config_t *config = make((e2b_config_options_t){.proxy = good[i]}, &err);
        CHECK(config != NULL);
        e2b_config_release(config);
    }
}

TEST("a host that is excepted from the proxy is reached directly") {
    drive_t drive;
    drive_init(&drive);
    e2b_config_release(drive.call.config);
    drive.call.config = drive_config(far_port(drive.far),
                                     &(e2b_config_options_t){.api_key = KEY,
                                                             .proxy = "http://127.0.0.1:1",
                                                             .no_proxy = "localhost,127.0.0.1"});
    far_reply(far_on(drive.far, "GET /sandboxes/" SANDBOX), 200, NULL, "{}");
    CHECK_INT(drive_run(&drive, drive_get(&drive))->err->code, E2B_OK);
    drive_end(&drive);
}

TEST("the configuration lives as long as the last call that uses it") {
    drive_t drive;
    drive_init(&drive);
    e2b_config_t *other = drive_config(far_port(drive.far), NULL);
    e2b_config_t *mine = drive.call.config;
    drive.call.config = other;
    e2b_op_t *op = drive_get(&drive);
    drive.call.config = mine;
    e2b_config_retain(other);
    e2b_config_release(other);
    e2b_config_release(other);
    far_reply(far_on(drive.far, "GET /sandboxes/" SANDBOX), 200, NULL, "{}");
    CHECK_INT(drive_run(&drive, op)->err->code, E2B_OK);
    drive_end(&drive);
}

static bool make_all(void) {
    const char *const headers[] = {"A: 1", "B: 2"};
    e2b_trust_t *trust = NULL;
    bool done = false;
    if (e2b_trust_create("pem", 3, &trust) == E2B_OK) {
        e2b_config_options_t options = {.api_key = KEY,
                                        .sandbox_url = "http://h",
                                        .proxy = "http://p",
                                        .headers = headers,
                                        .header_count = 2,
                                        .trust = trust};
        e2b_err_t err;
        e2b_err_init(&err);
        e2b_config_t *config = NULL;
        int code = e2b_config_create(&options, &config, &err);
        CHECK(code == E2B_OK || code == E2B_ERR_OUT_OF_MEMORY);
        CHECK_INT(code, err.code);
        done = code == E2B_OK;
        e2b_config_release(config);
    }
    e2b_trust_release(trust);
    return done;
}

TEST("making a configuration survives every failed allocation") {
    CHECK(test_out_of_memory(make_all) > 8);
}

TEST_MAIN
