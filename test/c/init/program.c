/*
 * program.c: see program.h. Knows nothing of how the sandbox came to be. Test thread.
 */
#include "program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn static void give_up(const char *what) {
    fprintf(stderr, "  program: %s\n", what);
    abort();
}

static void put_list(wire_writer_t *writer, const char *const *list) {
    uint32_t count = 0;
    while (list[count] != NULL) count++;
    wire_put_u32(writer, count);
    for (uint32_t i = 0; i < count; i++) wire_put_text(writer, list[i]);
}

void program_spawn(far_t *far, uint32_t stream, const order_t *order) {
    static const char *const env[] = {PROGRAM_PATH, NULL};
    wire_writer_t *writer = &far->writer;
    far_begin(far, WIRE_SPAWN, 0, stream);
    put_list(writer, order->args);
    put_list(writer, order->env != NULL ? order->env : env);
    wire_put_text(writer, order->cwd != NULL ? order->cwd : "/home/user");
    wire_put_text(writer, order->user != NULL ? order->user : "");
    wire_put_u32(writer, order->flags);
    wire_put_u32(writer, order->cols);
    wire_put_u32(writer, order->rows);
    far_send(far);
}

void program_shell(far_t *far, uint32_t stream, uint32_t flags, const char *line) {
    const char *const args[] = {"/bin/sh", "-c", line, NULL};
    program_spawn(far, stream, &(order_t){.args = args, .flags = flags, .cols = 80, .rows = 24});
}

pid_t program_started(far_t *far, uint32_t stream) {
    wire_frame_t frame = far_expect(far, WIRE_STARTED, stream);
    wire_reader_t reader = wire_read(&frame);
    uint32_t pid = wire_read_u32(&reader);
    if (!wire_read_all(&reader) || pid == 0) give_up("STARTED");
    return (pid_t)pid;
}

void program_signal(far_t *far, uint32_t stream, int number) {
    far_begin(far, WIRE_SIGNAL, 0, stream);
    wire_put_u32(&far->writer, (uint32_t)number);
    far_send(far);
}

static void keep(far_t *far, told_t *told, const wire_frame_t *frame) {
    size_t *len = &told->len[frame->channel];
    char *text = told->text[frame->channel];
    if (*len < sizeof told->text[0] - 1) {
        size_t room = sizeof told->text[0] - 1 - *len;
        memcpy(text + *len, frame->payload, frame->len < room ? frame->len : room);
    }
    *len += frame->len;
    far_credit(far, frame->stream, (uint32_t)frame->len);
}

/* False when it was the last. */
static bool take(far_t *far, told_t *told, const wire_frame_t *frame) {
    wire_reader_t reader = wire_read(frame);
    if (frame->type == WIRE_DATA) {
        if (told->ended[frame->channel]) give_up("data after its end");
        keep(far, told, frame);
    } else if (frame->type == WIRE_END) {
        told->ended[frame->channel] = true;
    } else if (frame->type == WIRE_EXITED) {
        told->exited = true;
        told->status = wire_read_u32(&reader);
        told->signal = wire_read_u32(&reader);
    } else if (frame->type == WIRE_FAILED) {
        told->error = (int)wire_read_u32(&reader);
    }
    return frame->type != WIRE_DONE && frame->type != WIRE_FAILED;
}

void program_listen_for(far_t *far, uint32_t stream, told_t *told, uint8_t channel,
                        const char *text) {
    for (bool more = true; more && (text == NULL || strstr(told->text[channel], text) == NULL);) {
        wire_frame_t frame = far_next(far);
        if (frame.stream == stream) more = take(far, told, &frame);
    }
}

void program_listen(far_t *far, uint32_t stream, told_t *told) {
    program_listen_for(far, stream, told, 0, NULL);
}

void program_run(far_t *far, const char *line, told_t *told) {
    memset(told, 0, sizeof *told);
    program_shell(far, 9999, 0, line);
    program_listen(far, 9999, told);
}
