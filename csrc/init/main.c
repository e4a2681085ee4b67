/*
 * main.c: which of its roles this program has been started for: the launcher of a backend's
 * sandboxes, or, by its name, a command inside of one. Does nothing itself.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "launcher.h"
#include "sudo.h"

extern char **environ;

static int usage(void) {
    fputs("usage: e2b-init root|user|none DIRECTORY\n"
          "Part of e2b-swarm's local backend, which starts it.\n",
          stderr);
    return 2;
}

/* What `ps` in a sandbox shows of its pid 1, which has this memory too: the role, and neither where
 * on the host it lies nor what the backend has in its environment. */
static void hide(char **argv, int last, const char *role) {
    size_t room = (size_t)(argv[last] - argv[0]) + strlen(argv[last]);
    memset(argv[0], 0, room);
    snprintf(argv[0], room + 1, "e2b-init %s", role);
    for (char **at = environ; *at != NULL; at++) memset(*at, 0, strlen(*at));
}

int main(int argc, char **argv) {
    static const char *const rungs[] = {
        [RUNG_ROOT] = "root", [RUNG_USER] = "user", [RUNG_NONE] = "none"};
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    const char *name = slash != NULL ? slash + 1 : argc > 0 ? argv[0] : "";
#ifdef __linux__
    if (strcmp(name, "sudo") == 0) _exit(sudo_main(argc, argv)); /* frees by ending */
#else
    (void)name;
#endif
    if (argc != 3) return usage();
    size_t rung = 0, count = sizeof rungs / sizeof *rungs;
    while (rung < count && strcmp(argv[1], rungs[rung]) != 0) rung++;
    char directory[PATH_MAX];
    if (rung == count || strlen(argv[2]) >= sizeof directory) return usage();
    memcpy(directory, argv[2], strlen(argv[2]) + 1);
    hide(argv, 2, rungs[rung]);
    return launcher_run((boot_rung_t)rung, directory);
}
