/*
 * The tables of users and groups, as text that may hold anything.
 */
#include "../test.h"

#include <errno.h>

#include "heap.h"
#include "users.h"

static users_table_t table;

static char *copy_of(const char *text, size_t len) {
    char *copy = malloc(len + 1);
    if (copy != NULL) memcpy(copy, text, len);
    return copy;
}

static int passwd(const char *text) {
    users_table_destroy(&table);
    return users_parse_passwd(&table, copy_of(text, strlen(text)), strlen(text));
}

static int group(const char *text) {
    users_table_destroy(&table);
    return users_parse_group(&table, copy_of(text, strlen(text)), strlen(text));
}

TEST("a passwd has users by name and by number, the first of two being meant") {
    CHECK_INT(passwd("root:x:0:0:Root:/root:/bin/bash\n"
                     "user:x:1000:1001::/home/user:/bin/sh\n"
                     "toor:x:0:0::/:/bin/sh\n"),
              0);
    CHECK_INT(table.count, 3);
    const users_line_t *user = users_table_name(&table, "user");
    CHECK(user != NULL);
    CHECK_INT(user->id, 1000);
    CHECK_INT(user->gid, 1001);
    CHECK_STR(user->more, "/home/user");
    CHECK_STR(user->shell, "/bin/sh");
    CHECK_STR(users_table_id(&table, 0)->name, "root");
    CHECK_STR(users_table_id(&table, 1000)->name, "user");
    CHECK(users_table_id(&table, 1) == NULL);
    CHECK(users_table_name(&table, "us") == NULL);
    CHECK(users_table_name(&table, "") == NULL);
}

TEST("lines that are no user are left out") {
    CHECK_INT(passwd("#comment:x:1:1::/:/\n\n:x:2:2::/:/\nshort:x:3:3\nletters:x:a:0::/:/\n"
                     "minus:x:-1:0::/:/\nnobody4:x:4294967295:0::/:/\nlarge:x:99999999999:0::/:/\n"
                     "last:x:65534:7::/nonexistent:/usr/sbin/nologin"),
              0);
    CHECK_INT(table.count, 1);
    CHECK_STR(table.lines[0].name, "last");
    CHECK_STR(table.lines[0].shell, "/usr/sbin/nologin");
}

TEST("a line with a NUL in it is no line") {
    static const char text[] = "a:x:1:1::/\0:/bin/sh\nb:x:2:2::/b:/bin/sh\n";
    users_table_destroy(&table);
    CHECK_INT(users_parse_passwd(&table, copy_of(text, sizeof text - 1), sizeof text - 1), 0);
    CHECK_INT(table.count, 1);
    CHECK_STR(table.lines[0].name, "b");
}

TEST("an empty file has nobody") {
    CHECK_INT(passwd(""), 0);
    CHECK_INT(table.count, 0);
    CHECK(users_table_id(&table, 0) == NULL);
    CHECK_INT(passwd("\n\n\n"), 0);
    CHECK_INT(table.count, 0);
}

TEST("a group has its members") {
    CHECK_INT(group("root:x:0:\nsudo:x:27:user,other\nempty:x:28\nuser:x:1000:\n"), 0);
    CHECK_INT(table.count, 3);
    CHECK_STR(users_table_id(&table, 27)->more, "user,other");
    CHECK(users_is_member("user,other", "user"));
    CHECK(users_is_member("user,other", "other"));
    CHECK(!users_is_member("user,other", "use"));
    CHECK(!users_is_member("user,other", "users"));
    CHECK(!users_is_member("", "user"));
    CHECK(users_is_member(",,user,", "user"));
}

TEST("ten thousand users are found by their numbers") {
    size_t len = 0, size = 10000 * 64;
    char *text = malloc(size + 1);
    CHECK(text != NULL);
    for (int i = 9999; i >= 0; i--)
        len += (size_t)snprintf(text + len, size - len, "u%d:x:%d:1::/:/bin/sh\n", i, i * 3);
    users_table_destroy(&table);
    CHECK_INT(users_parse_passwd(&table, text, len), 0);
    CHECK_INT(table.count, 10000);
    for (unsigned i = 0; i < 10000; i += 7) {
        char name[16];
        snprintf(name, sizeof name, "u%u", i);
        CHECK_STR(users_table_id(&table, i * 3)->name, name);
        CHECK(users_table_id(&table, i * 3 + 1) == NULL);
    }
    users_table_destroy(&table);
}

static void parse_short_of_memory(void) {
    static const char text[] = "root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n";
    char *copy = copy_of(text, sizeof text - 1);
    if (copy == NULL) return;
    int code = users_parse_passwd(&table, copy, sizeof text - 1);
    CHECK(code == -ENOMEM ? table.count == 0 && table.text == NULL : table.count == 2);
    users_table_destroy(&table);
}

TEST("without memory there are no users, and nothing is lost") {
    users_table_destroy(&table);
    CHECK_INT(heap_try_each_failure(parse_short_of_memory), 3);
}

TEST_MAIN
