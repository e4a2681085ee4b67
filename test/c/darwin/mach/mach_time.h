/*
 * The part of macOS's mach/mach_time.h that csrc/init uses: see ../model.h. Declares, defines
 * nothing.
 */
#ifndef E2B_TEST_DARWIN_MACH_TIME_H
#define E2B_TEST_DARWIN_MACH_TIME_H

#include <stdint.h>

#define KERN_SUCCESS 0

typedef struct mach_timebase_info {
    uint32_t numer, denom;
} mach_timebase_info_data_t;

int mach_timebase_info(mach_timebase_info_data_t *info);

#endif
