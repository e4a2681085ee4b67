/*
 * pty.c: opens a terminal by its master alone: no name of it is looked up, so that none can be put
 * in its place. Thread of pid 1.
 */
#include "pty.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODE_OF_TERMINAL 0620

void pty_resize(int master, uint32_t cols, uint32_t rows) {
    struct winsize size = {.ws_col = (unsigned short)(cols < UINT16_MAX ? cols : UINT16_MAX),
                           .ws_row = (unsigned short)(rows < UINT16_MAX ? rows : UINT16_MAX)};
    ioctl(master, TIOCSWINSZ, &size);
}

/* The programs' side, unlocked and given to the user. The descriptor or -errno. */
static int open_terminal(sandbox_t *sandbox, const user_t *user, int master) {
#ifdef __linux__
    int locked = 0;
    if (ioctl(master, TIOCSPTLCK, &locked) < 0) return -errno;
    int terminal = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
#else
    if (grantpt(master) < 0 || unlockpt(master) < 0) return -errno;
    int terminal = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
#endif
    if (terminal < 0) return -errno;
    int code = users_give(sandbox, user, terminal);
    if (code == 0) fchmod(terminal, MODE_OF_TERMINAL); /* else as its file system has it */
    return terminal;
}

int pty_open(sandbox_t *sandbox, const user_t *user, uint32_t cols, uint32_t rows, int *master,
             int *terminal) {
    *master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (*master < 0) return -errno;
    *terminal = open_terminal(sandbox, user, *master);
    if (*terminal < 0) {
        close(*master);
        return *terminal;
    }
    pty_resize(*master, cols, rows);
    return 0;
}
