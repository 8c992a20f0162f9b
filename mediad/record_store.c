/* SPDX-License-Identifier: ISC */
/*
 * The files of recordings for others, see record.h: opened for whoever may read them (the
 * descriptor travels), removed when their time is over, and how much room is left. Main thread.
 */
#include <sys/stat.h>
#include <sys/vfs.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/str.h"
#include "mediad/mediad.h"
#include "mediad/record_file.h"

#define PATH_LEN 768

static bool
full_path(const struct mediad *m, uint8_t kind, const char *path, char *out)
{
	char root[512];

	return record_path_ok(path) && record_root(m, kind, root, sizeof(root)) &&
	    str_format(out, PATH_LEN, "%s/%s.wav", root, path);
}

/* A file that nobody writes any more may hold more than its header says, if the machine died. */
static void
mend(const struct mediad *m, uint8_t kind, const char *path, int fd, uint64_t bytes)
{
	struct record_file f;
	char full[PATH_LEN];

	if (!record_file_behind(&f, fd, bytes) || record_goes_on(m, kind, path) || !full_path(m, kind, path, full) ||
	    (f.fd = open(full, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)) == -1)
		return;
	if (record_file_header(&f) == 0)
		log_info("header of a file that was cut short is mended", kv_s("path", path));
	close(f.fd);
}

int
record_file_get(const struct mediad *m, uint8_t kind, const char *path, uint64_t *bytes)
{
	char full[PATH_LEN];
	struct stat st;
	int fd, r;

	if (!full_path(m, kind, path, full))
		return -EINVAL;
	if ((fd = open(full, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)) == -1)
		return -errno;
	r = fstat(fd, &st) == -1 ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;
	if (r < 0) {
		close(fd);
		return r;
	}
	*bytes = (uint64_t)st.st_size;
	mend(m, kind, path, fd, *bytes);
	return fd;
}

int
record_file_remove(const struct mediad *m, uint8_t kind, const char *path)
{
	char full[PATH_LEN];

	if (!full_path(m, kind, path, full))
		return -EINVAL;
	return unlink(full) == 0 || errno == ENOENT ? 0 : -errno;
}

uint64_t
record_disk_free(struct mediad *m)
{
	uint64_t room = UINT64_MAX, warn = (uint64_t)m->settings.recording.warn_free_mb << 20;
	struct statfs fs;
	char root[512];
	int fd;

	if (!record_root(m, MEDIA_RECORD_CALL, root, sizeof(root)) ||
	    (fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return room;
	if (fstatfs(fd, &fs) == 0)
		room = (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize;
	close(fd);
	if (room < warn && !m->disk_low)
		log_warning("the disk of recordings is nearly full", kv_s("directory", root),
		    kv_u("free_mb", room >> 20), kv_u("min_free_mb",
		        (uint64_t)m->settings.recording.min_free_mb));
	else if (room >= warn && m->disk_low)
		log_info("the disk of recordings has room again", kv_u("free_mb", room >> 20));
	m->disk_low = room < warn;
	return room;
}
