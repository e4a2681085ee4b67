/*
 * users_table.c: the text of a passwd or group file as a table. Touches no file; must stay within
 * the text whatever it holds. Thread of pid 1.
 */
#include "users.h"

#include "system.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The next field of a line, cut off at its ':'; NULL when there is none. */
static char *next_field(char **rest) {
    char *field = *rest;
    if (field == NULL) return NULL;
    char *colon = strchr(field, ':');
    if (colon != NULL) *colon++ = '\0';
    *rest = colon;
    return field;
}

static bool parse_id(const char *text, uint32_t *id) {
    uint64_t value = 0;
    if (text == NULL || *text == '\0') return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') return false;
        value = value * 10 + (uint64_t)(*text - '0');
        /* The last one is what chown takes for "leave it". */
        if (value >= UINT32_MAX) return false;
    }
    *id = (uint32_t)value;
    return true;
}

/* name:password:uid:gid:comment:home:shell */
static bool passwd_line(users_line_t *line, char *text) {
    line->name = next_field(&text);
    next_field(&text);
    if (!parse_id(next_field(&text), &line->id)) return false;
    if (!parse_id(next_field(&text), &line->gid)) return false;
    next_field(&text);
    line->more = next_field(&text);
    line->shell = next_field(&text);
    return *line->name != '\0' && line->more != NULL && line->shell != NULL;
}

/* name:password:gid:members */
static bool group_line(users_line_t *line, char *text) {
    line->name = next_field(&text);
    next_field(&text);
    if (!parse_id(next_field(&text), &line->id)) return false;
    line->more = next_field(&text);
    return *line->name != '\0' && line->more != NULL;
}

static int by_id(const void *a, const void *b, void *table) {
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    const users_line_t *lines = ((const users_table_t *)table)->lines;
    if (lines[left].id != lines[right].id) return lines[left].id < lines[right].id ? -1 : 1;
    return left < right ? -1 : 1;
}

static int parse(users_table_t *table, char *text, size_t len,
                 bool (*parse_line)(users_line_t *line, char *text)) {
    size_t most = 1;
    *table = (users_table_t){.text = text};
    text[len] = '\0';
    for (size_t i = 0; i < len; i++) most += text[i] == '\n';
    table->lines = calloc(most, sizeof *table->lines);
    table->by_id = calloc(most, sizeof *table->by_id);
    if (table->lines == NULL || table->by_id == NULL) {
        users_table_destroy(table);
        return -ENOMEM;
    }
    for (char *at = text; at < text + len;) {
        char *end = memchr(at, '\n', (size_t)(text + len - at));
        if (end == NULL) end = text + len;
        bool whole = memchr(at, '\0', (size_t)(end - at)) == NULL;
        *end = '\0';
        if (whole && *at != '#' && parse_line(&table->lines[table->count], at)) table->count++;
        at = end + 1;
    }
    for (size_t i = 0; i < table->count; i++) table->by_id[i] = (uint32_t)i;
    qsort_r(table->by_id, table->count, sizeof *table->by_id, by_id, table);
    return 0;
}

int users_parse_passwd(users_table_t *table, char *text, size_t len) {
    return parse(table, text, len, passwd_line);
}

int users_parse_group(users_table_t *table, char *text, size_t len) {
    return parse(table, text, len, group_line);
}

void users_table_destroy(users_table_t *table) {
    free(table->text);
    free(table->lines);
    free(table->by_id);
    *table = (users_table_t){0};
}

const users_line_t *users_table_name(const users_table_t *table, const char *name) {
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->lines[i].name, name) == 0) return &table->lines[i];
    return NULL;
}

const users_line_t *users_table_id(const users_table_t *table, uint32_t id) {
    size_t low = 0, high = table->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (table->lines[table->by_id[middle]].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == table->count || table->lines[table->by_id[low]].id != id) return NULL;
    return &table->lines[table->by_id[low]];
}

bool users_is_member(const char *members, const char *name) {
    size_t len = strlen(name);
    while (*members != '\0') {
        size_t item = strcspn(members, ",");
        if (item == len && memcmp(members, name, len) == 0) return true;
        members += item + (members[item] == ',');
    }
    return false;
}
