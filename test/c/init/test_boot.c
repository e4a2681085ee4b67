/*
 * The frame that a sandbox begins with: read whole, refused when what it says cannot be used, and
 * without memory.
 */
#include "../test.h"

#include <errno.h>

#include "boot.h"
#include "heap.h"

/* What a test changes of a sound one. */
typedef struct said {
    const char *id, *directory, *root, *layer, *visible;
    int64_t disk_bytes;
    bool cut, longer;
} said_t;

static const said_t sound = {.id = "box1",
                             .directory = "/var/box",
                             .root = "",
                             .layer = "/base",
                             .visible = "/opt/node",
                             .disk_bytes = 7};

static void put_list(wire_writer_t *writer, const char *one, const char *two) {
    wire_put_u32(writer, two != NULL ? 2 : 1);
    wire_put_text(writer, one);
    if (two != NULL) wire_put_text(writer, two);
}

static int read_said(boot_t *boot, const said_t *said) {
    wire_writer_t writer;
    wire_decoder_t decoder;
    wire_frame_t frame;
    size_t room;
    wire_writer_init(&writer, 4096);
    wire_begin(&writer, WIRE_BOOT, 0, 0);
    wire_put_text(&writer, said->id);
    wire_put_text(&writer, "e2b.local");
    wire_put_text(&writer, said->directory);
    wire_put_text(&writer, said->root);
    put_list(&writer, said->layer, "/other");
    put_list(&writer, said->visible, NULL);
    wire_put_text(&writer, "user");
    wire_put_text(&writer, "a uuid");
    wire_put_u32(&writer, BOOT_NO_NETWORK);
    wire_put_i64(&writer, 6);
    wire_put_i64(&writer, said->disk_bytes);
    wire_put_u32(&writer, 8);
    if (!said->cut) wire_put_u32(&writer, 9);
    if (said->longer) wire_put_u32(&writer, 10);
    wire_end(&writer);
    wire_decoder_init(&decoder);
    uint8_t *at = wire_decoder_room(&decoder, writer.len, &room);
    int code = -ENOMEM;
    if (at != NULL) {
        memcpy(at, writer.data, writer.len);
        wire_decoder_wrote(&decoder, writer.len);
        code = wire_decoder_next(&decoder, &frame) == 1 ? boot_read(boot, &frame) : -EBADMSG;
    }
    wire_writer_destroy(&writer);
    wire_decoder_destroy(&decoder);
    return code;
}

TEST("every field is read, and outlives the frame") {
    boot_t boot = {0};
    CHECK_INT(read_said(&boot, &sound), 0);
    CHECK_STR(boot.id, "box1");
    CHECK_STR(boot.hostname, "e2b.local");
    CHECK_STR(boot.directory, "/var/box");
    CHECK_STR(boot.root, "");
    CHECK_STR(boot.layers[0], "/base");
    CHECK_STR(boot.layers[1], "/other");
    CHECK(boot.layers[2] == NULL);
    CHECK_STR(boot.visible[0], "/opt/node");
    CHECK(boot.visible[1] == NULL);
    CHECK_STR(boot.user, "user");
    CHECK_STR(boot.boot_id, "a uuid");
    CHECK_INT(boot.flags, BOOT_NO_NETWORK);
    CHECK_INT(boot.memory_bytes, 6);
    CHECK_INT(boot.disk_bytes, 7);
    CHECK_INT(boot.processes, 8);
    CHECK_INT(boot.cpu_percent, 9);
    boot_destroy(&boot);
    boot_destroy(&boot);
}

static void check_refused(said_t said) {
    boot_t boot = {0};
    CHECK_INT(read_said(&boot, &said), -EBADMSG);
    CHECK(boot.id == NULL && boot.layers == NULL);
}

/* The id names directories of cgroups, and paths are opened by root. */
TEST("an id that could lead elsewhere is refused") {
    static const char *const ids[] = {"", "..", "a/b", "A", "a b", "a.", "\xc3\xa9"};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        said_t said = sound;
        said.id = ids[i];
        check_refused(said);
    }
    said_t said = sound;
    said.id = "0123456789012345678901234567890123456789012345678901234567890123x";
    check_refused(said);
}

TEST("a path that is not absolute is refused") {
    said_t said = sound;
    said.directory = "box";
    check_refused(said);
    said = sound;
    said.root = "root";
    check_refused(said);
    said = sound;
    said.layer = "../base";
    check_refused(said);
    said = sound;
    said.visible = "";
    check_refused(said);
}

TEST("a limit below nothing, too few fields and too many are refused") {
    said_t said = sound;
    said.disk_bytes = -1;
    check_refused(said);
    said = sound;
    said.cut = true;
    check_refused(said);
    said = sound;
    said.longer = true;
    check_refused(said);
}

static void try_without_memory(void) {
    boot_t boot = {0};
    int code = read_said(&boot, &sound);
    if (heap_failures() > 0) CHECK(code == -ENOMEM || code == -EBADMSG);
    if (code < 0) CHECK(boot.id == NULL && boot.layers == NULL && boot.visible == NULL);
    boot_destroy(&boot);
}

TEST("without memory nothing of it is left") {
    CHECK(heap_try_each_failure(try_without_memory) > 8);
}

TEST_MAIN
