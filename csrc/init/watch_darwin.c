/*
 * watch_darwin.c: WATCH on macOS: refused. kqueue says that a directory has changed, not what in
 * it, and needs every file open to say more. Empty elsewhere. Thread of pid 1.
 */
#ifdef __APPLE__

#include "requests.h"

#include <errno.h>

void watch_request(sandbox_t *sandbox, const wire_frame_t *frame) {
    answer_failed(sandbox, frame->stream, ENOSYS, "watch on macOS");
}

#endif
