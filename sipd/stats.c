/* SPDX-License-Identifier: ISC */
/* sipd's figures for GET /metrics, told to featured every 5 s. */

#include "common/base/clock.h"
#include "common/base/str.h"
#include "sipd/leg.h"
#include "sipd/listen.h"
#include "sipd/sub_words.h"

#define EVERY_US   5000000

static void
gauge(const char *name, bool counter, uint64_t value)
{
	struct msg_gauge m = { .counter = counter, .value = value };

	str_copy(m.name, sizeof(m.name), name);
	ipc_send(sipd.peer, MSG_gauge, &m);
}

static void
tell(void)
{
	static const struct {
		sip_method_t method;
		const char *name;
	} methods[] = {
		{ sip_method_invite, "sip_requests_in_invite_total" },
		{ sip_method_register, "sip_requests_in_register_total" },
		{ sip_method_bye, "sip_requests_in_bye_total" },
		{ sip_method_cancel, "sip_requests_in_cancel_total" },
		{ sip_method_options, "sip_requests_in_options_total" },
		{ sip_method_info, "sip_requests_in_info_total" },
		{ sip_method_update, "sip_requests_in_update_total" },
		{ sip_method_prack, "sip_requests_in_prack_total" },
		{ sip_method_subscribe, "sip_requests_in_subscribe_total" },
		{ sip_method_publish, "sip_requests_in_publish_total" },
		{ sip_method_message, "sip_requests_in_message_total" },
		{ sip_method_unknown, "sip_requests_in_other_total" },
	};
	static const char *const classes[] = { "sip_invite_answers_2xx_total",
		"sip_invite_answers_3xx_total", "sip_invite_answers_4xx_total",
		"sip_invite_answers_5xx_total", "sip_invite_answers_6xx_total" };
	usize_t retransmitted = 0, again = 0, bad = 0;

	for (unsigned i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		gauge(methods[i].name, true,
		    sipd.count
		        .requests[methods[i].method == sip_method_unknown ? 0 : methods[i].method]);
	for (unsigned i = 0; i < 5; i++)
		gauge(classes[i], true, sipd.count.responses[i + 2]);
	nta_agent_get_stats(sipd.agent, NTATAG_S_RETRY_REQUEST_REF(retransmitted),
	    NTATAG_S_RECV_RETRY_REF(again), NTATAG_S_BAD_MESSAGE_REF(bad), TAG_END());
	gauge("sip_retransmissions_out_total", true, retransmitted);
	gauge("sip_retransmissions_in_total", true, again);
	gauge("sip_bad_messages_total", true, bad + sipd.count.bad);
	gauge("sip_calls_shed_total", true, sipd.count.shed);
	gauge("sip_challenges_total", true, sipd.count.challenged);
	gauge("sip_strangers_dropped_total", true, sipd.count.dropped);
	gauge("sip_banned_total", true, sipd.count.banned);
	gauge("sip_connections_closed_total", true, sipd.count.crowded);
	gauge("sip_reinvites_in_total", true, sipd.count.reinvites);
	gauge("sip_legs", false, HASH_COUNT(sipd.legs));
	gauge("sip_legs_in_setup", false, sipd.setups);
	gauge("sip_legs_restored_total", true, sipd.count.restored);
	gauge("sip_legs_unsaved_total", true, sipd.count.unsaved);
	gauge("sip_subscriptions", false, subs_count());
	gauge("sip_topics", false, subs_topics());
	gauge("sip_notifies_out_total", true, sipd.count.notifies);
	gauge("sip_notify_failures_total", true, sipd.count.notify_failures);
	gauge("sip_messages_taken_total", true, sipd.count.texts_in);
	gauge("sip_messages_sent_total", true, sipd.count.texts_out);
}

/* jemalloc's; not there in a build with sanitizers. */
int mallctl(const char *, void *, size_t *, void *, size_t) __attribute__((weak));

/*
 * sofia keeps some 30 kB for 32 s after each call. jemalloc gives pages back as it is called; when a rush is over
 * and nobody calls it, this does.
 */
static void
trim(void)
{
	if (mallctl != NULL)
		mallctl("arena.0.decay", NULL, NULL, NULL, 0);
}

static int
on_timer(sd_event_source *source, uint64_t usec, void *arg)
{
	(void)usec;
	(void)arg;
	if (sipd.peer != NULL)
		tell();
	listen_again();
	trim();
	sd_event_source_set_time(source, clock_mono_us() + EVERY_US);
	sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return 0;
}

int
stats_init(void)
{
	return sd_event_add_time(sipd.d.event, &sipd.stats_timer, CLOCK_MONOTONIC,
	    clock_mono_us() + EVERY_US, 100000, on_timer, NULL);
}
