/*
 * overheard.c: what libcurl and OpenSSL ask of the system behind our back, put in front of the C
 * library's by LD_PRELOAD. A line for each goes to the file E2B_TEST_NOTES: "getenv NAME" when a
 * thread other than the first looks into the environment, which JavaScript may be changing; "open
 * PATH" when somebody wants a certificate that the system has. There is none of these here.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static const char *const folders[] = {"/etc/ssl/", "/usr/lib/ssl/", "/etc/pki/", "/usr/local/ssl/",
                                      "/usr/share/ca-certificates/"};

static void note(const char *what, const char *name) {
    const char *path = getenv("E2B_TEST_NOTES");
    int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
    int fd = path ? real(path, O_WRONLY | O_APPEND | O_CREAT, 0600) : -1;
    if (fd < 0) return;
    dprintf(fd, "%s %s\n", what, name);
    close(fd);
}

/* Not by dlsym: it is called before there is anything to find. */
char *getenv(const char *name) {
    static __thread int noting;
    size_t len = strlen(name);
    char *value = NULL;
    for (char **one = environ; one && *one && !value; one++) {
        if (strncmp(*one, name, len) == 0 && (*one)[len] == '=') value = *one + len + 1;
    }
    if (gettid() != getpid() && !noting) {
        noting = 1;
        note("getenv", name);
        noting = 0;
    }
    return value;
}

static int is_withheld(const char *path) {
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        if (strncmp(path, folders[i], strlen(folders[i])) != 0) continue;
        if (strcmp(strrchr(path, '/'), "/openssl.cnf") == 0) return 0; /* Node's settings */
        note("open", path);
        errno = ENOENT;
        return 1;
    }
    return 0;
}

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...) {                                                   \
        va_list more;                                                                              \
        va_start(more, flags);                                                                     \
        mode_t mode = (flags & O_CREAT) ? va_arg(more, mode_t) : 0;                                \
        va_end(more);                                                                              \
        if (is_withheld(path)) return -1;                                                          \
        int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, #name);                             \
        return real(path, flags, mode);                                                            \
    }

OPEN(open)
OPEN(open64)

#define FOPEN(name)                                                                                \
    FILE *name(const char *path, const char *mode) {                                               \
        if (is_withheld(path)) return NULL;                                                        \
        FILE *(*real)(const char *, const char *) = dlsym(RTLD_NEXT, #name);                       \
        return real(path, mode);                                                                   \
    }

FOPEN(fopen)
FOPEN(fopen64)
