/*
 * users.c: names and numbers of users and groups, and the sandbox's tables of them. Must not trust
 * the files: the sandbox's programs write them. Thread of pid 1.
 */
#include "users.h"

#include "sandbox.h"
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file as it was read, and how to tell that it has changed. */
typedef struct table_file {
    users_table_t table;
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec modified, changed;
    bool read;
} table_file_t;

struct users {
    table_file_t passwd, group;
};

typedef int (*parse_t)(users_table_t *table, char *text, size_t len);

static bool same_file(const table_file_t *file, const struct stat *st) {
    return file->read && file->dev == st->st_dev && file->ino == st->st_ino &&
           file->size == st->st_size && file->modified.tv_sec == st->st_mtim.tv_sec &&
           file->modified.tv_nsec == st->st_mtim.tv_nsec &&
           file->changed.tv_sec == st->st_ctim.tv_sec &&
           file->changed.tv_nsec == st->st_ctim.tv_nsec;
}

static void forget(table_file_t *file) {
    users_table_destroy(&file->table);
    *file = (table_file_t){0};
}

/* All of an open file, with room for a NUL, given. 0, -ENOMEM, or -errno. */
static int read_text(int fd, size_t size, char **text, size_t *len) {
    *len = 0;
    *text = malloc(size + 1);
    if (*text == NULL) return -ENOMEM;
    while (*len < size) {
        ssize_t got = read(fd, *text + *len, size - *len);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            int code = -errno;
            free(*text);
            return code;
        }
        if (got == 0) break;
        *len += (size_t)got;
    }
    return 0;
}

static int read_table(table_file_t *file, int fd, parse_t parse) {
    struct stat st;
    char *text;
    size_t len;
    if (fstat(fd, &st) < 0) return -errno;
    if (!S_ISREG(st.st_mode) || st.st_size > (off_t)USERS_MAX_FILE) return -EINVAL;
    int code = read_text(fd, (size_t)st.st_size, &text, &len);
    if (code == 0) code = parse(&file->table, text, len);
    if (code < 0) return code;
    file->dev = st.st_dev;
    file->ino = st.st_ino;
    file->size = st.st_size;
    file->modified = st.st_mtim;
    file->changed = st.st_ctim;
    file->read = true;
    return 0;
}

/* 0 or -errno, and then it is empty. */
static int refresh(table_file_t *file, const char *path, parse_t parse) {
    struct stat st;
    if (stat(path, &st) == 0 && same_file(file, &st)) return 0;
    forget(file);
    /* O_NONBLOCK: it may be a pipe by now. */
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) return -errno;
    int code = read_table(file, fd, parse);
    close(fd);
    return code;
}

/* Of the users alone: 0 or -errno. */
static int refresh_all(sandbox_t *sandbox) {
    if (sandbox->users == NULL) sandbox->users = calloc(1, sizeof *sandbox->users);
    if (sandbox->users == NULL) return -ENOMEM;
    refresh(&sandbox->users->group, "/etc/group", users_parse_group);
    return refresh(&sandbox->users->passwd, "/etc/passwd", users_parse_passwd);
}

void users_fresh(sandbox_t *sandbox) {
    refresh_all(sandbox);
}

void users_free(struct users *users) {
    if (users == NULL) return;
    forget(&users->passwd);
    forget(&users->group);
    free(users);
}

int users_find(sandbox_t *sandbox, const char *name, user_t *user) {
    if (*name == '\0') name = sandbox->boot->user;
    if (sandbox->rung == RUNG_NONE) {
        bool is_root = strcmp(name, "root") == 0;
        if (!is_root && strcmp(name, "user") != 0) return -ESRCH;
        *user = (user_t){is_root ? "root" : "user", is_root ? "/root" : "/home/user", "/bin/bash",
                         geteuid(), getegid()};
        return 0;
    }
    if (refresh_all(sandbox) == -ENOMEM) return -ENOMEM;
    const users_line_t *line = users_table_name(&sandbox->users->passwd.table, name);
    if (line == NULL) return -ESRCH;
    *user = (user_t){line->name, line->more, line->shell, line->id, line->gid};
    return 0;
}

size_t users_groups(sandbox_t *sandbox, const user_t *user, gid_t groups[USERS_MAX_GROUPS]) {
    size_t count = 0;
    groups[count++] = user->gid;
    if (sandbox->rung == RUNG_NONE || sandbox->users == NULL) return count;
    const users_table_t *table = &sandbox->users->group.table;
    for (size_t i = 0; i < table->count && count < USERS_MAX_GROUPS; i++) {
        if (table->lines[i].id == user->gid) continue;
        if (users_is_member(table->lines[i].more, user->name)) groups[count++] = table->lines[i].id;
    }
    return count;
}

static const char *name_of(const table_file_t *file, uint32_t id, char number[USERS_NUMBER]) {
    const users_line_t *line = file != NULL ? users_table_id(&file->table, id) : NULL;
    if (line != NULL) return line->name;
    snprintf(number, USERS_NUMBER, "%u", (unsigned)id);
    return number;
}

const char *users_name(sandbox_t *sandbox, uid_t uid, bool own, char number[USERS_NUMBER]) {
    if (sandbox->rung == RUNG_NONE && own && uid == geteuid()) return "user";
    return name_of(sandbox->users != NULL ? &sandbox->users->passwd : NULL, uid, number);
}

const char *users_group_name(sandbox_t *sandbox, gid_t gid, bool own, char number[USERS_NUMBER]) {
    if (sandbox->rung == RUNG_NONE && own && gid == getegid()) return "user";
    return name_of(sandbox->users != NULL ? &sandbox->users->group : NULL, gid, number);
}

int users_give(sandbox_t *sandbox, const user_t *user, int fd) {
    if (sandbox->rung != RUNG_ROOT) return 0;
#ifdef __linux__
    return fchownat(fd, "", user->uid, user->gid, AT_EMPTY_PATH) < 0 ? -errno : 0;
#else
    return fchown(fd, user->uid, user->gid) < 0 ? -errno : 0;
#endif
}
