/* text_file.c: see text_file.h. Must not follow the sandbox's own files: nothing here checks. */
#include "text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST 8192 /* memory.stat is the longest of them */

int text_read(int directory, const char *name, char *text, size_t size) {
    int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    ssize_t len = read(fd, text, size - 1);
    int code = len < 0 ? -errno : (int)len;
    close(fd);
    text[code < 0 ? 0 : code] = '\0';
    return code;
}

int text_write(int directory, const char *name, const char *text) {
    int fd = openat(directory, name, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    int code = write(fd, text, strlen(text)) < 0 ? -errno : 0;
    close(fd);
    return code;
}

int text_write_number(int directory, const char *name, int64_t number) {
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)number);
    return text_write(directory, name, text);
}

int64_t text_number(int directory, const char *name) {
    char text[64];
    if (text_read(directory, name, text, sizeof text) <= 0) return -1;
    return strtoll(text, NULL, 10);
}

int64_t text_number_of(int directory, const char *name, const char *key) {
    char text[MOST];
    size_t len = strlen(key);
    if (text_read(directory, name, text, sizeof text) <= 0) return -1;
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        if (strncmp(line, key, len) == 0 && line[len] == ' ') return strtoll(line + len, NULL, 10);
    }
    return -1;
}

bool text_has_word(const char *list, const char *word, const char *separators) {
    size_t len = strlen(word);
    while (*list != '\0') {
        size_t span = strcspn(list, separators);
        if (span == len && memcmp(list, word, len) == 0) return true;
        list += span;
        list += strspn(list, separators);
    }
    return false;
}
