/*
 * pour.c: what is too large for a socket to take at once: the 100 MB of output of a process, in
 * frames of 32 KB as the daemon sends them, and a file of 64 MB. Written as the client takes it.
 */
#include "stub.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define MB (1024 * 1024)
#define FRAME 32768
#define OUTPUT_FRAMES (100 * MB / FRAME)
#define FILE_BLOCK (256 * 1024)
#define FILE_BLOCKS (64 * MB / FILE_BLOCK)

static char frame_chunk[FRAME / 3 * 4 + 256], file_block[FILE_BLOCK];
static size_t frame_chunk_len;

void make_blocks(void) {
    char json[sizeof frame_chunk];
    size_t len = (size_t)sprintf(json, "{\"event\":{\"data\":{\"stdout\":\"");
    for (int i = 0; i < FRAME / 3; i++, len += 4) memcpy(json + len, "b3V0", 4);
    len += (size_t)sprintf(json + len, "Cgo=\"}}}"); /* 32,768 is 3 * 10,922 + 2 */
    size_t at = (size_t)sprintf(frame_chunk, "%zx\r\n", len + 5);
    const unsigned char head[] = {0, 0, (unsigned char)(len >> 16), (unsigned char)(len >> 8),
                                  (unsigned char)len};
    memcpy(frame_chunk + at, head, sizeof head);
    at += sizeof head;
    memcpy(frame_chunk + at, json, len);
    memcpy(frame_chunk + at + len, "\r\n", 2);
    frame_chunk_len = at + len + 2;
    memset(file_block, 'x', sizeof file_block);
}

void on_room(connection_t *c) {
    pour_t *pour = &c->pour;
    for (;;) {
        const char *from = pour->blocks > 0 ? pour->block : pour->tail;
        size_t len = pour->blocks > 0 ? pour->block_len : pour->tail_len;
        if (pour->blocks == 0 && pour->at == len) break;
        ssize_t sent = send(c->fd, from + pour->at, len - pour->at, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            if (!pour->blocked) watch_room(c, true);
            pour->blocked = true;
            return;
        }
        if (sent < 0) break; /* it is gone: the next read says so */
        pour->at += (size_t)sent;
        if (pour->blocks > 0 && pour->at == len) {
            pour->blocks--;
            pour->at = 0;
        }
    }
    if (pour->blocked) watch_room(c, false);
}

void pour_output(connection_t *c, const char *tail, size_t tail_len) {
    c->pour = (pour_t){.block = frame_chunk,
                       .block_len = frame_chunk_len,
                       .blocks = OUTPUT_FRAMES,
                       .tail = tail,
                       .tail_len = tail_len};
    on_room(c);
}

void pour_file(connection_t *c) {
    char head[128];
    int len = snprintf(head, sizeof head,
                       "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
                       "Content-Length: %d\r\n\r\n",
                       FILE_BLOCK * FILE_BLOCKS);
    send_all(c, head, (size_t)len);
    c->pour = (pour_t){.block = file_block,
                       .block_len = sizeof file_block,
                       .blocks = FILE_BLOCKS,
                       .tail = "",
                       .tail_len = 0};
    on_room(c);
}
