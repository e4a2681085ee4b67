/*
 * network.h: a network namespace of a sandbox's own, with nothing but its loopback, and the way
 * back to the network of the host. Thread of pid 1.
 */
#ifndef E2B_INIT_NETWORK_H
#define E2B_INIT_NETWORK_H

/* What is started from now on has a network of its own. Given, when none is there yet: home, a
 * descriptor of the one that was left; no program has it. 0 or -errno. */
int network_leave(int *home);
/* Back to it. -EPERM where that one is not this user's to enter: always for an ordinary user. */
int network_return(int home);

#endif
