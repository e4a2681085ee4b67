/*
 * escapes.h: a program that tries to get out of the sandbox in which it runs, one way after the
 * other, and says of each what came of it. It is the test's own executable, run again.
 */
#ifndef E2B_INIT_TEST_ESCAPES_H
#define E2B_INIT_TEST_ESCAPES_H

/* In its environment, with any value: it tries, and ends. */
#define ESCAPES_VARIABLE "E2B_TEST_ESCAPES"

/* The last line of what it says; every other begins with "refused " or "ESCAPED ". */
#define ESCAPES_END "all tried"

#endif
