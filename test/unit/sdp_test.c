/* SPDX-License-Identifier: ISC */
/*
 * SDP of real phones through parsing, negotiation and writing (INTEROP 27-38), and what must be
 * refused.
 */
/*
 * links: mediad/sdp_parse.c mediad/sdp_codec.c mediad/sdp_negotiate.c mediad/sdp_build.c
 * common/base/addr.c common/base/str.c
 */
#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mediad/sdp.h"

#define HEAD "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"

static struct sdp parsed;
static char out[4096];

static const char *
bad(const char *text)
{
	struct sdp_error err;

	assert_int_equal(sdp_parse(&parsed, (const uint8_t *)text, strlen(text), &err), -EINVAL);
	return err.reason;
}

static const struct sdp *
good(const char *text)
{
	struct sdp_error err = { 0, "" };

	if (sdp_parse(&parsed, (const uint8_t *)text, strlen(text), &err) != 0)
		fail_msg("line %u: %s", err.line, err.reason);
	return &parsed;
}

static struct sdp_local
here(void)
{
	struct sdp_local local = { .rtcp_port = 10001, .rtcp_mux = true };

	assert_int_equal(addr_from_ip(&local.rtp, "198.51.100.1", 10000), 0);
	return local;
}

static void
assert_addr(const union addr *a, const char *want)
{
	char text[ADDR_STR_LEN + 1];

	addr_print(a, text);
	assert_string_equal(text, want);
}

static void
assert_has(const char *needle)
{
	if (strstr(out, needle) == NULL)
		fail_msg("no \"%s\" in:\n%s", needle, out);
}

static void
assert_lacks(const char *needle)
{
	if (strstr(out, needle) != NULL)
		fail_msg("\"%s\" in:\n%s", needle, out);
}

/* Offer taken and answered; the answer is in out. */
static void
exchange(struct sdp_state *st, const char *offer, const struct sdp_state *like)
{
	const char *reason = "";
	struct sdp_local local = here();

	if (sdp_take_offer(st, good(offer), &reason) != 0)
		fail_msg("refused: %s", reason);
	assert_true(sdp_make_answer(st, &local, like, out, sizeof(out)) > 0);
	good(out);
}

static const char *
refused(struct sdp_state *st, const char *offer)
{
	const char *reason = "";
	struct sdp_state before = *st;

	assert_int_equal(sdp_take_offer(st, good(offer), &reason), 488);
	assert_memory_equal(&before, st, sizeof(before));
	return reason;
}

static const char yealink[] =
    "v=0\r\no=- 20083 20083 IN IP4 10.2.1.15\r\ns=SDP data\r\nc=IN IP4 10.2.1.15\r\nt=0 0\r\n"
    "m=audio 11796 RTP/AVP 9 0 8 18 101\r\na=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:8 PCMA/8000\r\na=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\na=rtpmap:101 "
    "telephone-event/8000\r\n"
    "a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";

static const char polycom[] = "v=0\no=- 1457016254 1457016254 IN IP4 10.0.0.7\ns=Polycom IP "
                              "Phone\nc=IN IP4 10.0.0.7\nt=0 0\na=sendrecv\n"
                              "m=audio 2250 RTP/AVP 8 0 127\na=rtpmap:8 PCMA/8000\na=rtpmap:127 "
                              "telephone-event/8000\na=ptime:30\na=maxptime:40\n";

static const char snom_srtp_optional[] =
    "v=0\r\no=root 85317 85317 IN IP4 192.0.2.20\r\ns=call\r\nc=IN IP4 192.0.2.20\r\nt=0 0\r\n"
    "m=audio 63128 RTP/SAVP 8 0 101\r\na=crypto:1 AES_CM_128_HMAC_SHA1_32 "
    "inline:uEG2PvfO8gCa1nAtVW7FOc3EzGG8s6MgKtlOvgGM\r\n"
    "a=rtpmap:8 pcma/8000\r\na=rtpmap:0 pcmu/8000\r\na=rtpmap:101 "
    "telephone-event/8000\r\na=sendrecv\r\n"
    "m=audio 63130 RTP/AVP 8 0 101\r\na=rtpmap:8 pcma/8000\r\na=rtpmap:0 pcmu/8000\r\na=rtpmap:101 "
    "telephone-event/8000\r\n"
    "a=sendrecv\r\n";

