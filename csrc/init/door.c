/*
 * door.c: accepts, checks whose process is there, and reads exactly one frame, so that the rest of
 * the channel is the sandbox's to read. Must not wait for a visitor, nor for long on one.
 */
#include "door.h"

#include "system.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 512
#define MOST_MS 5000            /* for a boot to come */
#define MOST_BYTES (256 * 1024) /* of a boot: some lists of paths */

struct visitor {
    source_t source; /* first: on_readable() has the visitor by it */
    loop_alarm_t alarm;
    visitor_t *next;
    door_t *door;
    wire_decoder_t decoder;
    size_t have;
};

static void leave(visitor_t *visitor) {
    door_t *door = visitor->door;
    visitor_t **at = &door->waiting;
    while (*at != visitor) at = &(*at)->next;
    *at = visitor->next;
    door->count--;
    source_close(&visitor->source);
    alarm_stop(&visitor->alarm);
    wire_decoder_destroy(&visitor->decoder);
    free(visitor);
}

/* What the frame is known to lack; 0: it is whole. Of the length only the head knows. */
static size_t missing(const visitor_t *visitor) {
    uint32_t len;
    if (visitor->have < WIRE_HEAD) return WIRE_HEAD - visitor->have;
    memcpy(&len, visitor->decoder.data, sizeof len);
    return len > MOST_BYTES ? 0 : WIRE_HEAD + len - visitor->have;
}

/* 1: it is whole, 0: not yet, or -errno. */
static int read_some(visitor_t *visitor) {
    for (size_t want; (want = missing(visitor)) > 0;) {
        size_t room;
        uint8_t *at = wire_decoder_room(&visitor->decoder, want, &room);
        if (at == NULL) return -ENOMEM;
        ssize_t got = recv(visitor->source.fd, at, want, MSG_DONTWAIT);
        if (got == 0) return -ECONNRESET;
        if (got < 0) return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        wire_decoder_wrote(&visitor->decoder, (size_t)got);
        visitor->have += (size_t)got;
    }
    return 1;
}

static void answer_failed(int channel, int error, const char *what) {
    wire_writer_t writer;
    wire_writer_init(&writer, 1024);
    wire_begin(&writer, WIRE_FAILED, 0, 0);
    wire_put_u32(&writer, (uint32_t)error);
    wire_put_text(&writer, what);
    if (wire_end(&writer)) send(channel, writer.data, writer.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    wire_writer_destroy(&writer);
}

static void hand_on(visitor_t *visitor) {
    door_t *door = visitor->door;
    wire_frame_t frame;
    boot_t boot = {0};
    int code = wire_decoder_next(&visitor->decoder, &frame);
    if (code == 1) code = frame.type == WIRE_BOOT ? boot_read(&boot, &frame) : -EBADMSG;
    if (code == 0) {
        door->opened(door, &boot, source_release(&visitor->source));
        boot_destroy(&boot);
    } else {
        answer_failed(visitor->source.fd, code < 0 ? -code : EBADMSG, "read the boot frame");
    }
    leave(visitor);
}

static void on_readable(source_t *source, uint32_t events) {
    visitor_t *visitor = (visitor_t *)source;
    (void)events;
    int code = read_some(visitor);
    if (code == 1)
        hand_on(visitor);
    else if (code < 0)
        leave(visitor);
}

static void on_late(loop_alarm_t *alarm) {
    visitor_t *visitor = (visitor_t *)((char *)alarm - offsetof(visitor_t, alarm));
    answer_failed(visitor->source.fd, ETIMEDOUT, "read the boot frame");
    leave(visitor);
}

/* The directory is ours alone, and so is the socket; this holds where its mode does not. */
static bool is_ours(int fd) {
#ifdef __linux__
    struct ucred peer;
    socklen_t len = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.uid == getuid();
#else
    uid_t uid;
    gid_t gid;
    return getpeereid(fd, &uid, &gid) == 0 && uid == getuid();
#endif
}

static int admit(door_t *door, int fd) {
    if (!is_ours(fd)) return -EACCES;
    if (door->count == DOOR_MAX_WAITING) return -EAGAIN;
    visitor_t *visitor = calloc(1, sizeof *visitor);
    if (visitor == NULL) return -ENOMEM;
    int code = source_open(&visitor->source, door->loop, fd, EPOLLIN, on_readable);
    if (code < 0) {
        free(visitor);
        return code;
    }
    wire_decoder_init(&visitor->decoder);
    visitor->door = door;
    visitor->next = door->waiting;
    door->waiting = visitor;
    door->count++;
    alarm_set(&visitor->alarm, door->loop, MOST_MS, on_late);
    return 0;
}

static void on_visitors(source_t *source, uint32_t events) {
    door_t *door = (door_t *)((char *)source - offsetof(door_t, source));
    (void)events;
    int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0 && admit(door, fd) < 0) close(fd);
}

int door_open(door_t *door, loop_t *loop, const char *name, door_opened_t opened) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    *door = (door_t){.loop = loop, .opened = opened};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    int code = bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ? -errno : 0;
    if (code == 0 && listen(fd, BACKLOG) < 0) code = -errno;
    if (code == 0) code = source_open(&door->source, loop, fd, EPOLLIN, on_visitors);
    if (code < 0) close(fd);
    return code;
}

void door_close(door_t *door) {
    source_close(&door->source);
    while (door->waiting != NULL) leave(door->waiting);
}
