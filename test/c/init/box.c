/*
 * box.c: builds the ground of a sandbox, starts its pid 1, and asks it. See box.h. Test thread.
 */
#include "box.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "descent.h"
#include "heap.h"
#include "sandbox.h"

#define FAILED_ALLOCATION 42 /* an exit status */

_Noreturn static void give_up(const char *what) {
    fprintf(stderr, "  box: %s: %s\n", what, strerror(errno));
    abort();
}

static void must(int code, const char *what) {
    if (code < 0) give_up(what);
}

/* ---- the ground that it stands on ---- */

const char *box_path(const box_t *box, const char *path) {
    static char paths[4][PATH_MAX];
    static unsigned next;
    char *at = paths[next++ % 4];
    bool own = strncmp(path, "/home/user", 10) == 0 || strncmp(path, "/root", 5) == 0;
    if (box->has_walls)
        snprintf(at, PATH_MAX, "%s/walls%s", box->top, path);
    else if (own)
        snprintf(at, PATH_MAX, "%s/upper%s", box->directory, path);
    else
        snprintf(at, PATH_MAX, "%s", path);
    return at;
}

static void make_path(const char *top, const char *path) {
    char whole[PATH_MAX];
    snprintf(whole, sizeof whole, "%s%s", top, path);
    for (char *at = whole + strlen(top) + 1;; at++) {
        if (*at != '/' && *at != '\0') continue;
        char kept = *at;
        *at = '\0';
        if (mkdir(whole, 0755) < 0 && errno != EEXIST) give_up(whole);
        *at = kept;
        if (kept == '\0') return;
    }
}

void box_mkdir(const box_t *box, const char *path) {
    must(mkdir(box_path(box, path), 0755), path);
}

static void put(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    must(fd, path);
    if (write(fd, text, strlen(text)) != (ssize_t)strlen(text)) give_up(path);
    close(fd);
}

void box_put(const box_t *box, const char *path, const char *text) {
    put(box_path(box, path), text);
}

const char *box_text(const box_t *box, const char *path) {
    static char text[64 * 1024];
    int fd = open(box_path(box, path), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return NULL;
    ssize_t len = read(fd, text, sizeof text - 1);
    close(fd);
    text[len > 0 ? len : 0] = '\0';
    return text;
}

bool box_exists(const box_t *box, const char *path) {
    struct stat st;
    return lstat(box_path(box, path), &st) == 0;
}

/* ---- its own side ---- */

static void write_map(const char *path, unsigned id) {
    char text[32];
    snprintf(text, sizeof text, "0 %u 1\n", id);
    put(path, text);
}

/* In the child: a root directory of its own, and /other in it, of another file system. */
static void build_walls(const box_t *box) {
    char path[PATH_MAX];
    unsigned uid = geteuid(), gid = getegid();
    must(unshare(CLONE_NEWNS | (box->has_users ? 0 : CLONE_NEWUSER)), "unshare");
    if (!box->has_users) {
        put("/proc/self/setgroups", "deny");
        write_map("/proc/self/uid_map", uid);
        write_map("/proc/self/gid_map", gid);
    }
    must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "mount private");
    snprintf(path, sizeof path, "%s/walls", box->top);
    must(chdir(path), path);
    must(mount("/proc", "proc", NULL, MS_BIND | MS_REC, NULL), "mount /proc");
    must(mount("/dev", "dev", NULL, MS_BIND | MS_REC, NULL), "mount /dev");
    must(mount("tmpfs", "other", "tmpfs", 0, "mode=755,size=64m"), "mount tmpfs");
    must(chroot("."), "chroot");
}

_Noreturn static void be_pid_1(box_t *box, int channel) {
    static char *none[1];
    boot_t boot = {.id = "box",
                   .hostname = "box",
                   .directory = box->directory,
                   .root = "",
                   .layers = none,
                   .visible = none,
                   .user = "user",
                   .boot_id = ""};
    wire_decoder_t begun;
    wire_decoder_init(&begun);
    sandbox_birth_t birth = {.channel = channel, .launcher = -1, .begun = &begun, .boot = &boot};
    birth.rung = !box->has_walls ? RUNG_NONE : box->has_users ? RUNG_ROOT : RUNG_USER;
    if (box->has_walls) build_walls(box);
    must(prctl(PR_SET_CHILD_SUBREAPER, 1), "prctl");
    /* exit(), so that what is left of the memory is seen. */
    int code = sandbox_run(&birth);
    descent_t descent = {.ancestor = getpid()};
    if (!box->has_walls && descent_kill(&descent, FAR_DEADLINE_MS) > 0) give_up("processes");
    if (code == 0 && heap_failures() > 0) code = FAILED_ALLOCATION;
    exit(code);
}

