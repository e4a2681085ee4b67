/*
 * identity.h: a process becomes one of the sandbox's users. System calls only, so it may be called
 * between clone() and exec(). Any process.
 */
#ifndef E2B_INIT_IDENTITY_H
#define E2B_INIT_IDENTITY_H

#include <stddef.h>
#include <sys/types.h>

/* Where there are users: needs the rights of root. 0 or an errno. */
int identity_take(uid_t uid, gid_t gid, const gid_t *groups, size_t group_count);

/* Where there is one identity, own_uid and own_gid: it goes by another number in a user namespace
 * of this process's own. Who has it outside may then look into this process. 0 or an errno. */
int identity_rename(uid_t uid, gid_t gid, uid_t own_uid, gid_t own_gid);

/* A file that is there gets a text. 0 or an errno. */
int identity_write(const char *path, const char *text);

#endif
