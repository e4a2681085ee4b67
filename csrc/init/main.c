/*
 * main.c: which of its roles this program has been started for: the launcher of a backend's
 * sandboxes, or, by its name, a command inside of one. Does nothing itself.
 */
#include <stdio.h>
#include <string.h>

#include "launcher.h"
#include "sudo.h"

static int usage(void) {
    fputs("usage: e2b-init root|user|none DIRECTORY\n"
          "Part of e2b-swarm's local backend, which starts it.\n",
          stderr);
    return 2;
}

int main(int argc, char **argv) {
    static const char *const rungs[] = {
        [RUNG_ROOT] = "root", [RUNG_USER] = "user", [RUNG_NONE] = "none"};
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    const char *name = slash != NULL ? slash + 1 : argc > 0 ? argv[0] : "";
    if (strcmp(name, "sudo") == 0) return sudo_main(argc, argv);
    if (argc != 3) return usage();
    for (size_t i = 0; i < sizeof rungs / sizeof *rungs; i++)
        if (strcmp(argv[1], rungs[i]) == 0) return launcher_run((boot_rung_t)i, argv[2]);
    return usage();
}
