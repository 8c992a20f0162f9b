/* SPDX-License-Identifier: ISC */
/*
 * Figures of the load tools: histograms of times, CPU and memory of the measured processes from
 * /proc.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "test/bench/load.h"

void
load_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(2);
}

void *
load_alloc(size_t size)
{
	void *p = calloc(1, size);

	if (p == NULL)
		load_die("out of memory");
	return p;
}

uint64_t
load_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

int
load_socket(const struct in_addr *ip, uint16_t port, struct sockaddr_in *bound)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET, .sin_addr = *ip, .sin_port = htons(port)
	};
	socklen_t len = sizeof(*bound);
	int fd, size = 16 << 20;

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0)
		load_die("cannot bind %s:%u: %m", inet_ntoa(*ip), port);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	getsockname(fd, (struct sockaddr *)bound, &len);
	return fd;
}

/* ---- histograms: 32 buckets for each power of two ------------------------------------------- */

static size_t
bucket_of(uint64_t v)
{
	int e;

	if (v < 32)
		return v;
	e = 63 - __builtin_clzll(v);
	if (e > 60)
		e = 60;
	return (size_t)(e - 4) * 32 + ((v >> (e - 5)) & 31);
}

static double
bucket_value(size_t i)
{
	if (i < 32)
		return (double)i;
	return (double)((32 + i % 32) << (i / 32 - 1));
}

void
load_hist_add(struct load_hist *h, uint64_t us)
{
	h->bucket[bucket_of(us)]++;
	h->n++;
	if (us > h->max)
		h->max = us;
}

double
load_hist_ms(const struct load_hist *h, double quantile)
{
	uint64_t seen = 0;

	if (h->n == 0)
		return 0;
	for (size_t i = 0; i < sizeof(h->bucket) / sizeof(h->bucket[0]); i++) {
		seen += h->bucket[i];
		if ((double)seen >= quantile * (double)h->n)
			return bucket_value(i) / 1000;
	}
	return (double)h->max / 1000;
}

/* ---- processes ------------------------------------------------------------------------------ */

static uint64_t
proc_cpu_us(pid_t pid)
{
	char path[64], line[1024], *p;
	unsigned long user, sys;
	uint64_t us = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if ((f = fopen(path, "r")) == NULL)
		return 0;
	if (fgets(line, sizeof(line), f) != NULL && (p = strrchr(line, ')')) != NULL &&
	    sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &sys) == 2)
		us = (uint64_t)(user + sys) * 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);
	fclose(f);
	return us;
}

/*
 * Voluntary context switches of all threads: unlike CPU time they do not depend on what else the
 * machine does.
 */
static uint64_t
proc_wakes(pid_t pid)
{
	char path[320], line[256];
	unsigned long n;
	uint64_t sum = 0;
	struct dirent *d;
	DIR *dir;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	if ((dir = opendir(path)) == NULL)
		return 0;
	while ((d = readdir(dir)) != NULL) {
		snprintf(path, sizeof(path), "/proc/%d/task/%s/status", (int)pid, d->d_name);
		if (d->d_name[0] == '.' || (f = fopen(path, "r")) == NULL)
			continue;
		while (fgets(line, sizeof(line), f) != NULL)
			if (sscanf(line, "voluntary_ctxt_switches: %lu", &n) == 1)
				sum += n;
		fclose(f);
	}
	closedir(dir);
	return sum;
}

static uint64_t
proc_mem_kb(pid_t pid)
{
	unsigned long kb = 0, pages;
	char path[64], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	if ((f = fopen(path, "r")) != NULL) {
		while (fgets(line, sizeof(line), f) != NULL)
			if (sscanf(line, "Pss: %lu", &kb) == 1)
				break;
		fclose(f);
	}
	if (kb != 0)
		return kb;
	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	if ((f = fopen(path, "r")) == NULL)
		return 0;
	if (fscanf(f, "%*u %lu", &pages) == 1)
		kb = pages * (unsigned long)sysconf(_SC_PAGESIZE) / 1024;
	fclose(f);
	return kb;
}

void
load_procs_read(struct load_procs *p, const char *env_path)
{
	char line[512], name[32];
	int pid;
	FILE *f;

	p->n = 0;
	if ((f = fopen(env_path, "r")) == NULL)
		load_die("%s: %m", env_path);
	while (p->n < LOAD_PROCS && fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "PID_%31[A-Z]=%*[']%d", name, &pid) != 2 &&
		    sscanf(line, "PID_%31[A-Z]=%d", name, &pid) != 2)
			continue;
		for (char *c = name; *c != '\0'; c++)
			*c = (char)tolower((unsigned char)*c);
		snprintf(p->proc[p->n].name, sizeof(p->proc[p->n].name), "%s", name);
		p->proc[p->n++].pid = pid;
	}
	fclose(f);
	if (p->n == 0)
		load_die("%s: no line PID_NAME=number", env_path);
}

void
load_procs_mark(struct load_procs *p)
{
	for (size_t i = 0; i < p->n; i++) {
		p->proc[i].cpu_us = proc_cpu_us(p->proc[i].pid);
		p->proc[i].wakes = proc_wakes(p->proc[i].pid);
		p->proc[i].pss_kb = proc_mem_kb(p->proc[i].pid);
	}
}

void
load_procs_print_cpu(const struct load_procs *p, FILE *f, double units, const char *prefix)
{
	double sum = 0, wakes = 0, us, w;

	if (units <= 0)
		return;
	for (size_t i = 0; i < p->n; i++) {
		us = (double)(proc_cpu_us(p->proc[i].pid) - p->proc[i].cpu_us) / units;
		w = (double)(proc_wakes(p->proc[i].pid) - p->proc[i].wakes) / units;
		sum += us;
		wakes += w;
		fprintf(f, " %scpu_%s_us=%.2f %swakes_%s=%.3f", prefix, p->proc[i].name, us, prefix,
		    p->proc[i].name, w);
	}
	if (p->n > 0)
		fprintf(f, " %scpu_us=%.2f %swakes=%.3f", prefix, sum, prefix, wakes);
}

void
load_procs_print_mem(const struct load_procs *p, FILE *f, double units, const char *prefix)
{
	double sum = 0, kb;

	if (units <= 0)
		return;
	for (size_t i = 0; i < p->n; i++) {
		kb = ((double)proc_mem_kb(p->proc[i].pid) - (double)p->proc[i].pss_kb) / units;
		sum += kb;
		fprintf(f, " %smem_%s_kb=%.2f", prefix, p->proc[i].name, kb);
	}
	if (p->n > 0)
		fprintf(f, " %smem_kb=%.2f", prefix, sum);
}
