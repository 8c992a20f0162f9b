-- SPDX-License-Identifier: ISC
-- Voicemail: what featured's index of messages holds, copied; and what waits to be sent to the world (mail, webhooks).

CREATE TABLE voicemail_message (
	id uuid PRIMARY KEY,
	mailbox text NOT NULL,
	state text NOT NULL,
	folder text NOT NULL,
	heard boolean NOT NULL,
	urgent boolean NOT NULL,
	caller text NOT NULL,
	caller_name text NOT NULL,
	call_id uuid NOT NULL,
	received timestamptz NOT NULL,
	changed timestamptz NOT NULL,
	duration_ms bigint NOT NULL,
	bytes bigint NOT NULL,
	file text NOT NULL,
	comment_file text
);
CREATE INDEX voicemail_message_mailbox ON voicemail_message (mailbox, received);
COMMENT ON TABLE voicemail_message IS 'Voicemail messages. A row is there before its file is.';
COMMENT ON COLUMN voicemail_message.id IS 'UUIDv7 of the message.';
COMMENT ON COLUMN voicemail_message.mailbox IS 'Extension that it was left for.';
COMMENT ON COLUMN voicemail_message.state IS 'recording, draft (recorded, its caller may still do it again), kept, deleted (its owner may still take it back), gone.';
COMMENT ON COLUMN voicemail_message.folder IS 'new, old, work, family or friends.';
COMMENT ON COLUMN voicemail_message.heard IS 'It has been played to its owner.';
COMMENT ON COLUMN voicemail_message.urgent IS 'Its caller said so.';
COMMENT ON COLUMN voicemail_message.caller IS 'Number of who left it.';
COMMENT ON COLUMN voicemail_message.caller_name IS 'Name of who left it.';
COMMENT ON COLUMN voicemail_message.call_id IS 'UUIDv7 of the call in which it was left (cdr.call_id).';
COMMENT ON COLUMN voicemail_message.received IS 'When the recording began, or when it was forwarded.';
COMMENT ON COLUMN voicemail_message.changed IS 'When this row''s meaning changed last.';
COMMENT ON COLUMN voicemail_message.duration_ms IS 'Length in milliseconds, with the comment.';
COMMENT ON COLUMN voicemail_message.bytes IS 'Size of its file.';
COMMENT ON COLUMN voicemail_message.file IS 'Its file, relative to mediad''s voicemail directory, without extension; a forwarded message shares it.';
COMMENT ON COLUMN voicemail_message.comment_file IS 'The file of what its forwarder said before it, or NULL.';

CREATE TABLE outbox (
	kind text NOT NULL,
	subject uuid NOT NULL,
	created timestamptz NOT NULL DEFAULT now(),
	payload jsonb NOT NULL,
	done timestamptz,
	PRIMARY KEY (kind, subject)
);
COMMENT ON TABLE outbox IS 'Events that are to be sent to the world, each once.';
COMMENT ON COLUMN outbox.kind IS 'voicemail: a message was left (voicemail.email_notifications).';
COMMENT ON COLUMN outbox.subject IS 'What it is about: for voicemail the id of the message.';
COMMENT ON COLUMN outbox.created IS 'When it was put here.';
COMMENT ON COLUMN outbox.payload IS 'What is to be told.';
COMMENT ON COLUMN outbox.done IS 'When it was sent; NULL: not yet.';

CREATE VIEW report.voicemail AS
SELECT id AS message_id, mailbox, folder, heard, urgent, caller, caller_name, call_id, received,
	round(duration_ms / 1000.0, 1) AS seconds, bytes
FROM voicemail_message WHERE state = 'kept';
COMMENT ON VIEW report.voicemail IS 'Messages that their owners can hear.';
COMMENT ON COLUMN report.voicemail.message_id IS 'UUIDv7 of the message.';
COMMENT ON COLUMN report.voicemail.mailbox IS 'Extension that it was left for.';
COMMENT ON COLUMN report.voicemail.folder IS 'new, old, work, family or friends.';
COMMENT ON COLUMN report.voicemail.heard IS 'It has been played to its owner.';
COMMENT ON COLUMN report.voicemail.urgent IS 'Its caller said so.';
COMMENT ON COLUMN report.voicemail.caller IS 'Number of who left it.';
COMMENT ON COLUMN report.voicemail.caller_name IS 'Name of who left it.';
COMMENT ON COLUMN report.voicemail.call_id IS 'UUIDv7 of the call in which it was left.';
COMMENT ON COLUMN report.voicemail.received IS 'When it was left or forwarded.';
COMMENT ON COLUMN report.voicemail.seconds IS 'Its length.';
COMMENT ON COLUMN report.voicemail.bytes IS 'Size of its file.';
