/* SPDX-License-Identifier: ISC */
/* The web panel's files in memory: see files.h. */
#include "apid/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/str.h"

#define FILES_MAX 64
#define FILE_SIZE_MAX (2 << 20)

struct files {
	struct file	 file[FILES_MAX];
	size_t		 n;
};

static const char *
type_of(const char *name)
{
	static const struct {
		const char *ending, *type;
	} types[] = {
		{ ".html", "text/html; charset=utf-8" },
		{ ".css", "text/css; charset=utf-8" },
		{ ".js", "text/javascript; charset=utf-8" },
		{ ".svg", "image/svg+xml" },
		{ ".png", "image/png" },
		{ ".ico", "image/x-icon" },
		{ ".txt", "text/plain; charset=utf-8" },
		{ ".yaml", "text/plain; charset=utf-8" },
	};
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot != NULL && i < sizeof(types) / sizeof(types[0]); i++)
		if (str_eq(dot, types[i].ending))
			return types[i].type;
	return NULL;
}

static int
read_file(struct file *file, int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), r = 0;
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (!S_ISREG(st.st_mode))
		r = 1;
	else if (st.st_size > FILE_SIZE_MAX)
		r = -EFBIG;
	else if ((file->data = mem_new((size_t)st.st_size + 1)) == NULL)
		r = -ENOMEM;
	while (r == 0 && file->size < (size_t)st.st_size) {
		if ((n = read(fd, file->data + file->size, (size_t)st.st_size - file->size)) < 0)
			r = -errno;
		else if (n == 0)
			break;
		else
			file->size += (size_t)n;
	}
	close(fd);
	if (r != 0)
		mem_free(&file->data);
	return r;
}

int
files_load(struct files **out, const char *directory)
{
	struct files *files;
	struct dirent *entry;
	DIR *dir = opendir(directory);
	int r = 0;

	*out = NULL;
	if (dir == NULL)
		return -errno;
	files = mem_new(sizeof(*files));
	while (files != NULL && r >= 0 && (entry = readdir(dir)) != NULL) {
		struct file file = { .content_type = type_of(entry->d_name) };

		if (file.content_type == NULL || entry->d_name[0] == '.' ||
		    !str_copy(file.name, sizeof(file.name), entry->d_name))
			continue;
		if (files->n == FILES_MAX)
			r = -E2BIG;
		else if ((r = read_file(&file, dirfd(dir), entry->d_name)) == 0)
			files->file[files->n++] = file;
	}
	closedir(dir);
	if (files == NULL)
		return -ENOMEM;
	if (r < 0) {
		files_free(&files);
		return r;
	}
	*out = files;
	return 0;
}

void
files_free(struct files **pp)
{
	struct files *files = *pp;

	*pp = NULL;
	if (files == NULL)
		return;
	for (size_t i = 0; i < files->n; i++)
		mem_free(&files->file[i].data);
	mem_free(&files);
}

const struct file *
files_find(const struct files *files, const struct target *t)
{
	const char *name;

	if (files == NULL || t->nsegments != 1)
		return NULL;
	name = *t->segment[0] != '\0' ? t->segment[0] : "index.html";
	for (size_t i = 0; i < files->n; i++)
		if (str_eq(files->file[i].name, name))
			return &files->file[i];
	return NULL;
}
