/*
 * process_kill.c: the end of a process and of everything that it has started. The protocol has a
 * signal for one process only, so a second process walks the tree from inside the sandbox. Pool
 * thread. It must only ever be used on a process that this client started itself.
 */
#include <stdio.h>

#include "process.h"

#define KILLER_S 10 /* a killer's own limit */

/* Stops and then kills a process and all that descends from it: a walk over /proc from parent to
 * child, repeated until it finds nobody new. Stopped first, so that nobody can fork away from under
 * the walk. Never a process group: it may be the daemon's. */
static const char kill_tree[] =
    "all=$1\n"
    "kill -STOP \"$1\" 2>/dev/null\n"
    "more=1\n"
    "while [ -n \"$more\" ]; do\n"
    "  more=\n"
    "  for f in /proc/[0-9]*/stat; do\n"
    "    { read -r line < \"$f\"; } 2>/dev/null || continue\n"
    "    pid=${line%% *}\n"
    "    rest=${line##*) }\n"
    "    set -- $rest\n"
    "    case \" $all \" in *\" $pid \"*) continue ;; *\" $2 \"*) ;; *) continue ;; esac\n"
    "    kill -STOP \"$pid\" 2>/dev/null\n"
    "    all=\"$all $pid\"\n"
    "    more=1\n"
    "  done\n"
    "done\n"
    "kill -KILL $all 2>/dev/null\n"
    "exit 0\n";

void e2b_process_kill(process_op_t *self) {
    if (self->killer || self->attach || !self->op.began || self->ended) return;
    char pid[16];
    snprintf(pid, sizeof pid, "%u", (unsigned)self->op.result.pid);
    const char *args[] = {"-c", kill_tree, "sh", pid};
    e2b_call_t call = {.config = self->op.config, .request_timeout_ms = KILLER_S * 1000};
    e2b_exec_args_t exec = {
        .command = "/bin/sh", .args = {args, 4}, .timeout_s = KILLER_S, .user = self->user};
    e2b_op_t *op;
    e2b_err_t err;
    e2b_err_init(&err);
    /* Out of memory here leaves the backstop. */
    if (e2b_op_exec(&call, self->op.sandbox_id, &exec, &op, &err) != E2B_OK) return;
    ((process_op_t *)op)->killer = true;
    e2b_access_retain(self->op.credentials);
    op->credentials = self->op.credentials; /* no lookup: it is urgent */
    op->class = &e2b_killer_class;
    e2b_client_adopt(self->op.client, op);
}
