/* SPDX-License-Identifier: ISC */
/* See atomic.h. Called by credentials.c, tokens.c and, for its first two, spool_files.c. */
#include "featured/db/atomic.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/str.h"

int
file_write_all(int fd, const void *p, size_t len)
{
	const char *at = p;

	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int
file_sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return -errno;
	if (fsync(fd) < 0)
		r = -errno;
	close(fd);
	return r;
}

int
atomic_write(const char *dir, const char *name, const void *p, size_t len)
{
	char path[PATH_MAX], fresh[PATH_MAX];
	int fd, r;

	if (!str_format(path, sizeof(path), "%s/%s", dir, name) ||
	    !str_format(fresh, sizeof(fresh), "%s/%s.new", dir, name))
		return -ENAMETOOLONG;
	if ((fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0)
		return -errno;
	r = file_write_all(fd, p, len);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	close(fd);
	if (r == 0 && rename(fresh, path) < 0)
		r = -errno;
	if (r < 0) {
		unlink(fresh);
		return r;
	}
	return file_sync_dir(dir);
}

long
atomic_read(const char *dir, const char *name, size_t max, char **out)
{
	char path[PATH_MAX], *text = NULL;
	size_t len = 0;
	struct stat st;
	long r = 0;
	int fd;

	if (!str_format(path, sizeof(path), "%s/%s", dir, name))
		return -ENAMETOOLONG;
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (st.st_size > (off_t)max)
		r = -EFBIG;
	else if ((text = mem_new((size_t)st.st_size + 1)) == NULL)
		r = -ENOMEM;
	while (r == 0 && len < (size_t)st.st_size) {
		ssize_t n = read(fd, text + len, (size_t)st.st_size - len);

		if (n < 0 && errno != EINTR)
			r = -errno;
		if (n == 0)
			break;
		len += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	if (r < 0) {
		free(text);
		return r;
	}
	*out = text;
	return (long)len;
}
