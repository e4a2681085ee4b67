/*
 * users.h: who is who in a sandbox, by its own /etc/passwd and /etc/group: no NSS, which a static
 * program has not. Thread of pid 1. The files are the sandbox's and may hold anything; they are
 * read again when they have changed.
 *
 * On RUNG_NONE nobody has an identity of his own: `user` and `root` are both who runs the backend.
 */
#ifndef E2B_INIT_USERS_H
#define E2B_INIT_USERS_H

#include "stream.h"

#include <sys/types.h>

#define USERS_MAX_FILE (1024u * 1024) /* a larger passwd or group is not read */
#define USERS_MAX_GROUPS 64u          /* of one user; further ones are left out */
#define USERS_NUMBER 16u              /* room for an id as text */

/* Strings are borrowed until the next call of users_find(). */
typedef struct user {
    const char *name, *home, *shell;
    uid_t uid;
    gid_t gid;
} user_t;

/* name: "" is the sandbox's default one. 0; -ESRCH: no such user; or -errno. */
int users_find(sandbox_t *sandbox, const char *name, user_t *user);
/* The user's own group and those that name him. How many were put into `groups`. */
size_t users_groups(sandbox_t *sandbox, const user_t *user, gid_t groups[USERS_MAX_GROUPS]);

/* What an id is called; its number, written into `number`, when nothing else. Looks at no file:
 * users_fresh() before, once for each piece of work. `own`: of a file in one of the sandbox's own
 * directories, which on RUNG_NONE belong to `user`. */
const char *users_name(sandbox_t *sandbox, uid_t uid, bool own, char number[USERS_NUMBER]);
const char *users_group_name(sandbox_t *sandbox, gid_t gid, bool own, char number[USERS_NUMBER]);
/* Reads the files again if they have changed. Without memory, or when one cannot be read, there are
 * no names. */
void users_fresh(sandbox_t *sandbox);

/* Makes a file the user's, where identities differ: a descriptor, O_PATH too. 0 or -errno. */
int users_give(sandbox_t *sandbox, const user_t *user, int fd);

struct users;
void users_free(struct users *users);

/* ---- the files as text; for tests as well ---- */

/* One line's fields, within the text that was parsed. */
typedef struct users_line {
    char *name, *more; /* more: home of a user, members of a group */
    char *shell;       /* of a user */
    uint32_t id, gid;  /* gid: of a user */
} users_line_t;

typedef struct users_table {
    char *text;
    users_line_t *lines;
    size_t count;
    uint32_t *by_id; /* indexes of lines, by id; of equal ids the first line first */
} users_table_t;

/* text of len bytes with one more for a NUL: taken, also on failure. Lines that are none are left
 * out. 0 or -ENOMEM. */
int users_parse_passwd(users_table_t *table, char *text, size_t len);
int users_parse_group(users_table_t *table, char *text, size_t len);
void users_table_destroy(users_table_t *table);
/* NULL: none. */
const users_line_t *users_table_name(const users_table_t *table, const char *name);
const users_line_t *users_table_id(const users_table_t *table, uint32_t id);
/* Whether "a,b,c" names him. */
bool users_is_member(const char *members, const char *name);

#endif
