-- SPDX-License-Identifier: ISC
-- Whom a call went to: who answered it, and where it was transferred to.

ALTER TABLE cdr ADD COLUMN answered_by text, ADD COLUMN transferred_by text, ADD COLUMN transferred_to text;
COMMENT ON COLUMN cdr.answered_by IS 'Who answered: an extension; * and a number for the mailbox that took a message; null: nobody, or another service of Warden.';
COMMENT ON COLUMN cdr.transferred_by IS 'Who transferred or parked the call last; null: nobody.';
COMMENT ON COLUMN cdr.transferred_to IS 'Whom the call went on to after it was answered, by transfer, parking or takeover: who answered there, else the number; null: nobody.';

CREATE OR REPLACE VIEW report.cdr AS
SELECT call_id, from_extension, to_extension, start_time, answer_time, end_time, disposition,
	((duration_ms + 500) / 1000)::integer AS duration, ((billsec_ms + 500) / 1000)::integer AS billsec,
	recording_file, hangup_cause, user_agent, from_name, hangup_by, sip_status, q850_cause, sip_call_id, duration_ms, billsec_ms,
	caller_codec, caller_packets_in, caller_packets_out, caller_lost_in, round(caller_jitter_us / 1000.0, 3) AS caller_jitter_ms,
	callee_codec, callee_packets_in, callee_packets_out, callee_lost_in, round(callee_jitter_us / 1000.0, 3) AS callee_jitter_ms,
	answered_by, transferred_by, transferred_to
FROM cdr;
COMMENT ON COLUMN report.cdr.answered_by IS 'Who answered: an extension; * and a number for the mailbox that took a message; null: nobody, or another service of Warden.';
COMMENT ON COLUMN report.cdr.transferred_by IS 'Who transferred or parked the call last; null: nobody.';
COMMENT ON COLUMN report.cdr.transferred_to IS 'Whom the call went on to after it was answered, by transfer, parking or takeover: who answered there, else the number; null: nobody.';
