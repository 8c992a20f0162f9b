-- SPDX-License-Identifier: ISC
-- The tables of the first version, and schema report, which is what reporting tools and apid may rely on: its columns stay.

CREATE TABLE IF NOT EXISTS schema_migration (
	version integer PRIMARY KEY,
	name text NOT NULL,
	applied timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE schema_migration IS 'Which files of featured/db/schema were applied, and when.';
COMMENT ON COLUMN schema_migration.version IS 'Number at the head of the file''s name.';
COMMENT ON COLUMN schema_migration.name IS 'Rest of the file''s name.';
COMMENT ON COLUMN schema_migration.applied IS 'When it was applied.';

CREATE TABLE binding (
	id bigint PRIMARY KEY,
	aor text NOT NULL,
	uri text NOT NULL,
	params text NOT NULL,
	source text NOT NULL,
	path text NOT NULL,
	user_agent text NOT NULL,
	sip_call_id text NOT NULL,
	cseq bigint NOT NULL,
	q integer NOT NULL,
	transport integer NOT NULL,
	since timestamptz NOT NULL,
	updated timestamptz NOT NULL,
	expires timestamptz NOT NULL
);
COMMENT ON TABLE binding IS 'Where registered phones are reached. A copy of featured''s memory, read only after the machine has restarted.';
COMMENT ON COLUMN binding.id IS 'Random; the same through all refreshes of a contact.';
COMMENT ON COLUMN binding.aor IS 'Address of record, user@domain.';
COMMENT ON COLUMN binding.uri IS 'Contact URI as the phone sent it.';
COMMENT ON COLUMN binding.params IS 'Header parameters of the Contact other than expires.';
COMMENT ON COLUMN binding.source IS 'Address and port that the REGISTER came from; calls go there.';
COMMENT ON COLUMN binding.path IS 'Path header (RFC 3327); empty: none.';
COMMENT ON COLUMN binding.user_agent IS 'User-Agent of the phone.';
COMMENT ON COLUMN binding.sip_call_id IS 'Call-ID of the last REGISTER.';
COMMENT ON COLUMN binding.cseq IS 'CSeq of the last REGISTER.';
COMMENT ON COLUMN binding.q IS 'Preference, 0 to 1000.';
COMMENT ON COLUMN binding.transport IS '1 UDP, 2 TCP, 3 TLS, 4 WSS.';
COMMENT ON COLUMN binding.since IS 'First registered.';
COMMENT ON COLUMN binding.updated IS 'Last refreshed.';
COMMENT ON COLUMN binding.expires IS 'Registered until.';

CREATE TABLE cdr (
	call_id uuid PRIMARY KEY,
	from_extension text NOT NULL,
	from_name text NOT NULL,
	to_extension text NOT NULL,
	start_time timestamptz NOT NULL,
	answer_time timestamptz,
	end_time timestamptz NOT NULL,
	disposition text NOT NULL CHECK (disposition IN ('answered', 'no_answer', 'busy', 'failed', 'cancelled')),
	duration_ms bigint NOT NULL,
	billsec_ms bigint NOT NULL,
	recording_file text,
	hangup_cause text NOT NULL,
	hangup_by text NOT NULL CHECK (hangup_by IN ('', 'caller', 'callee', 'system')),
	sip_status integer NOT NULL,
	q850_cause integer NOT NULL,
	user_agent text NOT NULL,
	sip_call_id text NOT NULL,
	caller_codec text,
	caller_packets_in bigint,
	caller_packets_out bigint,
	caller_lost_in bigint,
	caller_jitter_us bigint,
	caller_far_lost bigint,
	caller_far_jitter_us bigint,
	caller_rtt_us bigint,
	caller_remote text,
	callee_codec text,
	callee_packets_in bigint,
	callee_packets_out bigint,
	callee_lost_in bigint,
	callee_jitter_us bigint,
	callee_far_lost bigint,
	callee_far_jitter_us bigint,
	callee_rtt_us bigint,
	callee_remote text,
	trace text NOT NULL,
	stored timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX cdr_start_time ON cdr (start_time);
COMMENT ON TABLE cdr IS 'One row for each call, written once it is over; carried here from the spool on disk.';
COMMENT ON COLUMN cdr.call_id IS 'UUIDv7 of the call, the same in logs, traces and the API.';
COMMENT ON COLUMN cdr.from_extension IS 'Who called.';
COMMENT ON COLUMN cdr.from_name IS 'The caller''s name as it was shown.';
COMMENT ON COLUMN cdr.to_extension IS 'Who was called.';
COMMENT ON COLUMN cdr.start_time IS 'The INVITE arrived, or the API asked for the call.';
COMMENT ON COLUMN cdr.answer_time IS 'The callee answered; null: never.';
COMMENT ON COLUMN cdr.end_time IS 'The call was over.';
COMMENT ON COLUMN cdr.disposition IS 'answered, no_answer, busy, failed or cancelled.';
COMMENT ON COLUMN cdr.duration_ms IS 'From start_time to end_time, milliseconds.';
COMMENT ON COLUMN cdr.billsec_ms IS 'From answer_time to end_time, milliseconds; 0 when not answered.';
COMMENT ON COLUMN cdr.recording_file IS 'Recording of the call; null: none.';
COMMENT ON COLUMN cdr.hangup_cause IS 'Why it ended, in words.';
COMMENT ON COLUMN cdr.hangup_by IS 'Who ended it: caller, callee or system; empty: not known.';
COMMENT ON COLUMN cdr.sip_status IS 'Final SIP status that the caller got; 200 when answered.';
COMMENT ON COLUMN cdr.q850_cause IS 'Q.850 cause; 0: not known.';
COMMENT ON COLUMN cdr.user_agent IS 'User-Agent of the caller''s phone.';
COMMENT ON COLUMN cdr.sip_call_id IS 'SIP Call-ID of the caller''s leg; empty for a call that the API started.';
COMMENT ON COLUMN cdr.caller_codec IS 'Codec that the caller sent last; null: no media.';
COMMENT ON COLUMN cdr.caller_packets_in IS 'RTP packets from the caller.';
COMMENT ON COLUMN cdr.caller_packets_out IS 'RTP packets to the caller.';
COMMENT ON COLUMN cdr.caller_lost_in IS 'RTP packets of the caller that were lost on the way to us.';
COMMENT ON COLUMN cdr.caller_jitter_us IS 'Jitter of the caller''s stream (RFC 3550), microseconds.';
COMMENT ON COLUMN cdr.caller_far_lost IS 'RTP packets of ours that the caller missed, by its RTCP.';
COMMENT ON COLUMN cdr.caller_far_jitter_us IS 'Jitter of our stream at the caller, by its RTCP, microseconds.';
COMMENT ON COLUMN cdr.caller_rtt_us IS 'Round trip to the caller, by RTCP, microseconds; 0: not known.';
COMMENT ON COLUMN cdr.caller_remote IS 'Address and port of the caller''s RTP.';
COMMENT ON COLUMN cdr.callee_codec IS 'Codec that the callee sent last; null: no media.';
COMMENT ON COLUMN cdr.callee_packets_in IS 'RTP packets from the callee.';
COMMENT ON COLUMN cdr.callee_packets_out IS 'RTP packets to the callee.';
COMMENT ON COLUMN cdr.callee_lost_in IS 'RTP packets of the callee that were lost on the way to us.';
COMMENT ON COLUMN cdr.callee_jitter_us IS 'Jitter of the callee''s stream (RFC 3550), microseconds.';
COMMENT ON COLUMN cdr.callee_far_lost IS 'RTP packets of ours that the callee missed, by its RTCP.';
COMMENT ON COLUMN cdr.callee_far_jitter_us IS 'Jitter of our stream at the callee, by its RTCP, microseconds.';
COMMENT ON COLUMN cdr.callee_rtt_us IS 'Round trip to the callee, by RTCP, microseconds; 0: not known.';
COMMENT ON COLUMN cdr.callee_remote IS 'Address and port of the callee''s RTP.';
COMMENT ON COLUMN cdr.trace IS 'Every decision made about the call, a line each: Unix ms, source, event, detail, parted by tabs.';
COMMENT ON COLUMN cdr.stored IS 'When the row was written.';

CREATE TABLE api_token (
	id bigint PRIMARY KEY,
	hash bytea NOT NULL UNIQUE,
	name text NOT NULL,
	admin boolean NOT NULL,
	created timestamptz NOT NULL,
	revoked timestamptz
);
COMMENT ON TABLE api_token IS 'Tokens of the API. The token itself is told once, when it is made, and kept nowhere.';
COMMENT ON COLUMN api_token.id IS 'Number by which it is listed and revoked.';
COMMENT ON COLUMN api_token.hash IS 'SHA-256 of the token''s text.';
COMMENT ON COLUMN api_token.name IS 'What it is for.';
COMMENT ON COLUMN api_token.admin IS 'May make and revoke tokens.';
COMMENT ON COLUMN api_token.created IS 'When it was made.';
COMMENT ON COLUMN api_token.revoked IS 'When it stopped being valid; null: it is valid.';

CREATE SCHEMA report;
COMMENT ON SCHEMA report IS 'Views for reporting tools. Their columns are kept; new ones are added at the end.';

CREATE VIEW report.cdr AS
SELECT call_id, from_extension, to_extension, start_time, answer_time, end_time, disposition,
	((duration_ms + 500) / 1000)::integer AS duration, ((billsec_ms + 500) / 1000)::integer AS billsec,
	recording_file, hangup_cause, user_agent, from_name, hangup_by, sip_status, q850_cause, sip_call_id, duration_ms, billsec_ms,
	caller_codec, caller_packets_in, caller_packets_out, caller_lost_in, round(caller_jitter_us / 1000.0, 3) AS caller_jitter_ms,
	callee_codec, callee_packets_in, callee_packets_out, callee_lost_in, round(callee_jitter_us / 1000.0, 3) AS callee_jitter_ms
FROM cdr;
COMMENT ON VIEW report.cdr IS 'Call records, one row a call.';
COMMENT ON COLUMN report.cdr.call_id IS 'UUIDv7 of the call.';
COMMENT ON COLUMN report.cdr.from_extension IS 'Who called.';
COMMENT ON COLUMN report.cdr.to_extension IS 'Who was called.';
COMMENT ON COLUMN report.cdr.start_time IS 'When the call began.';
COMMENT ON COLUMN report.cdr.answer_time IS 'When it was answered; null: never.';
COMMENT ON COLUMN report.cdr.end_time IS 'When it was over.';
COMMENT ON COLUMN report.cdr.disposition IS 'answered, no_answer, busy, failed or cancelled.';
COMMENT ON COLUMN report.cdr.duration IS 'Seconds from start to end, rounded.';
COMMENT ON COLUMN report.cdr.billsec IS 'Seconds from answer to end, rounded.';
COMMENT ON COLUMN report.cdr.recording_file IS 'Recording of the call; null: none.';
COMMENT ON COLUMN report.cdr.hangup_cause IS 'Why it ended, in words.';
COMMENT ON COLUMN report.cdr.user_agent IS 'User-Agent of the caller''s phone.';
COMMENT ON COLUMN report.cdr.from_name IS 'The caller''s name as it was shown.';
COMMENT ON COLUMN report.cdr.hangup_by IS 'caller, callee or system; empty: not known.';
COMMENT ON COLUMN report.cdr.sip_status IS 'Final SIP status that the caller got.';
COMMENT ON COLUMN report.cdr.q850_cause IS 'Q.850 cause; 0: not known.';
COMMENT ON COLUMN report.cdr.sip_call_id IS 'SIP Call-ID of the caller''s leg.';
COMMENT ON COLUMN report.cdr.duration_ms IS 'Milliseconds from start to end.';
COMMENT ON COLUMN report.cdr.billsec_ms IS 'Milliseconds from answer to end.';
COMMENT ON COLUMN report.cdr.caller_codec IS 'Codec that the caller sent.';
COMMENT ON COLUMN report.cdr.caller_packets_in IS 'RTP packets from the caller.';
COMMENT ON COLUMN report.cdr.caller_packets_out IS 'RTP packets to the caller.';
COMMENT ON COLUMN report.cdr.caller_lost_in IS 'RTP packets of the caller that were lost.';
COMMENT ON COLUMN report.cdr.caller_jitter_ms IS 'Jitter of the caller''s stream, milliseconds.';
COMMENT ON COLUMN report.cdr.callee_codec IS 'Codec that the callee sent.';
COMMENT ON COLUMN report.cdr.callee_packets_in IS 'RTP packets from the callee.';
COMMENT ON COLUMN report.cdr.callee_packets_out IS 'RTP packets to the callee.';
COMMENT ON COLUMN report.cdr.callee_lost_in IS 'RTP packets of the callee that were lost.';
COMMENT ON COLUMN report.cdr.callee_jitter_ms IS 'Jitter of the callee''s stream, milliseconds.';

CREATE VIEW report.call_trace AS
SELECT call_id, start_time, trace FROM cdr;
COMMENT ON VIEW report.call_trace IS 'The traces of ended calls as text.';
COMMENT ON COLUMN report.call_trace.call_id IS 'UUIDv7 of the call.';
COMMENT ON COLUMN report.call_trace.start_time IS 'When the call began.';
COMMENT ON COLUMN report.call_trace.trace IS 'Lines of: Unix ms, source, event, detail, parted by tabs.';

CREATE VIEW report.call_event AS
SELECT call_id, start_time, n AS position, to_timestamp(split_part(line, E'\t', 1)::bigint / 1000.0) AS at,
	split_part(line, E'\t', 2) AS source, split_part(line, E'\t', 3) AS event, split_part(line, E'\t', 4) AS detail
FROM cdr, string_to_table(trace, E'\n') WITH ORDINALITY AS l (line, n)
WHERE line ~ '^[0-9]{1,15}\t';
COMMENT ON VIEW report.call_event IS 'The traces of ended calls, a row for each decision.';
COMMENT ON COLUMN report.call_event.call_id IS 'UUIDv7 of the call.';
COMMENT ON COLUMN report.call_event.start_time IS 'When the call began.';
COMMENT ON COLUMN report.call_event.position IS 'Order within the call, from 1.';
COMMENT ON COLUMN report.call_event.at IS 'When it happened.';
COMMENT ON COLUMN report.call_event.source IS 'sip, media, route, app, api, timer or sync.';
COMMENT ON COLUMN report.call_event.event IS 'What happened.';
COMMENT ON COLUMN report.call_event.detail IS 'The particulars.';

CREATE VIEW report.calls_per_day AS
SELECT start_time::date AS day, count(*) AS total, count(*) FILTER (WHERE disposition = 'answered') AS answered,
	count(*) FILTER (WHERE disposition = 'no_answer') AS no_answer, count(*) FILTER (WHERE disposition = 'busy') AS busy,
	count(*) FILTER (WHERE disposition = 'failed') AS failed, count(*) FILTER (WHERE disposition = 'cancelled') AS cancelled,
	sum((duration_ms + 500) / 1000)::bigint AS duration, sum((billsec_ms + 500) / 1000)::bigint AS billsec
FROM cdr GROUP BY start_time::date;
COMMENT ON VIEW report.calls_per_day IS 'Calls by day of their start, in the session''s time zone.';
COMMENT ON COLUMN report.calls_per_day.day IS 'The day.';
COMMENT ON COLUMN report.calls_per_day.total IS 'All calls.';
COMMENT ON COLUMN report.calls_per_day.answered IS 'Those that were answered.';
COMMENT ON COLUMN report.calls_per_day.no_answer IS 'Those that nobody answered.';
COMMENT ON COLUMN report.calls_per_day.busy IS 'Those whose callee was busy.';
COMMENT ON COLUMN report.calls_per_day.failed IS 'Those that failed.';
COMMENT ON COLUMN report.calls_per_day.cancelled IS 'Those that the caller gave up.';
COMMENT ON COLUMN report.calls_per_day.duration IS 'Seconds from start to end, all together.';
COMMENT ON COLUMN report.calls_per_day.billsec IS 'Seconds from answer to end, all together.';

CREATE VIEW report.calls_per_extension AS
SELECT start_time::date AS day, extension, count(*) FILTER (WHERE outgoing) AS calls_made, count(*) FILTER (WHERE NOT outgoing) AS calls_got,
	count(*) FILTER (WHERE outgoing AND disposition = 'answered') AS made_answered,
	count(*) FILTER (WHERE NOT outgoing AND disposition = 'answered') AS got_answered,
	sum((billsec_ms + 500) / 1000)::bigint AS billsec
FROM (
	SELECT start_time, from_extension AS extension, true AS outgoing, disposition, billsec_ms FROM cdr
	UNION ALL
	SELECT start_time, to_extension, false, disposition, billsec_ms FROM cdr
) AS side
WHERE extension <> ''
GROUP BY start_time::date, extension;
COMMENT ON VIEW report.calls_per_extension IS 'Calls by day and by party, in the session''s time zone.';
COMMENT ON COLUMN report.calls_per_extension.day IS 'The day.';
COMMENT ON COLUMN report.calls_per_extension.extension IS 'The number, as caller or as callee.';
COMMENT ON COLUMN report.calls_per_extension.calls_made IS 'Calls that it made.';
COMMENT ON COLUMN report.calls_per_extension.calls_got IS 'Calls that were made to it.';
COMMENT ON COLUMN report.calls_per_extension.made_answered IS 'Calls made that were answered.';
COMMENT ON COLUMN report.calls_per_extension.got_answered IS 'Calls got that were answered.';
COMMENT ON COLUMN report.calls_per_extension.billsec IS 'Seconds from answer to end, all together.';

CREATE VIEW report.call_quality AS
SELECT call_id, start_time, party, extension, codec, packets_in, packets_out, lost_in,
	round(CASE WHEN packets_in + lost_in > 0 THEN 100.0 * lost_in / (packets_in + lost_in) ELSE 0 END, 3) AS loss_percent,
	round(jitter_us / 1000.0, 3) AS jitter_ms, far_lost, round(far_jitter_us / 1000.0, 3) AS far_jitter_ms,
	round(rtt_us / 1000.0, 3) AS rtt_ms, remote
FROM (
	SELECT call_id, start_time, 'caller' AS party, from_extension AS extension, caller_codec AS codec, caller_packets_in AS packets_in,
		caller_packets_out AS packets_out, caller_lost_in AS lost_in, caller_jitter_us AS jitter_us, caller_far_lost AS far_lost,
		caller_far_jitter_us AS far_jitter_us, caller_rtt_us AS rtt_us, caller_remote AS remote
	FROM cdr WHERE caller_codec IS NOT NULL
	UNION ALL
	SELECT call_id, start_time, 'callee', to_extension, callee_codec, callee_packets_in, callee_packets_out, callee_lost_in,
		callee_jitter_us, callee_far_lost, callee_far_jitter_us, callee_rtt_us, callee_remote
	FROM cdr WHERE callee_codec IS NOT NULL
) AS leg;
COMMENT ON VIEW report.call_quality IS 'How well each party of each call was heard, a row for each leg with media.';
COMMENT ON COLUMN report.call_quality.call_id IS 'UUIDv7 of the call.';
COMMENT ON COLUMN report.call_quality.start_time IS 'When the call began.';
COMMENT ON COLUMN report.call_quality.party IS 'caller or callee.';
COMMENT ON COLUMN report.call_quality.extension IS 'Its number.';
COMMENT ON COLUMN report.call_quality.codec IS 'Codec that it sent.';
COMMENT ON COLUMN report.call_quality.packets_in IS 'RTP packets from it.';
COMMENT ON COLUMN report.call_quality.packets_out IS 'RTP packets to it.';
COMMENT ON COLUMN report.call_quality.lost_in IS 'RTP packets from it that were lost.';
COMMENT ON COLUMN report.call_quality.loss_percent IS 'The same in percent of what it sent.';
COMMENT ON COLUMN report.call_quality.jitter_ms IS 'Jitter of its stream, milliseconds.';
COMMENT ON COLUMN report.call_quality.far_lost IS 'RTP packets to it that it missed, by its RTCP.';
COMMENT ON COLUMN report.call_quality.far_jitter_ms IS 'Jitter of our stream there, by its RTCP, milliseconds.';
COMMENT ON COLUMN report.call_quality.rtt_ms IS 'Round trip, by RTCP, milliseconds; 0: not known.';
COMMENT ON COLUMN report.call_quality.remote IS 'Address and port of its RTP.';

CREATE VIEW report.registration AS
SELECT split_part(aor, '@', 1) AS extension, aor, uri AS contact, source, user_agent, since, updated, expires
FROM binding;
COMMENT ON VIEW report.registration IS 'Contacts of registered phones, up to a second old.';
COMMENT ON COLUMN report.registration.extension IS 'User of the address of record.';
COMMENT ON COLUMN report.registration.aor IS 'Address of record.';
COMMENT ON COLUMN report.registration.contact IS 'Contact URI as the phone sent it.';
COMMENT ON COLUMN report.registration.source IS 'Address and port that it registers from.';
COMMENT ON COLUMN report.registration.user_agent IS 'User-Agent of the phone.';
COMMENT ON COLUMN report.registration.since IS 'First registered.';
COMMENT ON COLUMN report.registration.updated IS 'Last refreshed.';
COMMENT ON COLUMN report.registration.expires IS 'Registered until.';
