/* SPDX-License-Identifier: ISC */
/*
 * HTTP over apid's Unix socket, by libcurl: see ctl.h. Tells every error in words that say what to
 * do.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "apid/ctl/ctl.h"
#include "common/base/buf.h"
#include "common/base/str.h"

#define ANSWER_MAX (32 << 20)

static size_t
take(char *p, size_t size, size_t n, void *arg)
{
	struct buf *answer = arg;

	buf_add(answer, p, size * n);
	return answer->failed ? 0 : size * n;
}

static enum ctl_exit
unreachable(const char *socket, CURLcode code)
{
	if (code == CURLE_COULDNT_CONNECT)
		fprintf(stderr,
		    "wardenctl: apid is not running, or you may not talk to it (%s): systemctl "
		    "start warden-apid\n",
		    socket);
	else
		fprintf(stderr, "wardenctl: no answer from apid (%s): %s\n", socket,
		    curl_easy_strerror(code));
	return CTL_AWAY;
}

static enum ctl_exit
refused(long status, const json_t *doc)
{
	const char *error = json_string_value(json_object_get(doc, "error"));

	if (error != NULL)
		fprintf(stderr, "wardenctl: %s\n", error);
	else
		fprintf(stderr, "wardenctl: apid answered with status %ld\n", status);
	return status == 503 ? CTL_AWAY : CTL_FAILED;
}

static void
set_up(CURL *curl, const char *socket, const char *url, const char *method, const char *body,
    struct curl_slist *headers, struct buf *answer)
{
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, 30L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	if (body != NULL)
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
}

enum ctl_exit
ctl_request(const struct ctl *ctl, const char *method, const char *path, const char *body,
    json_t **doc)
{
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	struct buf answer = BUF_INIT(ANSWER_MAX);
	char socket[300], url[600];
	enum ctl_exit r = CTL_OK;
	long status = 0;
	CURLcode code;
	CURL *curl = curl_easy_init();

	*doc = NULL;
	str_format(url, sizeof(url), "http://localhost%s", path);
	if (curl == NULL || headers == NULL) {
		fprintf(stderr, "wardenctl: out of memory\n");
		r = CTL_FAILED;
	} else if (!str_format(socket, sizeof(socket), "%s/apid/ctl.sock", ctl->run_dir) ||
	    strlen(socket) > 107) {
		fprintf(stderr,
		    "wardenctl: the run directory's name is too long for a socket: %s\n",
		    ctl->run_dir);
		r = CTL_USAGE;
	} else {
		set_up(curl, socket, url, method, body, headers, &answer);
		if ((code = curl_easy_perform(curl)) != CURLE_OK) {
			r = unreachable(socket, code);
		} else {
			curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
			*doc = answer.data != NULL
			    ? json_loadb(answer.data, answer.len, JSON_DECODE_ANY, NULL)
			    : NULL;
			if (status >= 300 || *doc == NULL)
				r = refused(status, *doc);
		}
	}
	curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	buf_free(&answer);
	return r;
}
