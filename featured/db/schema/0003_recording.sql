-- SPDX-License-Identifier: ISC
-- Recordings of calls: the row is there before the file.

CREATE TABLE recording (
	id uuid PRIMARY KEY,
	call_id uuid NOT NULL,
	rev bigint NOT NULL,
	state text NOT NULL CHECK (state IN ('recording', 'done', 'failed', 'deleted')),
	path text NOT NULL,
	channels integer NOT NULL,
	from_extension text NOT NULL,
	to_extension text NOT NULL,
	started_by text NOT NULL,
	start_time timestamptz NOT NULL,
	end_time timestamptz,
	duration_ms bigint NOT NULL,
	bytes bigint NOT NULL,
	outcome text NOT NULL,
	stored timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX recording_start ON recording (start_time);
CREATE INDEX recording_call ON recording (call_id);
COMMENT ON TABLE recording IS 'Recordings of calls, a row each; files are below mediad''s recording.storage_path.';
COMMENT ON COLUMN recording.id IS 'UUIDv7 of the recording.';
COMMENT ON COLUMN recording.call_id IS 'The call that it is of; after a transfer the one that went on.';
COMMENT ON COLUMN recording.rev IS 'Number of its state: a higher one is newer.';
COMMENT ON COLUMN recording.state IS 'recording, done, failed (there is no file, or what is in it is not all) or deleted (its time was over).';
COMMENT ON COLUMN recording.path IS 'The file.';
COMMENT ON COLUMN recording.channels IS '2: the caller''s side and the other''s, a channel each; 1: both in one.';
COMMENT ON COLUMN recording.from_extension IS 'Who called.';
COMMENT ON COLUMN recording.to_extension IS 'Who was called.';
COMMENT ON COLUMN recording.started_by IS 'auto, api, or the extension that keyed it.';
COMMENT ON COLUMN recording.start_time IS 'When it began.';
COMMENT ON COLUMN recording.end_time IS 'When it ended; null: not yet.';
COMMENT ON COLUMN recording.duration_ms IS 'Milliseconds of sound, without pauses.';
COMMENT ON COLUMN recording.bytes IS 'Octets of the file.';
COMMENT ON COLUMN recording.outcome IS 'Why it ended, in words; empty: it goes on.';
COMMENT ON COLUMN recording.stored IS 'When the row was last written.';

CREATE VIEW report.recording AS
SELECT id, call_id, state, path, channels, from_extension, to_extension, started_by, start_time, end_time,
	duration_ms, bytes, outcome
FROM recording;
COMMENT ON VIEW report.recording IS 'Recordings of calls, a row each.';
COMMENT ON COLUMN report.recording.id IS 'UUIDv7 of the recording.';
COMMENT ON COLUMN report.recording.call_id IS 'The call that it is of.';
COMMENT ON COLUMN report.recording.state IS 'recording, done, failed or deleted.';
COMMENT ON COLUMN report.recording.path IS 'The file, below mediad''s recording.storage_path.';
COMMENT ON COLUMN report.recording.channels IS '2: the caller''s side and the other''s, a channel each; 1: both in one.';
COMMENT ON COLUMN report.recording.from_extension IS 'Who called.';
COMMENT ON COLUMN report.recording.to_extension IS 'Who was called.';
COMMENT ON COLUMN report.recording.started_by IS 'auto, api, or the extension that keyed it.';
COMMENT ON COLUMN report.recording.start_time IS 'When it began.';
COMMENT ON COLUMN report.recording.end_time IS 'When it ended; null: not yet.';
COMMENT ON COLUMN report.recording.duration_ms IS 'Milliseconds of sound, without pauses.';
COMMENT ON COLUMN report.recording.bytes IS 'Octets of the file.';
COMMENT ON COLUMN report.recording.outcome IS 'Why it ended, in words; empty: it goes on.';