static void start(box_t *box, long successes, bool all) {
    snprintf(box->top, sizeof box->top, "/tmp/e2b-box-XXXXXX");
    if (mkdtemp(box->top) == NULL) give_up("mkdtemp");
    snprintf(box->directory, sizeof box->directory, "%s/run/1", box->top);
    make_path(box->top, "/run/1/upper/home/user");
    make_path(box->top, "/run/1/upper/root");
    if (box->has_walls) {
        char path[PATH_MAX];
        const char *const directories[] = {"/walls/etc",  "/walls/home/user", "/walls/root",
                                           "/walls/proc", "/walls/dev",       "/walls/other",
                                           "/walls/tmp"};
        for (size_t i = 0; i < sizeof directories / sizeof *directories; i++)
            make_path(box->top, directories[i]);
        snprintf(path, sizeof path, "%s/walls/etc/passwd", box->top);
        put(path, "root:x:0:0::/root:/bin/bash\nuser:x:1000:1000::/home/user:/bin/bash\n"
                  "other:x:1001:1001::/home/other:/bin/sh\n");
        snprintf(path, sizeof path, "%s/walls/etc/group", box->top);
        put(path, "root:x:0:\nuser:x:1000:\nstaff:x:50:user,other\n");
    }
    int channel = far_open(&box->far);
    fflush(NULL);
    box->pid = fork();
    must(box->pid, "fork");
    if (box->pid == 0) {
        /* What this process has open is not the sandbox's. */
        if (channel > 3) close_range(3, (unsigned)channel - 1, 0);
        close_range((unsigned)channel + 1, ~0u, 0);
        if (all)
            heap_fail_after(successes);
        else
            heap_fail_once(successes);
        be_pid_1(box, channel);
    }
    close(channel);
}

void box_open(box_t *box) {
    *box = (box_t){0};
    start(box, -1, true);
    far_expect(&box->far, WIRE_BOOTED, 0);
}

void box_open_walls(box_t *box) {
    *box = (box_t){.has_walls = true, .has_users = geteuid() == 0};
    start(box, -1, true);
    far_expect(&box->far, WIRE_BOOTED, 0);
}

void box_open_failing(box_t *box, bool walls, long successes, bool all) {
    *box = (box_t){.has_walls = walls, .has_users = walls && geteuid() == 0};
    start(box, successes, all);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
    (void)st, (void)type, (void)at;
    return remove(path);
}