static const char linphone[] =
    "v=0\r\no=1001 3747 2033 IN IP6 2001:db8::7\r\ns=Talk\r\nc=IN IP6 2001:db8::7\r\nt=0 0\r\n"
    "a=rtcp-xr:rcvr-rtt=all:10000 stat-summary=loss,dup,jitt,TTL voip-metrics\r\n"
    "m=audio 7076 RTP/AVPF 96 97 98 0 8 101 99\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 "
    "useinbandfec=1\r\n"
    "a=rtpmap:97 speex/16000\r\na=fmtp:97 vbr=on\r\na=rtpmap:98 speex/8000\r\na=rtpmap:101 "
    "telephone-event/48000\r\n"
    "a=rtpmap:99 telephone-event/8000\r\na=rtcp:7099\r\na=rtcp-fb:* trr-int 1000\r\n"
    "m=video 9078 RTP/AVPF 96\r\na=rtpmap:96 VP8/90000\r\n";

static const char carrier_t38_last[] =
	HEAD "m=audio 4000 RTP/AVP 18 0\r\nm=image 4002 udptl t38\r\na=T38FaxVersion:0\r\n";

static void
test_yealink(void **unused)
{
	struct sdp_state st;

	(void)unused;
	sdp_state_init(&st, 77);
	exchange(&st, yealink, NULL);
	assert_int_equal(st.now.codec, SDP_CODEC_G722);
	assert_int_equal(st.now.tx_pt[SDP_CODEC_G722], 9);
	assert_int_equal(st.now.tx_pt[SDP_CODEC_PCMA], SDP_PT_NONE);
	assert_int_equal(st.now.te_tx, 101);
	assert_int_equal(st.now.ptime_ms, 20);
	assert_addr(&st.now.rtp, "10.2.1.15:11796");
	assert_addr(&st.now.rtcp, "10.2.1.15:11797");
	assert_string_equal(out,
	    "v=0\r\no=- 77 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n"
	    "m=audio 10000 RTP/AVP 9 101\r\na=rtpmap:9 G722/8000\r\na=rtpmap:101 "
	    "telephone-event/8000\r\n"
	    "a=fmtp:101 0-16\r\na=ptime:20\r\na=maxptime:60\r\na=sendrecv\r\n");
	assert_true(sdp_may_send(&st.now) && sdp_may_receive(&st.now));
}

static void
test_polycom_bare_lf_and_event_127(void **unused)
{
	struct sdp_state st;

	(void)unused;
	sdp_state_init(&st, 1);
	exchange(&st, polycom, NULL);
	assert_int_equal(st.now.codec, SDP_CODEC_PCMA);
	assert_int_equal(st.now.te_rx, 127);
	assert_int_equal(st.now.ptime_ms, 30);
	assert_has("m=audio 10000 RTP/AVP 8 127\r\n");
	assert_true(sdp_rx_event(&st.now, 127));
	assert_int_equal(sdp_rx_codec(&st.now, 8), SDP_CODEC_PCMA);
	assert_int_equal(sdp_rx_codec(&st.now, 0), SDP_CODEC_NONE);
}

static void
test_like_avoids_transcoding(void **unused)
{
	struct sdp_state a, b;
	struct sdp_local local = here();

	(void)unused;
	sdp_state_init(&a, 1);
	sdp_state_init(&b, 2);
	exchange(&b, polycom, NULL);
	exchange(&a, yealink, &b);
	assert_int_equal(a.now.codec, SDP_CODEC_PCMA);
	assert_has("m=audio 10000 RTP/AVP 8 101\r\n");
	/* The codec of an answer does not change when it is written again. */
	assert_true(sdp_make_answer(&a, &local, NULL, out, sizeof(out)) > 0);
	assert_int_equal(a.now.codec, SDP_CODEC_PCMA);
	assert_has("a=ptime:30\r\n");
	assert_int_equal(a.version, 1);
}

