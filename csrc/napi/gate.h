/*
 * gate.h: a descriptor that is readable while the client's is, and the gate is open. libuv watches
 * it from the first call to the last: to let it watch and unwatch the client's descriptor itself
 * would make the kernel walk all sockets in there at every turn. Loop thread.
 */
#ifndef E2B_NAPI_GATE_H
#define E2B_NAPI_GATE_H

#include <stdbool.h>

typedef struct e2b_gate {
    int fd;
    int behind; /* the client's */
    bool open;
} e2b_gate_t;

bool e2b_gate_init(e2b_gate_t *gate, int behind); /* closed at first. False: no descriptor left */
void e2b_gate_destroy(e2b_gate_t *gate);          /* also after a failed init */
void e2b_gate_set(e2b_gate_t *gate, bool open);

#endif
