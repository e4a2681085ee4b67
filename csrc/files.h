/*
 * files.h: what process.c needs of files.c: an upload as one step of another operation. Pool
 * thread.
 */
#ifndef E2B_FILES_H
#define E2B_FILES_H

#include "operation.h"

/* Completes op's prepared exchange into the upload of one file; the bytes are kept until done. */
int e2b_files_upload(e2b_op_t *op, const char *path, const char *user, e2b_bytes_t bytes);

#endif