static void
test_srtp(void **unused)
{
	struct sdp_state st;

	(void)unused;
	sdp_state_init(&st, 1);
	/* Two ways to the same audio: we take the one that we can. */
	exchange(&st, snom_srtp_optional, NULL);
	assert_has("m=audio 0 RTP/SAVP 8\r\nm=audio 10000 RTP/AVP 8 101\r\n");
	assert_addr(&st.now.rtp, "192.0.2.20:63130");
	assert_int_equal(parsed.nmedia, 2);

	sdp_state_init(&st, 1);
	assert_string_equal(refused(&st,
	                        HEAD "m=audio 4000 RTP/SAVP 0\r\na=crypto:1 "
	                             "AES_CM_128_HMAC_SHA1_80 inline:x\r\n"),
	    "SRTP is required but not supported");
	refused(&st, HEAD "m=audio 4000 UDP/TLS/RTP/SAVPF 0\r\n");
	/* Opportunistic: a=crypto in AVP. */
	exchange(&st,
	    HEAD "m=audio 4000 RTP/AVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n", NULL);
	assert_lacks("crypto");
	good(snom_srtp_optional);
	assert_int_equal(parsed.media[0].ncrypto, 1);
	assert_memory_equal(parsed.media[0].crypto[0].p, "1 AES_CM", 8);
}

static void
test_linphone_ipv6_avpf_video(void **unused)
{
	struct sdp_state st;
	unsigned khz;

	(void)unused;
	sdp_state_init(&st, 1);
	exchange(&st, linphone, NULL);
	assert_has("m=audio 10000 RTP/AVPF 96 101\r\na=rtpmap:96 opus/48000/2\r\n");
	assert_has("a=rtpmap:101 telephone-event/48000\r\n");
	assert_has("m=video 0 RTP/AVPF 96\r\n");
	assert_addr(&st.now.rtp, "[2001:db8::7]:7076");
	assert_addr(&st.now.rtcp, "[2001:db8::7]:7099");
	assert_int_equal(st.now.te_tx, SDP_PT_NONE);
	assert_int_equal(sdp_tx_event(&st.now, &khz), 101);
	assert_int_equal(khz, 48);
	assert_int_equal(sdp_rx_event(&st.now, 101), 48);
}

static void
test_holds(void **unused)
{
	static const struct {
		const char		*offer;
		enum media_direction	 far;
		const char		*ours;
	} rows[] = {
		{ HEAD "m=audio 4000 RTP/AVP 0\r\na=sendonly\r\n", MEDIA_SENDONLY,
		    "a=recvonly\r\n" },
		{ HEAD "m=audio 4000 RTP/AVP 0\r\na=inactive\r\n", MEDIA_INACTIVE,
		    "a=inactive\r\n" },
		{ HEAD "m=audio 4000 RTP/AVP 0\r\na=recvonly\r\n", MEDIA_RECVONLY,
		    "a=sendonly\r\n" },
		{ HEAD "a=sendonly\r\nm=audio 4000 RTP/AVP 0\r\n", MEDIA_SENDONLY,
		    "a=recvonly\r\n" },
		{ HEAD "a=inactive\r\nm=audio 4000 RTP/AVP 0\r\na=sendrecv\r\n", MEDIA_SENDRECV,
		    "a=sendrecv\r\n" },
		{ HEAD "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n", MEDIA_SENDONLY,
		    "a=recvonly\r\n" },
		{ HEAD "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\na=recvonly\r\n",
		    MEDIA_INACTIVE, "a=inactive\r\n" },
		{ "v=0\r\no=- 1 1 IN IP4 h\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=audio 4000 "
		  "RTP/AVP 0\r\na=sendrecv\r\n",
		    MEDIA_SENDONLY, "a=recvonly\r\n" },
		{ "v=0\r\no=- 1 1 IN IP6 h\r\ns=-\r\nc=IN IP6 ::\r\nt=0 0\r\nm=audio 4000 RTP/AVP "
		  "0\r\n",
		    MEDIA_SENDONLY, "a=recvonly\r\n" },
	};
	struct sdp_state st;
	uint64_t version;

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		sdp_state_init(&st, 1);
		exchange(&st, yealink, NULL);
		version = st.version;
		exchange(&st, rows[i].offer, NULL);
		assert_has(rows[i].ours);
		assert_int_equal(st.now.far_dir, rows[i].far);
		assert_int_equal(sdp_may_send(&st.now),
		    rows[i].far == MEDIA_SENDRECV || rows[i].far == MEDIA_RECVONLY);
		assert_int_equal(sdp_may_receive(&st.now),
		    rows[i].far == MEDIA_SENDRECV || rows[i].far == MEDIA_SENDONLY);
		assert_true(st.version > version);
		version = st.version;
		exchange(&st, yealink, NULL);
		assert_int_equal(st.version, version + 1);
		assert_has("a=sendrecv\r\n");
	}
}

