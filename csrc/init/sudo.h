/*
 * sudo.h: the command `sudo` of a sandbox whose files have none.
 */
#ifndef E2B_INIT_SUDO_H
#define E2B_INIT_SUDO_H

/* The exit status, when no program was executed. */
int sudo_main(int argc, char **argv);

#endif
