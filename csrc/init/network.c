/* network.c: see network.h. Gives no program a way out: that a sandbox has none is what the rest
 * relies on. */
#ifdef __linux__

#include "network.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* A new one has a loopback that is down. */
static int open_loopback(void) {
    struct ifreq request = {.ifr_flags = IFF_UP | IFF_RUNNING};
    memcpy(request.ifr_name, "lo", sizeof "lo");
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    int code = ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
    close(fd);
    return code;
}

int network_leave(int *home) {
    if (*home < 0) *home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (*home < 0 || unshare(CLONE_NEWNET) < 0) return -errno;
    return open_loopback();
}

int network_return(int home) {
    return setns(home, CLONE_NEWNET) < 0 ? -errno : 0;
}

#endif