static void
test_version_rises_only_with_the_body(void **unused)
{
	struct sdp_local local = here();
	struct sdp_state st;

	(void)unused;
	sdp_state_init(&st, 5);
	exchange(&st, yealink, NULL);
	exchange(&st, yealink, NULL);
	assert_int_equal(st.version, 1);
	assert_true(sdp_make_offer(&st, &local, NULL, out, sizeof(out)) > 0);
	assert_has("o=- 5 2 IN IP4");
	assert_true(sdp_make_offer(&st, &local, NULL, out, sizeof(out)) > 0);
	assert_has("o=- 5 2 IN IP4");
	addr_set_port(&local.rtp, 10002);
	assert_true(sdp_make_offer(&st, &local, NULL, out, sizeof(out)) > 0);
	assert_has("o=- 5 3 IN IP4");
	assert_has("a=rtcp:");
}

static void
test_our_offer(void **unused)
{
	struct sdp_local local = here();
	struct sdp_state st, like;
	const char *reason;

	(void)unused;
	sdp_state_init(&st, 5);
	sdp_state_init(&like, 6);
	assert_int_equal(sdp_take_answer(&st, good(yealink), &reason), 488);
	assert_int_equal(sdp_make_answer(&st, &local, NULL, out, sizeof(out)), -EINVAL);
	assert_true(sdp_make_offer(&st, &local, NULL, out, sizeof(out)) > 0);
	assert_has("m=audio 10000 RTP/AVP 0 8 9 107 101 110\r\n");
	assert_has("a=fmtp:107 useinbandfec=1;usedtx=1\r\n");
	assert_has("a=rtcp-mux\r\n");
	/* Media before the answer. */
	assert_int_equal(sdp_rx_codec(&st.now, 8), SDP_CODEC_PCMA);
	assert_true(sdp_rx_event(&st.now, 101));
	assert_false(sdp_may_send(&st.now));
	/* An early answer, then another. */
	assert_int_equal(sdp_take_answer(&st,
	                     good(HEAD "m=audio 4000 RTP/AVP 8 96\r\na=rtpmap:96 "
	                               "telephone-event/8000\r\n"),
	                     &reason),
	    0);
	assert_int_equal(st.now.codec, SDP_CODEC_PCMA);
	assert_int_equal(st.now.te_tx, 96);
	assert_int_equal(st.now.te_rx, 101);
	assert_int_equal(sdp_rx_codec(&st.now, 0), SDP_CODEC_PCMU);
	assert_int_equal(sdp_take_answer(&st,
	                     good(HEAD "m=audio 4002 RTP/AVP 0 101\r\na=rtcp-mux\r\n"
	                               "a=rtpmap:101 telephone-event/8000\r\n"),
	                     &reason),
	    0);
	assert_int_equal(st.now.codec, SDP_CODEC_PCMU);
	assert_true(st.now.rtcp_mux);
	assert_addr(&st.now.rtcp, "192.0.2.9:4002");
	/* Refused, and the old one stays. */
	assert_int_equal(sdp_take_answer(&st, good(HEAD "m=audio 0 RTP/AVP 0\r\n"), &reason), 488);
	assert_int_equal(sdp_take_answer(&st, good(HEAD "m=audio 4000 RTP/AVP 18\r\n"), &reason),
	    488);
	assert_int_equal(sdp_take_answer(&st, good(HEAD), &reason), 488);
	assert_int_equal(st.now.codec, SDP_CODEC_PCMU);
	/* The other leg's order. */
	exchange(&like, polycom, NULL);
	sdp_state_init(&st, 5);
	assert_true(sdp_make_offer(&st, &local, &like, out, sizeof(out)) > 0);
	assert_has("m=audio 10000 RTP/AVP 8 0 9 107 101 110\r\n");
	assert_has("a=ptime:30\r\n");
	/* Nobody answers with more than was offered. */
	local.hold = true;
	assert_true(sdp_make_offer(&st, &local, &like, out, sizeof(out)) > 0);
	assert_has("a=sendonly\r\n");
	assert_int_equal(sdp_take_answer(&st, good(HEAD "m=audio 4000 RTP/AVP 8\r\na=sendrecv\r\n"),
	                     &reason),
	    0);
	assert_int_equal(st.now.far_dir, MEDIA_RECVONLY);
	assert_int_equal(st.now.our_dir, MEDIA_SENDONLY);
}

