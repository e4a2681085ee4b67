/*
 * The part of macOS's sys/proc.h that csrc/init uses: states of processes. Declares, defines
 * nothing.
 */
#ifndef E2B_TEST_DARWIN_PROC_H
#define E2B_TEST_DARWIN_PROC_H

#define SRUN 2
#define SSTOP 4
#define SZOMB 5

#endif
