/* SPDX-License-Identifier: ISC */
/*
 * Passwords and PINs that nobody chose: made at random, kept in state_dir/credentials ("number
 * password pin" a line, "-" for one that the settings give), told once on the log. Then the digest
 * hashes and the index of extensions: settings_prepare() of settings.h. Called at start and on
 * reload; must not change settings that are in use.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "featured/db/atomic.h"
#include "featured/reg/digest.h"
#include "featured/settings_index.h"

#define FILE_NAME "credentials"
#define FILE_MAX (16u << 20)
#define MADE_PASSWORD_LEN 20	/* 116 bits */
#define MADE_PIN_LEN 6
#define TOLD_MAX 50		/* more new ones than this are in the file only */

/* A line of the file. */
struct entry {
	char	number[EXT_NUMBER_LEN + 1];
	char	password[EXT_PASSWORD_LEN + 1];		/* "-" none */
	char	pin[EXT_PIN_LEN + 1];
};

struct entries {
	struct entry	*v;
	size_t		 n;
	/* the first so many are in order of number; what is added later belongs to other numbers */
	size_t		 sorted;
};

static int
entry_cmp(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->number, ((const struct entry *)b)->number);
}

static struct entry *
entry_find(const struct entries *all, const char *number)
{
	struct entry key;

	str_copy(key.number, sizeof(key.number), number);
	return all->sorted == 0 ? NULL : bsearch(&key, all->v, all->sorted, sizeof(key), entry_cmp);
}

static struct entry *
entry_add(struct entries *all, const char *number)
{
	struct entry *grown, *e;

	if ((all->n & (all->n - 1)) == 0) {
		grown = mem_grow(all->v, all->n == 0 ? 1 : all->n * 2, sizeof(*grown));
		if (grown == NULL)
			return NULL;
		all->v = grown;
	}
	e = &all->v[all->n++];
	memset(e, 0, sizeof(*e));
	str_copy(e->number, sizeof(e->number), number);
	str_copy(e->password, sizeof(e->password), "-");
	str_copy(e->pin, sizeof(e->pin), "-");
	return e;
}

/* One word of the line; false when there is none or it does not fit. */
static bool
word(char **at, char *out, size_t size)
{
	char *w = strsep(at, " ");

	return w != NULL && w[0] != '\0' && str_copy(out, size, w);
}

static int
parse(char *text, struct entries *all, const char *dir, char *err, size_t err_size)
{
	struct entry got, *e;
	char *line;
	int n = 0;

	while ((line = strsep(&text, "\n")) != NULL) {
		n++;
		if (line[0] == '\0')
			continue;
		if (!word(&line, got.number, sizeof(got.number)) ||
		    !word(&line, got.password, sizeof(got.password)) ||
		    !word(&line, got.pin, sizeof(got.pin)) || line != NULL) {
			str_format(err, err_size,
			    "%s/" FILE_NAME ":%d: want \"number password pin\"", dir, n);
			return -EINVAL;
		}
		if ((e = entry_add(all, got.number)) == NULL)
			return -ENOMEM;
		*e = got;
	}
	if (all->n > 0)
		qsort(all->v, all->n, sizeof(*all->v), entry_cmp);
	all->sorted = all->n;
	return 0;
}

static int
load(const char *dir, struct entries *all, char *err, size_t err_size)
{
	char *text = NULL;
	long len = atomic_read(dir, FILE_NAME, FILE_MAX, &text);
	int r;

	if (len == -ENOENT)
		return 0;
	if (len < 0) {
		str_format(err, err_size, "%s/" FILE_NAME ": %s", dir, strerror((int)-len));
		return (int)len;
	}
	r = parse(text, all, dir, err, err_size);
	explicit_bzero(text, (size_t)len);
	free(text);
	return r;
}

static int
save(const char *dir, const struct entries *all, char *err, size_t err_size)
{
	struct buf b = BUF_INIT(FILE_MAX);
	int r;

	for (size_t i = 0; i < all->n; i++)
		buf_fmt(&b, "%s %s %s\n", all->v[i].number, all->v[i].password, all->v[i].pin);
	r = b.failed ? -ENOMEM : atomic_write(dir, FILE_NAME, b.data, b.len);
	if (r < 0)
		str_format(err, err_size, "%s/" FILE_NAME ": cannot be written: %s", dir,
		    strerror(-r));
	if (b.data != NULL)
		explicit_bzero(b.data, b.len);
	buf_free(&b);
	return r;
}

static void
make_pin(char *out)
{
	static const char digits[] = "0123456789";
	uint8_t c;

	for (size_t i = 0; i < MADE_PIN_LEN;) {
		id_random(&c, 1);
		if (c < 250)
			out[i++] = digits[c % 10];
	}
	out[MADE_PIN_LEN] = '\0';
}

/* What is new, to be told. */
struct made {
	const struct extension	*x;
	bool			 password, pin;
};

/*
 * Fills what x lacks from its entry, which is made or completed when need be. Returns 0 or -ENOMEM.
 */