static void
test_reoffer_keeps_lines_and_numbers(void **unused)
{
	struct sdp_local local = here();
	struct sdp_state st;

	(void)unused;
	sdp_state_init(&st, 5);
	exchange(&st,
	    HEAD
	    "m=video 4100 RTP/AVP 31\r\nm=audio 4000 RTP/AVP 100 8 101\r\na=rtpmap:100 "
	    "telephone-event/8000\r\n"
	    "a=rtpmap:101 PCMU/8000/1\r\nm=application 4200 UDP/DTLS/SCTP webrtc-datachannel\r\n",
	    NULL);
	assert_has("m=video 0 RTP/AVP 31\r\nm=audio 10000 RTP/AVP 8 100\r\n");
	assert_has("m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n");
	assert_true(sdp_make_offer(&st, &local, NULL, out, sizeof(out)) > 0);
	assert_has("m=video 0 RTP/AVP 31\r\nm=audio 10000 RTP/AVP 8 101 9 107 100 110\r\na=rtpmap:8 "
	           "PCMA/8000\r\na=rtpmap:101 PCMU/8000\r\n");
	/* One number never stands for two things. */
	sdp_state_init(&st, 5);
	exchange(&st, HEAD "m=audio 4000 RTP/AVP 101\r\na=rtpmap:101 PCMU/8000\r\n", NULL);
	assert_lacks("telephone-event");
	assert_true(sdp_make_offer(&st, &local, NULL, out, sizeof(out)) > 0);
	assert_has("m=audio 10000 RTP/AVP 101 8 9 107 96 110\r\n");
	assert_has("a=rtpmap:96 telephone-event/8000\r\n");
}

static void
test_t38_and_ended(void **unused)
{
	struct sdp_state st;

	(void)unused;
	sdp_state_init(&st, 5);
	exchange(&st, carrier_t38_last, NULL);
	assert_has("m=image 0 udptl t38\r\n");
	assert_int_equal(st.now.codec, SDP_CODEC_PCMU);
	refused(&st, HEAD "m=audio 0 RTP/AVP 0\r\nm=image 4002 udptl t38\r\n");
	refused(&st, HEAD "m=image 4002 udptl t38\r\n");
	refused(&st, HEAD);
	/* A stream that is ended and taken up again. */
	exchange(&st, HEAD "m=audio 0 RTP/AVP 0\r\n", NULL);
	assert_has("m=audio 0 RTP/AVP 0\r\n");
	assert_int_equal(st.now.codec, SDP_CODEC_NONE);
	assert_false(sdp_may_send(&st.now));
	exchange(&st, yealink, NULL);
	assert_int_equal(st.now.codec, SDP_CODEC_G722);
	sdp_state_init(&st, 5);
	refused(&st, HEAD "m=audio 0 RTP/AVP 0\r\n");
}

