-- Holds that are captured in parts.

ALTER TABLE payments ADD COLUMN multicapture boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN payments.multicapture IS 'Whether the provider lets what is authorized be captured in several parts.';

ALTER TABLE attempts ADD COLUMN final boolean NOT NULL DEFAULT true;
ALTER TABLE attempts ADD COLUMN target bigint NOT NULL DEFAULT 0;
ALTER TABLE attempts ADD COLUMN key_number integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN attempts.final IS 'Of a capture: whether it releases what is left; one of nothing only does that.';
COMMENT ON COLUMN attempts.target IS 'Of a capture: minor units that are captured in all once it is done.';
COMMENT ON COLUMN attempts.key_number IS 'Of a capture: the number in its provider key, which changes only once the provider has shown that it repeats a stored failure.';

INSERT INTO transitions (machine, from_state, to_state, why) VALUES
    ('attempt', 'not_executed', 'open', 'asked for again under its key');