static int
complete(struct entries *all, struct extension *x, struct made *made)
{
	struct entry *e = entry_find(all, x->number);

	*made = (struct made){ .x = x };

	if (x->password[0] != '\0' && x->voicemail_pin[0] != '\0')
		return 0;
	if (e == NULL && (e = entry_add(all, x->number)) == NULL)
		return -ENOMEM;
	if (x->password[0] == '\0') {
		if (str_eq(e->password, "-")) {
			id_text(e->password, MADE_PASSWORD_LEN);
			made->password = true;
		}
		str_copy(x->password, sizeof(x->password), e->password);
	}
	if (x->voicemail_pin[0] == '\0') {
		if (str_eq(e->pin, "-")) {
			make_pin(e->pin);
			made->pin = true;
		}
		str_copy(x->voicemail_pin, sizeof(x->voicemail_pin), e->pin);
	}
	return 0;
}

static void
tell(const struct made *made, size_t n, const char *dir)
{
	for (size_t i = 0; i < n && i < TOLD_MAX; i++) {
		/* What the settings give is nobody's business here. */
		log_info("credentials made for an extension; they are told this once",
		    kv_s("extension", made[i].x->number),
		    kv_s("password",
		        made[i].password ? made[i].x->password : "(as in the settings)"),
		    kv_s("voicemail_pin",
		        made[i].pin ? made[i].x->voicemail_pin : "(as in the settings)"));
	}
	if (n > 0)
		log_info("credentials that were made are kept in the state directory",
		    kv_u("made", n), kv_s("directory", dir));
}

static int
complete_all(struct settings *s, const char *dir, char *err, size_t err_size)
{
	struct extension *x = s->extensions.v;
	struct entries all = { 0 };
	struct made *made;
	size_t n = 0;
	int r;

	if ((made = mem_new((s->extensions.n + 1) * sizeof(*made))) == NULL)
		return -ENOMEM;
	r = load(dir, &all, err, err_size);
	for (size_t i = 0; r == 0 && i < s->extensions.n; i++) {
		r = complete(&all, &x[i], &made[n]);
		n += r == 0 && (made[n].password || made[n].pin);
	}
	if (r == 0)
		r = n > 0 ? save(dir, &all, err, err_size) : 0;
	if (r == 0)
		tell(made, n, dir);
	if (all.v != NULL)
		explicit_bzero(all.v, all.n * sizeof(*all.v));
	free(all.v);
	free(made);
	return r;
}

static void
hash(const struct settings *s, struct extension *x)
{
	const char *parts[] = { x->number, s->server.realm, x->password };
	char hex[DIGEST_HEX_MAX + 1];

	x->ha1_md5[0] = x->ha1_sha256[0] = '\0';
	if (x->password[0] == '\0')
		return;
	digest_hex(DIGEST_MD5, parts, 3, hex);
	str_copy(x->ha1_md5, sizeof(x->ha1_md5), hex);
	digest_hex(DIGEST_SHA256, parts, 3, hex);
	str_copy(x->ha1_sha256, sizeof(x->ha1_sha256), hex);
}

static int
by_number(const void *a, const void *b)
{
	const struct extension *const *x = a, *const *y = b;

	return strcmp((*x)->number, (*y)->number);
}

static int
make_index(struct settings *s)
{
	struct settings_index *index = mem_new(sizeof(*index));

	if (index == NULL)
		return -ENOMEM;
	index->by_number = mem_new((s->extensions.n + 1) * sizeof(*index->by_number));
	if (index->by_number == NULL) {
		free(index);
		return -ENOMEM;
	}
	for (size_t i = 0; i < s->extensions.n; i++)
		index->by_number[i] = settings_extension_at(s, i);
	if (s->extensions.n > 0)
		qsort(index->by_number, s->extensions.n, sizeof(*index->by_number), by_number);
	s->index = index;
	return 0;
}

int
settings_prepare(struct settings *s, const char *state_dir, char *err, size_t err_size)
{
	struct extension *x = s->extensions.v;
	int r = digest_init();

	str_copy(err, err_size, "");
	if (r == 0 && state_dir != NULL)
		r = complete_all(s, state_dir, err, err_size);
	for (size_t i = 0; r == 0 && i < s->extensions.n; i++)
		hash(s, &x[i]);
	if (r == 0)
		r = make_index(s);
	if (r < 0 && err[0] == '\0')
		str_copy(err, err_size, r == -ENOMEM ? "out of memory" : strerror(-r));
	return r;
}

void
settings_release(struct settings *s)
{
	struct extension *x = s->extensions.v;

	for (size_t i = 0; i < s->extensions.n; i++) {
		explicit_bzero(x[i].password, sizeof(x[i].password));
		explicit_bzero(x[i].voicemail_pin, sizeof(x[i].voicemail_pin));
		explicit_bzero(x[i].ha1_md5, sizeof(x[i].ha1_md5));
		explicit_bzero(x[i].ha1_sha256, sizeof(x[i].ha1_sha256));
	}
	if (s->index != NULL)
		free(s->index->by_number);
	mem_free(&s->index);
}