/* A list of codecs: nothing else is offered or taken; ptime, comfort noise, events on two clocks. */
static void
test_codecs_of_an_extension(void **unused)
{
	struct sdp_local local = here();
	struct sdp_state st, like;
	const char *reason;
	unsigned khz;

	(void)unused;
	local.norder = sdp_codec_order("OPUS,g729,PCMA,opus", local.order);
	assert_int_equal(local.norder, 2);
	assert_int_equal(local.order[0], SDP_CODEC_OPUS);
	sdp_state_init(&st, 5);
	sdp_state_init(&like, 6);
	assert_true(sdp_make_offer(&st, &local, NULL, out, sizeof(out)) > 0);
	assert_has("m=audio 10000 RTP/AVP 107 8 101 110\r\n");
	/* What the other leg speaks comes first, if it is in the list. */
	exchange(&like, polycom, NULL);
	assert_true(sdp_make_offer(&st, &local, &like, out, sizeof(out)) > 0);
	assert_has("m=audio 10000 RTP/AVP 8 107 101 110\r\n");
	/* Opus and the events on its clock; its parameters. */
	assert_int_equal(sdp_take_answer(&st,
	                     good(HEAD "m=audio 4000 RTP/AVP 107 110\r\na=rtpmap:107 opus/48000/2\r\n"
	                               "a=fmtp:107 minptime=10; useinbandfec=1\r\n"
	                               "a=rtpmap:110 telephone-event/48000\r\na=ptime:40\r\n"),
	                     &reason),
	    0);
	assert_int_equal(st.now.codec, SDP_CODEC_OPUS);
	assert_int_equal(st.now.flags, SDP_OPUS_FEC | SDP_PTIME_SAID);
	assert_int_equal(st.now.ptime_ms, 40);
	assert_int_equal(sdp_tx_event(&st.now, &khz), 110);
	assert_int_equal(khz, 48);
	/* The answer is the first of the list that was offered; what is not in it is no choice. */
	sdp_state_init(&st, 5);
	parsed = *good(yealink);
	sdp_keep_codecs(&parsed, local.order, local.norder);
	assert_int_equal(sdp_take_offer(&st, &parsed, &reason), 0);
	assert_true(sdp_make_answer(&st, &local, NULL, out, sizeof(out)) > 0);
	assert_has("m=audio 10000 RTP/AVP 8 101\r\n");
	sdp_state_init(&st, 5);
	parsed = *good(HEAD "m=audio 4000 RTP/AVP 0\r\n");
	sdp_keep_codecs(&parsed, local.order, local.norder);
	assert_int_equal(sdp_take_offer(&st, &parsed, &reason), 488);
	/* Comfort noise is offered to one end when the other has it; keys by INFO need no event. */
	local.norder = 0;
	local.no_events = true;
	sdp_state_init(&like, 6);
	exchange(&like, HEAD "m=audio 4000 RTP/AVP 0 13\r\n", NULL);
	assert_has("m=audio 10000 RTP/AVP 0 13\r\n");
	assert_int_equal(like.now.tx_pt[SDP_SLOT_NOISE], 13);
	assert_true(sdp_make_offer(&st, &local, &like, out, sizeof(out)) > 0);
	assert_has("m=audio 10000 RTP/AVP 0 8 9 107 13\r\n");
	assert_lacks("telephone-event");
}

static void
test_refused(void **unused)
{
	struct sdp_state st;

	(void)unused;
	sdp_state_init(&st, 5);
	assert_string_equal(refused(&st, HEAD "m=audio 4000 RTP/AVP 18 4\r\n"),
	    "no codec in common");
	refused(&st, HEAD "m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/16000\r\n");
	refused(&st, HEAD "m=audio 4000 TCP/RTP/AVP 0\r\n");
	refused(&st, "v=0\r\no=- 1 1 IN IP4 h\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n");
	refused(&st, HEAD "m=video 4000 RTP/AVP 31\r\n");
}

