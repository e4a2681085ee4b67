/*
 * listener_table.c: which sockets listen at a port, told by the kernel over netlink; where it does
 * not speak of sockets there, by /proc/net, for which it walks through all connections there are.
 * Thread of pid 1.
 */
#ifdef __linux__

#include "listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define LISTENING 0x0a
#define ANSWER_BYTES (32u * 1024)
#define ANSWER_MS 1000 /* of the kernel, which answers at once */

/* An address of a listener, as it lies in a sockaddr; and what the kernel prefers for a connection
 * to a loopback address: the highest rank of all. */
typedef struct candidate {
    bool is_ipv6;
    uint32_t address[4]; /* in the order of the network */
    uint64_t inode;
} candidate_t;

typedef struct search {
    listeners_t *listeners;
    bool to_ipv6;
    uint16_t port;
    int best; /* rank */
} search_t;

static bool is_address(const candidate_t *candidate, const struct in6_addr *address) {
    return memcmp(candidate->address, address, sizeof *address) == 0;
}

/* 0: a connection does not come to it. */
static int rank_of(const candidate_t *candidate, bool to_ipv6) {
    static const struct in6_addr mapped = {
        .s6_addr = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}};
    if (to_ipv6 && !candidate->is_ipv6) return 0;
    if (to_ipv6)
        return is_address(candidate, &in6addr_loopback) ? 2 : is_address(candidate, &in6addr_any);
    if (candidate->is_ipv6)
        return is_address(candidate, &mapped) ? 3 : is_address(candidate, &in6addr_any);
    if (candidate->address[0] == htonl(INADDR_LOOPBACK)) return 4;
    return candidate->address[0] == htonl(INADDR_ANY) ? 2 : 0;
}

/* 0, or -ECONNREFUSED: more than could be checked. */
static int add(search_t *search, const candidate_t *candidate) {
    listeners_t *listeners = search->listeners;
    int rank = rank_of(candidate, search->to_ipv6);
    if (rank == 0 || rank < search->best) return 0;
    if (rank > search->best) listeners->count = 0;
    search->best = rank;
    if (listeners->count == LISTENER_MOST) return -ECONNREFUSED;
    listeners->inodes[listeners->count++] = candidate->inode;
    return 0;
}

/* ---- netlink ---- */

static int ask(int fd, int family, uint16_t port) {
    struct {
        struct nlmsghdr head;
        struct inet_diag_req_v2 request;
    } message = {
        .head = {.nlmsg_len = sizeof message,
                 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .request = {.sdiag_family = (uint8_t)family,
                    .sdiag_protocol = IPPROTO_TCP,
                    .idiag_states = 1u << LISTENING,
                    .id.idiag_sport = htons(port)},
    };
    return send(fd, &message, sizeof message, 0) < 0 ? -errno : 0;
}

/* One message of an answer. 1: it was the last; 0; or -errno. */
static int take(search_t *search, const struct nlmsghdr *head) {
    if (head->nlmsg_type == NLMSG_DONE) return 1;
    if (head->nlmsg_type == NLMSG_ERROR) {
        const struct nlmsgerr *error = NLMSG_DATA(head);
        return head->nlmsg_len >= NLMSG_LENGTH(sizeof *error) && error->error < 0 ? error->error
                                                                                  : -EPROTO;
    }
    const struct inet_diag_msg *socket = NLMSG_DATA(head);
    if (head->nlmsg_len < NLMSG_LENGTH(sizeof *socket)) return -EPROTO;
    candidate_t candidate = {socket->idiag_family == AF_INET6, {0}, socket->idiag_inode};
    memcpy(candidate.address, socket->id.idiag_src, sizeof candidate.address);
    bool is_it = socket->id.idiag_sport == htons(search->port);
    return is_it ? add(search, &candidate) : 0;
}

static int read_answer(search_t *search, int fd) {
    _Alignas(struct nlmsghdr) char bytes[ANSWER_BYTES];
    for (;;) {
        ssize_t len = recv(fd, bytes, sizeof bytes, 0);
        if (len < 0) return -errno;
        if (len == 0) return -EPROTO;
        size_t left = (size_t)len;
        for (const struct nlmsghdr *head = (struct nlmsghdr *)bytes; NLMSG_OK(head, left);
             head = NLMSG_NEXT(head, left)) {
            int code = take(search, head);
            if (code != 0) return code < 0 ? code : 0;
        }
    }
}

static int find_by_netlink(search_t *search) {
    const struct timeval patience = {.tv_usec = ANSWER_MS * 1000 - 1};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (fd < 0) return -errno;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    int code = 0;
    for (int family = search->to_ipv6 ? AF_INET6 : AF_INET; code == 0;) {
        code = ask(fd, family, search->port);
        if (code == 0) code = read_answer(search, fd);
        if (family == AF_INET6) break;
        family = AF_INET6;
    }
    close(fd);
    return code;
}

/* ---- /proc/net ---- */

/* Words of memory, in hexadecimal. */
static void read_address(const char *text, candidate_t *candidate) {
    memset(candidate->address, 0, sizeof candidate->address);
    candidate->is_ipv6 = strlen(text) > 8;
    for (int i = 0; i < 4 && strlen(text) >= 8; i++, text += 8)
        sscanf(text, "%8x", &candidate->address[i]);
}

static int read_table(search_t *search, const char *path) {
    char line[512];
    int code = 0;
    FILE *table = fopen(path, "re");
    if (table == NULL) return errno == ENOENT ? 0 : -errno;
    if (fgets(line, sizeof line, table) == NULL) line[0] = '\0'; /* the heads of its columns */
    while (code == 0 && fgets(line, sizeof line, table) != NULL) {
        char address[33];
        unsigned port, state;
        unsigned long long inode;
        if (sscanf(line, " %*u: %32[0-9A-F]:%4x %*[0-9A-F]:%*x %x %*s %*s %*s %*u %*u %llu",
                   address, &port, &state, &inode) != 4)
            continue;
        if (state != LISTENING) break; /* the kernel prints those that listen first */
        if (port != search->port) continue;
        candidate_t candidate = {.inode = inode};
        read_address(address, &candidate);
        code = add(search, &candidate);
    }
    fclose(table);
    return code;
}

int listeners_find_by_proc(listeners_t *listeners, bool is_ipv6, uint16_t port) {
    search_t search = {.listeners = listeners, .to_ipv6 = is_ipv6, .port = port};
    listeners->count = 0;
    int code = is_ipv6 ? 0 : read_table(&search, "/proc/self/net/tcp");
    if (code == 0) code = read_table(&search, "/proc/self/net/tcp6");
    return code == 0 && listeners->count == 0 ? -ECONNREFUSED : code;
}

/* ---- both ---- */

int listeners_find(listeners_t *listeners, bool is_ipv6, uint16_t port) {
    search_t search = {.listeners = listeners, .to_ipv6 = is_ipv6, .port = port};
    listeners->count = 0;
    int code = find_by_netlink(&search);
    /* A kernel without INET_DIAG, or a filter of system calls that knows no netlink. */
    if (code < 0 && code != -ECONNREFUSED) return listeners_find_by_proc(listeners, is_ipv6, port);
    return code == 0 && listeners->count == 0 ? -ECONNREFUSED : code;
}

bool listeners_equal(const listeners_t *left, const listeners_t *right) {
    return left->count == right->count &&
           memcmp(left->inodes, right->inodes, left->count * sizeof *left->inodes) == 0;
}

#endif
