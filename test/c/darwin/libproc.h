/*
 * The part of macOS's libproc.h and sys/proc_info.h that csrc/init uses. Only the fields that it
 * reads, so their places are not macOS's. Declares, defines nothing.
 */
#ifndef E2B_TEST_DARWIN_LIBPROC_H
#define E2B_TEST_DARWIN_LIBPROC_H

#include <stdint.h>

#define PROC_PIDLISTFDS 1
#define PROC_PIDTASKINFO 4
#define PROC_PIDFDSOCKETINFO 3
#define PROX_FDTYPE_SOCKET 2
#define SOCKINFO_TCP 2
#define TSI_S_LISTEN 1
#define INI_IPV4 0x1
#define INI_IPV6 0x2

struct proc_taskinfo {
    uint64_t pti_resident_size, pti_total_user, pti_total_system;
};

struct proc_fdinfo {
    int32_t proc_fd;
    uint32_t proc_fdtype;
};

struct in_sockinfo {
    int insi_lport;
    uint8_t insi_vflag;
};

struct tcp_sockinfo {
    struct in_sockinfo tcpsi_ini;
    int tcpsi_state;
};

struct socket_info {
    uint64_t soi_so;
    int soi_kind;
    union {
        struct tcp_sockinfo pri_tcp;
    } soi_proto;
};

struct socket_fdinfo {
    struct socket_info psi;
};

int proc_listallpids(void *pids, int size);
int proc_pidinfo(int pid, int flavor, uint64_t argument, void *info, int size);
int proc_pidfdinfo(int pid, int fd, int flavor, void *info, int size);

#endif
