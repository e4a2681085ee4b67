/* Facts about what libcurl has once in a process: it is set up once, before any thread uses it, and
 * never taken down, because other users of the library in this process would lose it. */
#include "test.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "e2b.h"

#define THREADS 8
#define CLIENTS 5

static atomic_int set_up, taken_down;

/* In front of libcurl's own (the linker's --wrap). */
CURLcode __real_curl_global_init(long flags);
CURLcode __wrap_curl_global_init(long flags);
void __wrap_curl_global_cleanup(void);

CURLcode __wrap_curl_global_init(long flags) {
    atomic_fetch_add(&set_up, 1);
    return __real_curl_global_init(flags);
}

void __wrap_curl_global_cleanup(void) {
    atomic_fetch_add(&taken_down, 1);
}

static void *make_clients(void *failed) {
    for (int i = 0; i < CLIENTS; i++) {
        e2b_client_t *client = NULL;
        if (e2b_client_create(&client) != E2B_OK) *(bool *)failed = true;
        e2b_client_free(client);
    }
    return NULL;
}

TEST("libcurl is set up once, however many threads make clients at once, and never taken down") {
    pthread_t threads[THREADS];
    bool failed[THREADS] = {false};
    for (int i = 0; i < THREADS; i++) {
        CHECK_INT(pthread_create(&threads[i], NULL, make_clients, &failed[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        CHECK(!failed[i]);
    }
    CHECK(strstr(e2b_curl_version(), "libcurl/") != NULL);
    CHECK_INT(set_up, 1);
    CHECK_INT(taken_down, 0);
}

TEST_MAIN
