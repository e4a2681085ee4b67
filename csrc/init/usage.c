/*
 * usage.c: the numbers of WIRE_USAGE. The groups know them; without groups they are added up of the
 * processes, which counts what several share several times. Must not wait for anything.
 */
#include "usage.h"

#include "descent.h"
#include "isolate.h"
#include "quota.h"
#include "requests.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

typedef struct sum {
    descent_t descent; /* first: add_one() has the sum by it */
    usage_t usage;
    int64_t ticks;
} sum_t;

static void add_one(descent_t *descent, const descendant_t *one) {
    sum_t *sum = (sum_t *)descent;
    sum->usage.processes++;
    sum->usage.memory += one->memory;
    sum->ticks += one->cpu_ticks;
    if (one->memory > sum->usage.largest_memory) {
        sum->usage.largest_memory = one->memory;
        sum->usage.largest = *one;
    }
}

/* What has ended and was waited for, by pid 1 or by those that it waited for. */
static int64_t ended_us(void) {
    struct rusage children;
    if (getrusage(RUSAGE_CHILDREN, &children) < 0) return 0;
    return (int64_t)(children.ru_utime.tv_sec + children.ru_stime.tv_sec) * 1000000 +
           children.ru_utime.tv_usec + children.ru_stime.tv_usec;
}

int usage_of_processes(usage_t *usage) {
    sum_t sum = {.descent = {.ancestor = getpid(), .each = add_one}};
    int code = descent_walk(&sum.descent);
    sum.usage.cpu_us = ended_us() + sum.ticks * 1000000 / sysconf(_SC_CLK_TCK);
    *usage = sum.usage;
    return code;
}

void usage_request(sandbox_t *sandbox, const wire_frame_t *frame) {
    wire_reader_t reader = wire_read(frame);
    usage_t usage;
    int code = wire_read_all(&reader) ? usage_of_processes(&usage) : -EBADMSG;
    if (code < 0) {
        answer_failed(sandbox, frame->stream, -code, "read /proc");
        return;
    }
    const cgroup_t *group = &sandbox->walls->cgroup;
    int64_t cache, cpu_us = cgroup_cpu_us(group), memory = cgroup_memory(group, &cache);
    wire_writer_t *writer = answer_begin(sandbox, frame->stream, WIRE_DONE);
    wire_put_i64(writer, cpu_us >= 0 ? cpu_us : usage.cpu_us);
    wire_put_i64(writer, memory >= 0 ? memory : usage.memory);
    wire_put_i64(writer, cache);
    wire_put_i64(writer, quota_disk_used(sandbox));
    wire_put_u32(writer, usage.processes);
    answer_end(sandbox);
}

/* Overlayfs hands everything straight on to the sandbox's directories: who copies them reads the
 * same pages. So there is nothing to wait for; that all earlier requests have been done is all. */
void sync_request(sandbox_t *sandbox, const wire_frame_t *frame) {
    wire_reader_t reader = wire_read(frame);
    if (wire_read_all(&reader))
        answer_done(sandbox, frame->stream);
    else
        answer_failed(sandbox, frame->stream, EBADMSG, "sync");
}
