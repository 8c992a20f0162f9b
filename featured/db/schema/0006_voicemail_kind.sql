-- SPDX-License-Identifier: ISC
-- Greetings, comments and announcements beside the messages, so that featured's index can be made anew from this table.

ALTER TABLE voicemail_message ADD COLUMN kind text NOT NULL DEFAULT 'message';
COMMENT ON TABLE voicemail_message IS 'Voicemail messages, and what else is recorded for mailboxes. A row is there before its file is; one that is gone goes after 30 days.';
COMMENT ON COLUMN voicemail_message.kind IS 'message; unavailable, busy, name or temporary: a greeting; comment: what was said before a forwarded message; announcement: mailbox is its number.';
COMMENT ON TABLE outbox IS 'Events that are to be sent to the world, each once. They go after 30 days, sent or not; the newest 100,000 are kept.';
CREATE INDEX outbox_created ON outbox (created);

CREATE OR REPLACE VIEW report.voicemail AS
SELECT id AS message_id, mailbox, folder, heard, urgent, caller, caller_name, call_id, received,
	round(duration_ms / 1000.0, 1) AS seconds, bytes
FROM voicemail_message WHERE state = 'kept' AND kind = 'message';