static int finish(box_t *box) {
    int status;
    far_close(&box->far);
    if (waitpid(box->pid, &status, 0) != box->pid) give_up("waitpid");
    nftw(box->top, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    return status;
}

void box_close(box_t *box) {
    int status = finish(box);
    if (status == 0) return;
    errno = 0;
    fprintf(stderr, "  it ended with status %x\n", (unsigned)status);
    give_up("pid 1");
}

bool box_close_failing(box_t *box) {
    int status = finish(box);
    bool failed = WIFEXITED(status) && WEXITSTATUS(status) == FAILED_ALLOCATION;
    bool could_not_begin = !box->booted && WIFEXITED(status) && WEXITSTATUS(status) == 1;
    if (status == 0 || failed || could_not_begin) return status != 0;
    fprintf(stderr, "  it ended with status %x\n", (unsigned)status);
    give_up("pid 1, short of memory");
}

/* ---- asking ---- */

void box_ask(box_t *box, uint32_t stream, uint8_t type, const char *fields, ...) {
    va_list list;
    wire_writer_t *writer = &box->far.writer;
    far_begin(&box->far, type, 0, stream);
    va_start(list, fields);
    for (; *fields != '\0'; fields++) {
        if (*fields == 's') {
            wire_put_text(writer, va_arg(list, const char *));
        } else if (*fields == 'u') {
            wire_put_u32(writer, va_arg(list, uint32_t));
        } else if (*fields == 'i') {
            wire_put_i64(writer, va_arg(list, int64_t));
        } else {
            const char *const *items = va_arg(list, const char *const *);
            uint32_t count = 0;
            while (items != NULL && items[count] != NULL) count++;
            wire_put_u32(writer, count);
            for (uint32_t i = 0; i < count; i++) wire_put_text(writer, items[i]);
        }
    }
    va_end(list);
    far_send(&box->far);
}

bool box_try_next(box_t *box, wire_frame_t *frame) {
    far_t *far = &box->far;
    for (;;) {
        int code = wire_decoder_next(&far->decoder, frame);
        if (code == 1) {
            box->booted = box->booted || frame->type == WIRE_BOOTED;
            return true;
        }
        size_t room;
        uint8_t *at = wire_decoder_room(&far->decoder, 64 * 1024, &room);
        struct pollfd ready = {.fd = far->fd, .events = POLLIN};
        if (code < 0 || at == NULL || poll(&ready, 1, FAR_DEADLINE_MS) != 1) give_up("frame");
        ssize_t len = recv(far->fd, at, room, 0);
        if (len <= 0) return false;
        wire_decoder_wrote(&far->decoder, (size_t)len);
    }
}

static void copy_text(wire_reader_t *reader, char *text, size_t size) {
    wire_string_t string = wire_read_string(reader);
    if (string.len >= size) give_up("a string of this length");
    memcpy(text, string.data, string.len);
    text[string.len] = '\0';
}

void box_read_entry(wire_reader_t *reader, box_entry_t *entry) {
    copy_text(reader, entry->path, sizeof entry->path);
    entry->type = wire_read_u32(reader);
    entry->size = wire_read_i64(reader);
    entry->mode = wire_read_u32(reader);
    copy_text(reader, entry->owner, sizeof entry->owner);
    copy_text(reader, entry->group, sizeof entry->group);
    entry->mtime_ns = wire_read_i64(reader);
    copy_text(reader, entry->link, sizeof entry->link);
    entry->metadata[0] = '\0';
    for (uint32_t left = wire_read_u32(reader), i = 0; i < left; i++) {
        size_t len = strlen(entry->metadata);
        copy_text(reader, entry->metadata + len, sizeof entry->metadata - len - 1);
        len = strlen(entry->metadata);
        memcpy(entry->metadata + len, i % 2 == 0 ? "=" : ";", 2);
    }
}

static int read_result(wire_frame_t *frame, box_entry_t *entry) {
    wire_reader_t reader = wire_read(frame);
    int error = 0;
    if (frame->type == WIRE_FAILED) {
        error = (int)wire_read_u32(&reader);
        wire_read_string(&reader);
    } else if (frame->type == WIRE_DONE) {
        if (entry != NULL) box_read_entry(&reader, entry);
    } else {
        errno = 0;
        give_up("neither DONE nor FAILED");
    }
    if (!wire_read_all(&reader)) give_up("an answer of another form");
    return error;
}

int box_result(box_t *box, uint32_t stream) {
    return box_result_entry(box, stream, NULL);
}

int box_result_entry(box_t *box, uint32_t stream, box_entry_t *entry) {
    wire_frame_t frame;
    if (!box_try_next(box, &frame) || frame.stream != stream) give_up("an answer");
    return read_result(&frame, entry);
}

int box_call(box_t *box, uint8_t type, const char *path) {
    box_entry_t entry;
    box_ask(box, 1, type, "ss", "user", path);
    return box_result_entry(box, 1, type == WIRE_REMOVE ? NULL : &entry);
}

int box_stat(box_t *box, const char *path, box_entry_t *entry) {
    box_ask(box, 1, WIRE_STAT, "ss", "user", path);
    return box_result_entry(box, 1, entry);
}

int box_write(box_t *box, const char *path, const char *const *metadata, const void *data,
              size_t len, box_entry_t *entry) {
    box_ask(box, 1, WIRE_WRITE, "ssl", "user", path, metadata);
    wire_frame_t frame;
    if (!box_try_next(box, &frame)) give_up("an answer to WRITE");
    if (frame.type != WIRE_STARTED) return read_result(&frame, entry);
    for (size_t at = 0; at < len;) {
        size_t piece = len - at < WIRE_WINDOW / 4 ? len - at : WIRE_WINDOW / 4;
        far_data(&box->far, WIRE_BYTES, 1, (const char *)data + at, piece);
        at += piece;
        /* Each piece is as much as is credited at a time. */
        if (piece == WIRE_WINDOW / 4 && far_next(&box->far).type != WIRE_CREDIT)
            give_up("no credit");
    }
    far_tell(&box->far, WIRE_END, WIRE_BYTES, 1);
    return box_result_entry(box, 1, entry);
}

int box_read(box_t *box, const char *path, int64_t offset, int64_t length, void *bytes, size_t size,
             size_t *len, box_entry_t *entry) {
    box_ask(box, 5, WIRE_READ, "ssii", "user", path, offset, length);
    wire_frame_t frame = far_next(&box->far);
    *len = 0;
    if (frame.type == WIRE_STARTED) {
        wire_reader_t reader = wire_read(&frame);
        box_read_entry(&reader, entry);
        if (!wire_read_all(&reader)) give_up("a STARTED of another form");
        for (frame = far_next(&box->far); frame.type == WIRE_DATA; frame = far_next(&box->far)) {
            size_t room = *len < size ? size - *len : 0;
            if (frame.len > WIRE_MAX_DATA) give_up("so much data");
            if (room > 0)
                memcpy((char *)bytes + *len, frame.payload, frame.len < room ? frame.len : room);
            *len += frame.len;
            far_credit(&box->far, 5, (uint32_t)frame.len);
        }
    }
    return read_result(&frame, NULL);
}

void box_next_event(box_t *box, uint32_t stream, box_event_t *event) {
    wire_frame_t frame = far_expect(&box->far, WIRE_EVENT, stream);
    wire_reader_t reader = wire_read(&frame);
    copy_text(&reader, event->name, sizeof event->name);
    event->type = wire_read_u32(&reader);
    event->has_entry = wire_read_u32(&reader) != 0;
    if (event->has_entry) box_read_entry(&reader, &event->entry);
    if (!wire_read_all(&reader)) give_up("an event of another form");
}
