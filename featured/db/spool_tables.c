/* SPDX-License-Identifier: ISC */
/*
 * Which line of the spool goes into which table, and how. Statements take a JSON array of lines and
 * may be repeated: a row that is there already with the same or a newer state stays as it is.
 */
#include "featured/db/spool_impl.h"

static const char insert_cdr[] =
    "INSERT INTO cdr (call_id, from_extension, from_name, to_extension, start_time, answer_time, "
    "end_time, disposition, duration_ms,"
    "  billsec_ms, hangup_cause, hangup_by, sip_status, q850_cause, user_agent, sip_call_id,"
    "  caller_codec, caller_packets_in, caller_packets_out, caller_lost_in, caller_jitter_us, "
    "caller_far_lost, caller_far_jitter_us,"
    "  caller_rtt_us, caller_remote, callee_codec, callee_packets_in, callee_packets_out, "
    "callee_lost_in, callee_jitter_us,"
    "  callee_far_lost, callee_far_jitter_us, callee_rtt_us, callee_remote, trace, recording_file,"
    "  answered_by, transferred_by, transferred_to)"
    " SELECT call_id, from_extension, from_name, to_extension, to_timestamp(start_ms / 1000.0), "
    "to_timestamp(answer_ms / 1000.0),"
    "  to_timestamp(end_ms / 1000.0), disposition, duration_ms, billsec_ms, hangup_cause, "
    "hangup_by, sip_status, q850_cause, user_agent,"
    "  sip_call_id, caller_codec, caller_packets_in, caller_packets_out, caller_lost_in, "
    "caller_jitter_us, caller_far_lost,"
    "  caller_far_jitter_us, caller_rtt_us, caller_remote, callee_codec, callee_packets_in, "
    "callee_packets_out, callee_lost_in,"
    "  callee_jitter_us, callee_far_lost, callee_far_jitter_us, callee_rtt_us, callee_remote, "
    "trace, "
    "recording_file, answered_by, transferred_by, transferred_to"
    " FROM json_to_recordset($1::json) AS r (call_id uuid, from_extension text, from_name text, "
    "to_extension text, start_ms bigint,"
    "  answer_ms bigint, end_ms bigint, disposition text, duration_ms bigint, billsec_ms bigint, "
    "hangup_cause text, hangup_by text,"
    "  sip_status int, q850_cause int, user_agent text, sip_call_id text,"
    "  caller_codec text, caller_packets_in bigint, caller_packets_out bigint, caller_lost_in "
    "bigint, caller_jitter_us bigint,"
    "  caller_far_lost bigint, caller_far_jitter_us bigint, caller_rtt_us bigint, caller_remote "
    "text,"
    "  callee_codec text, callee_packets_in bigint, callee_packets_out bigint, callee_lost_in "
    "bigint, callee_jitter_us bigint,"
    "  callee_far_lost bigint, callee_far_jitter_us bigint, callee_rtt_us bigint, callee_remote "
    "text, trace text, recording_file text, answered_by text, transferred_by text,"
    "  transferred_to text)"
    " ON CONFLICT (call_id) DO NOTHING";

/* The newest state of each row in the batch; rows cannot be touched twice by one statement. */
static const char insert_recording[] =
    "INSERT INTO recording (id, call_id, rev, state, path, channels, from_extension, to_extension,"
    "  started_by, start_time, end_time, duration_ms, bytes, outcome)"
    " SELECT DISTINCT ON (id) id, call_id, rev, state, path, channels, from_extension,"
    "  to_extension, started_by, to_timestamp(start_ms / 1000.0), to_timestamp(end_ms / 1000.0),"
    "  duration_ms, bytes, outcome"
    " FROM json_to_recordset($1::json) AS r (id uuid, call_id uuid, rev bigint, state text,"
    "  path text, channels int, from_extension text, to_extension text, started_by text,"
    "  start_ms bigint, end_ms bigint, duration_ms bigint, bytes bigint, outcome text)"
    " ORDER BY id, rev DESC"
    " ON CONFLICT (id) DO UPDATE SET call_id = EXCLUDED.call_id, rev = EXCLUDED.rev,"
    "  state = EXCLUDED.state, to_extension = EXCLUDED.to_extension,"
    "  end_time = EXCLUDED.end_time, duration_ms = EXCLUDED.duration_ms, bytes = EXCLUDED.bytes,"
    "  outcome = EXCLUDED.outcome, stored = now()"
    " WHERE recording.rev < EXCLUDED.rev";

static const struct spool_table tables[] = {
	{ SPOOL_FINAL, insert_cdr },
	{ SPOOL_RECORDING, insert_recording },
};

const struct spool_table *
spool_table(enum spool_kind kind)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		if (tables[i].kind == kind)
			return &tables[i];
	}
	return NULL;
}
