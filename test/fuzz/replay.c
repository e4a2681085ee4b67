/*
 * replay.c: the main of a fuzz target where there is no libFuzzer: tries every file of a folder,
 * each in a process of its own, so that one failure hides no other, and prints
 * "replay_<target>: N passed[, N failed]".
 */
#include <dirent.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"

#define LARGEST_INPUT (1u << 20)

static int try_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) return 1;
    char *bytes = malloc(LARGEST_INPUT);
    MUST(bytes != NULL);
    size_t size = fread(bytes, 1, LARGEST_INPUT, file);
    fclose(file);
    char *exact = fuzz_exact(bytes, size);
    free(bytes);
    LLVMFuzzerTestOneInput((const uint8_t *)exact, size);
    free(exact);
    return 0;
}

/* In a child; what the sanitizers find, leaks too, is in how it ends. */
static bool passes(const char *path) {
    pid_t child = fork();
    MUST(child >= 0);
    if (child == 0) exit(try_file(path));
    int status;
    MUST(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int main(int argc, char **argv) {
    const char *slash = strrchr(argv[0], '/');
    const char *name = slash != NULL ? slash + 1 : argv[0];
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    if (folder == NULL) {
        fprintf(stderr, "Usage: %s FOLDER\n", name);
        return 2;
    }
    size_t passed = 0, failed = 0;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char path[4096];
        struct stat info;
        snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) continue;
        if (passes(path)) {
            passed++;
        } else {
            failed++;
            fprintf(stderr, "FAILED: %s\n", path);
        }
    }
    closedir(folder);
    printf("%s: %zu passed", name, passed);
    if (failed > 0) printf(", %zu failed", failed);
    printf("\n");
    return failed > 0 ? 1 : 0;
}
