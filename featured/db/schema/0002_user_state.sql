-- SPDX-License-Identifier: ISC
-- What users set by feature codes and over the API; a copy of featured's own file.

CREATE TABLE user_state (
	extension text PRIMARY KEY,
	dnd boolean NOT NULL,
	reject_anonymous boolean NOT NULL,
	call_waiting boolean NOT NULL,
	forward_all text,
	forward_busy text,
	forward_noanswer text,
	forward_unregistered text,
	blacklist text[] NOT NULL,
	speed_dials text[] NOT NULL,
	changed_ms bigint NOT NULL
);
COMMENT ON TABLE user_state IS 'What users have set for their extensions. A copy of featured''s file users.ckpt; of two copies the later one counts.';
COMMENT ON COLUMN user_state.extension IS 'Whose it is.';
COMMENT ON COLUMN user_state.dnd IS 'Do not disturb.';
COMMENT ON COLUMN user_state.reject_anonymous IS 'Calls without a number are refused.';
COMMENT ON COLUMN user_state.call_waiting IS 'False: busy while in a call.';
COMMENT ON COLUMN user_state.forward_all IS 'Where all calls go; null: not forwarded.';
COMMENT ON COLUMN user_state.forward_busy IS 'Where calls go when busy; null: not forwarded.';
COMMENT ON COLUMN user_state.forward_noanswer IS 'Where calls go that are not answered; null: not forwarded.';
COMMENT ON COLUMN user_state.forward_unregistered IS 'Where calls go when no phone is registered; null: not forwarded.';
COMMENT ON COLUMN user_state.blacklist IS 'Callers who are refused; one that ends in * stands for all that begin so.';
COMMENT ON COLUMN user_state.speed_dials IS 'Entries NN=NUMBER.';
COMMENT ON COLUMN user_state.changed_ms IS 'Unix time of the last change, milliseconds.';
