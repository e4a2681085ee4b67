/* Facts about host_memory.c: what is remembered of hosts and connections, and what is forgotten. */
#include "test.h"

#include <string.h>

#include "host_memory.h"

#define URL "https://sandbox.e2b.app"

TEST("a host is its name and port, behind its proxy, whatever is asked of it") {
    uint64_t host = e2b_host_key(URL "/v2/sandboxes", "");
    CHECK(host != 0);
    CHECK(host == e2b_host_key(URL, ""));
    CHECK(host == e2b_host_key(URL "?a", ""));
    CHECK(host != e2b_host_key(URL ":8443/v2/sandboxes", ""));
    CHECK(host != e2b_host_key("https://api.e2b.app/v2/sandboxes", ""));
    CHECK(host != e2b_host_key(URL "/v2/sandboxes", "http://proxy:3128"));
    CHECK(e2b_host_key("http://a/", "http://proxy:3128") ==
          e2b_host_key("http://b/", "http://proxy:3128"));
    CHECK(e2b_host_key("http://a/", "") != e2b_host_key("http://b/", ""));
}

TEST("a host is old from its first connection without HTTP/2 until one with it") {
    static e2b_host_memory_t memory;
    memset(&memory, 0, sizeof memory);
    uint64_t host = e2b_host_key(URL, ""), other = e2b_host_key("https://other", "");
    CHECK(!e2b_host_is_old(&memory, host));
    e2b_host_spoke(&memory, host, false);
    CHECK(e2b_host_is_old(&memory, host));
    CHECK(!e2b_host_is_old(&memory, other));
    e2b_host_spoke(&memory, other, true);
    CHECK(e2b_host_is_old(&memory, host));
    e2b_host_spoke(&memory, host, true);
    CHECK(!e2b_host_is_old(&memory, host));
}

TEST("a host whose place another takes is forgotten, not mistaken") {
    static e2b_host_memory_t memory;
    memset(&memory, 0, sizeof memory);
    uint64_t host = 5, other = 5 + E2B_OLD_HOSTS;
    e2b_host_spoke(&memory, host, false);
    e2b_host_spoke(&memory, other, true);
    CHECK(e2b_host_is_old(&memory, host));
    e2b_host_spoke(&memory, other, false);
    CHECK(!e2b_host_is_old(&memory, host));
    CHECK(e2b_host_is_old(&memory, other));
}

TEST("a goodbye is before the streams above the last one that it names, on its connection") {
    static e2b_host_memory_t memory;
    memset(&memory, 0, sizeof memory);
    CHECK(!e2b_goodbye_before(&memory, 4000, 7));
    e2b_goodbye_note(&memory, 4000, 5);
    CHECK(e2b_goodbye_before(&memory, 4000, 7));
    CHECK(!e2b_goodbye_before(&memory, 4000, 5));
    CHECK(!e2b_goodbye_before(&memory, 4001, 7));
    CHECK(!e2b_goodbye_before(&memory, 0, 7));
}

TEST("of two goodbyes the smaller counts, and a stream whose number is not known is never after") {
    static e2b_host_memory_t memory;
    memset(&memory, 0, sizeof memory);
    e2b_goodbye_note(&memory, 4000, 0x7fffffff);
    CHECK(!e2b_goodbye_before(&memory, 4000, 9));
    e2b_goodbye_note(&memory, 4000, 5);
    e2b_goodbye_note(&memory, 4000, 11);
    CHECK(e2b_goodbye_before(&memory, 4000, 9));
    e2b_goodbye_note(&memory, 4000, 0);
    CHECK(!e2b_goodbye_before(&memory, 4000, 0));
}

TEST("a new connection from the same port has said no goodbye") {
    static e2b_host_memory_t memory;
    memset(&memory, 0, sizeof memory);
    e2b_goodbye_note(&memory, 4000, 0);
    e2b_goodbye_forget(&memory, 4000);
    CHECK(!e2b_goodbye_before(&memory, 4000, 7));
}

TEST("of more goodbyes than there is room for the oldest are forgotten") {
    static e2b_host_memory_t memory;
    memset(&memory, 0, sizeof memory);
    for (int port = 1; port <= E2B_GOODBYES + 1; port++) e2b_goodbye_note(&memory, port, 0);
    CHECK(!e2b_goodbye_before(&memory, 1, 7));
    CHECK(e2b_goodbye_before(&memory, 2, 7));
    CHECK(e2b_goodbye_before(&memory, E2B_GOODBYES + 1, 7));
}

TEST_MAIN
