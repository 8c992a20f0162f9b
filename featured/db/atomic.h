/* SPDX-License-Identifier: ISC */
/*
 * Small files that are replaced as a whole and survive a loss of power: credentials, token hashes.
 * Used at start and by rare API calls.
 */
#ifndef WARDEN_DB_ATOMIC_H
#define WARDEN_DB_ATOMIC_H

#include <stddef.h>

/* All of it, however many writes that takes. Returns 0 or -errno. */
int file_write_all(int fd, const void *p, size_t len);

/* What was made, renamed or removed in dir is so after a loss of power, too. Returns 0 or -errno. */
int file_sync_dir(const char *dir);

/*
 * Writes dir/name by way of dir/name.new: mode 0600, synced, renamed, directory synced. Returns 0
 * or -errno (the old file is as it was).
 */
int atomic_write(const char *dir, const char *name, const void *p, size_t len);

/*
 * Reads dir/name whole, at most max bytes, NUL-terminated; *out is the caller's (free()). Returns
 * the length, or -errno (-EFBIG: more than max).
 */
long atomic_read(const char *dir, const char *name, size_t max, char **out);

#endif