static void
test_parse_errors(void **unused)
{
	char many[600] = HEAD;
	struct sdp_error err;

	(void)unused;
	bad("");
	bad("\r\n" HEAD);
	bad("v=1\r\no=- 1 1 IN IP4 h\r\n");
	bad("o=- 1 1 IN IP4 h\r\nv=0\r\n");
	bad("v=0\r\ns=-\r\n");
	bad(HEAD "v=0\r\n");
	bad(HEAD "audio\r\n");
	bad(HEAD "c=IN IP4 224.0.0.1/127\r\n");
	bad(HEAD "c=IN IP4 255.255.255.255\r\n");
	bad(HEAD "c=IN IP6 ff02::1\r\n");
	bad(HEAD "c=IN IP4 phone.example.com\r\n");
	bad(HEAD "c=IN IP4 2001:db8::1\r\n");
	bad(HEAD "c=IN IP4\r\n");
	bad(HEAD "c=ATM NSAP 47\r\n");
	bad(HEAD "m=audio 4000 RTP/AVP\r\n");
	bad(HEAD "m=audio 65536 RTP/AVP 0\r\n");
	bad(HEAD "m=audio -1 RTP/AVP 0\r\n");
	bad(HEAD "m=audio 4000 RTP/AVP 128\r\n");
	bad(HEAD "m=audio 4000 RTP/AVP x\r\n");
	bad(HEAD "m=a\rudio 4000 RTP/AVP 0\r\n");
	bad(HEAD "m=aaaaaaaaaaaaaaaaaaaaaaaaaa 4000 RTP/AVP 0\r\n");
	for (int i = 0; i < SDP_MEDIA_MAX + 1; i++)
		strcat(many, "m=audio 4000 RTP/AVP 0\r\n");
	assert_string_equal(bad(many), "too many m= lines");
	assert_int_equal(sdp_parse(&parsed, (const uint8_t *)"v=0\r\no=\0", 8, &err), -EINVAL);
	assert_int_equal(sdp_parse(&parsed, (const uint8_t *)HEAD "m=audio", strlen(HEAD "m=audio"),
	                     &err),
	    -EINVAL);
	assert_int_equal(err.line, 6);
}

static void
test_odd_but_taken(void **unused)
{
	const struct sdp_media *m;

	(void)unused;
	good("v=0\r\no=- 99999999999999999999999 x IN IP4 not.an.address\r\ns=\xff\xfe\r\nc=IN IP4 "
	     "192.0.2.1/127\r\nt=0 0\r\nb=AS:64\r\n"
	     "k=x\r\nz=?\r\na=ptime:30\r\nm=audio 4000/2 RTP/AVP 0 101 "
	     "0\r\na=rtpmap:101\r\na=rtpmap:200 X/8000\r\na=rtpmap:0 PCMU\r\n"
	     "a=fmtp:\r\na=fmtp:101  0-15\r\na=ptime:20.0\r\na=rtcp:0\r\na=rtcp:5001 IN IP4 "
	     "192.0.2.2\r\na=\r\na=:\r\n\r\n");
	m = &parsed.media[0];
	assert_int_equal(parsed.origin_id, 0);
	assert_int_equal(m->nfmts, 2);
	assert_int_equal(m->fmts[1].clock_hz, 0);
	assert_int_equal(m->fmts[1].fmtp.len, 4);
	assert_int_equal(m->ptime_ms, 20);
	assert_addr(&m->rtcp, "192.0.2.2:5001");
	assert_addr(&m->addr, "192.0.2.1:4000");
}

static void
test_no_room(void **unused)
{
	struct sdp_local local = here();
	struct sdp_state st;
	const char *reason;
	char small[196];

	(void)unused;
	sdp_state_init(&st, 5);
	assert_int_equal(sdp_take_offer(&st, good(yealink), &reason), 0);
	for (size_t n = 0; n <= sizeof(small); n++)	/* as long as the answer, without its NUL */
		assert_int_equal(sdp_make_answer(&st, &local, NULL, small, n), -ENOSPC);
	assert_false(st.negotiated);
	assert_int_equal(st.version, 0);
	assert_true(sdp_make_answer(&st, &local, NULL, out, sizeof(out)) > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_yealink),
		cmocka_unit_test(test_polycom_bare_lf_and_event_127),
		cmocka_unit_test(test_like_avoids_transcoding),
		cmocka_unit_test(test_srtp),
		cmocka_unit_test(test_linphone_ipv6_avpf_video),
		cmocka_unit_test(test_holds),
		cmocka_unit_test(test_version_rises_only_with_the_body),
		cmocka_unit_test(test_our_offer),
		cmocka_unit_test(test_reoffer_keeps_lines_and_numbers),
		cmocka_unit_test(test_t38_and_ended),
		cmocka_unit_test(test_codecs_of_an_extension),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_parse_errors),
		cmocka_unit_test(test_odd_but_taken),
		cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
