/*
 * text_file.h: the small files by which a kernel is asked and told: whole, in one call. Of what
 * lies in /proc and in cgroups; not for files of a sandbox. Any thread.
 */
#ifndef E2B_INIT_TEXT_FILE_H
#define E2B_INIT_TEXT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What one read gives, with a NUL; cut at size - 1. Its length or -errno. `directory` may be
 * AT_FDCWD. */
int text_read(int directory, const char *name, char *text, size_t size);
/* 0 or -errno. System calls only. */
int text_write(int directory, const char *name, const char *text);
int text_write_number(int directory, const char *name, int64_t number);
/* A file of one number, or what follows `key` and a space at the beginning of a line: -1 if there
 * is none. */
int64_t text_number(int directory, const char *name);
int64_t text_number_of(int directory, const char *name, const char *key);
/* Whether `word` is one of the words of `list`, which any of `separators` part. */
bool text_has_word(const char *list, const char *word, const char *separators);

#endif
