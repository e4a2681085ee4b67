/*
 * network.h: what a network namespace of a sandbox's own needs to be of use. Thread of pid 1.
 */
#ifndef E2B_INIT_NETWORK_H
#define E2B_INIT_NETWORK_H

/* A new one has a loopback that is down. 0 or -errno. */
int network_open_loopback(void);

#endif
