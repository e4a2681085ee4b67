/*
 * boot.c: the first frame of a connection taken apart. Checks what everything after relies on: that
 * the id can be a file's name, that paths are absolute. Touches no file. Launcher.
 */
#include "boot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ID 64

/* It names a directory of cgroups. */
bool boot_is_id(const char *id) {
    size_t len = strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789");
    return len > 0 && len <= MAX_ID && id[len] == '\0';
}

static bool is_absolute(const char *path) {
    return path[0] == '/';
}

static bool are_absolute(char *const *paths) {
    while (*paths != NULL && is_absolute(*paths)) paths++;
    return *paths == NULL;
}

static bool is_sound(const boot_t *boot) {
    return boot_is_id(boot->id) && is_absolute(boot->directory) &&
           (boot->root[0] == '\0' || is_absolute(boot->root)) && are_absolute(boot->layers) &&
           are_absolute(boot->visible) && boot->memory_bytes >= 0 && boot->disk_bytes >= 0;
}

int boot_read(boot_t *boot, const wire_frame_t *frame) {
    wire_reader_t reader = wire_read(frame);
    size_t count;
    boot->id = wire_read_text(&reader);
    boot->hostname = wire_read_text(&reader);
    boot->directory = wire_read_text(&reader);
    boot->root = wire_read_text(&reader);
    boot->layers = wire_read_list(&reader, &count);
    boot->visible = wire_read_list(&reader, &count);
    boot->user = wire_read_text(&reader);
    boot->boot_id = wire_read_text(&reader);
    boot->flags = wire_read_u32(&reader);
    boot->memory_bytes = wire_read_i64(&reader);
    boot->disk_bytes = wire_read_i64(&reader);
    boot->processes = wire_read_u32(&reader);
    boot->cpu_percent = wire_read_u32(&reader);
    int code = wire_read_result(&reader);
    if (code == 0 && !is_sound(boot)) code = -EBADMSG;
    if (code < 0) boot_destroy(boot);
    return code;
}

void boot_destroy(boot_t *boot) {
    free(boot->id);
    free(boot->hostname);
    free(boot->directory);
    free(boot->root);
    free(boot->layers);
    free(boot->visible);
    free(boot->user);
    free(boot->boot_id);
    memset(boot, 0, sizeof *boot);
}
