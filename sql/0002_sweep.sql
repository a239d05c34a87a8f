-- What no webhook told: the provider's own list of events is read from time to time, and what is missing joins the inbox.

CREATE TABLE sweeps (
    provider      text PRIMARY KEY,
    last_event_id text,
    swept_until   timestamptz NOT NULL,
    ran_at        timestamptz NOT NULL
);
COMMENT ON TABLE sweeps IS 'How far the list of events of each provider has been read.';
COMMENT ON COLUMN sweeps.provider IS 'Whose.';
COMMENT ON COLUMN sweeps.last_event_id IS 'The newest event that was read.';
COMMENT ON COLUMN sweeps.swept_until IS 'When the provider made it.';
COMMENT ON COLUMN sweeps.ran_at IS 'When the list was last read.';
GRANT SELECT, INSERT, UPDATE ON sweeps TO {{app_role}};

ALTER TABLE webhook_events
    ALTER COLUMN payload DROP NOT NULL,
    ADD COLUMN source text NOT NULL DEFAULT 'delivered' CHECK (source IN ('delivered', 'swept'));
COMMENT ON COLUMN webhook_events.payload IS 'The raw bytes, encrypted; NULL for one that was swept.';
COMMENT ON COLUMN webhook_events.source IS 'delivered to us, or swept: found in the provider''s list.';
