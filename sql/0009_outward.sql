-- What we tell others: events to the merchant's endpoints, each until it was taken, and mail to payers. What is to be told is
-- written in the transaction that made it happen; a lane of the queue of its own tells it, so that nobody's slow server keeps
-- a payment waiting.

-- The queue's lanes -------------------------------------------------------------------------------------------------

ALTER TABLE jobs ADD COLUMN lane text NOT NULL DEFAULT 'money' CHECK (lane IN ('money', 'outward'));
COMMENT ON COLUMN jobs.lane IS 'Who works it: outward is what calls servers of other people.';
DROP INDEX jobs_due;
CREATE INDEX jobs_due ON jobs (lane, run_at, id) WHERE state = 'available';

-- Events ------------------------------------------------------------------------------------------------------------

ALTER TABLE events
    ADD COLUMN version integer NOT NULL DEFAULT 1 CHECK (version > 0),
    ADD COLUMN previous jsonb;
UPDATE events e SET version = n.version
  FROM (SELECT id, row_number() OVER (PARTITION BY object_id ORDER BY created_at, id) AS version FROM events) n
 WHERE n.id = e.id AND n.version > 1;
ALTER TABLE events ALTER COLUMN version DROP DEFAULT;
DROP INDEX events_object;
CREATE INDEX events_object ON events (object_id, version);
CREATE INDEX events_type ON events (type, id);
CREATE INDEX events_time ON events (created_at);
COMMENT ON COLUMN events.version IS 'Counts the events about this object, from 1: the higher one is the later one.';
COMMENT ON COLUMN events.previous IS 'What the members that changed were in the event before; NULL in the first.';

-- Endpoints ---------------------------------------------------------------------------------------------------------

INSERT INTO transitions (machine, from_state, to_state, why) VALUES
    ('endpoint', 'enabled', 'disabled', 'switched off, gone, or failing for days'),
    ('endpoint', 'disabled', 'enabled', 'switched on again'),
    ('endpoint', 'enabled', 'deleted', 'given up by the merchant'),
    ('endpoint', 'disabled', 'deleted', 'given up by the merchant'),
    ('delivery', 'pending', 'delivered', 'the endpoint took it'),
    ('delivery', 'pending', 'failed', 'out of tries'),
    ('delivery', 'pending', 'cancelled', 'its endpoint is gone'),
    ('delivery', 'delivered', 'pending', 'asked for again'),
    ('delivery', 'failed', 'pending', 'asked for again');

CREATE TABLE webhook_endpoints (
    id                text PRIMARY KEY,
    mode              text NOT NULL CHECK (mode IN ('test', 'live')),
    url               text NOT NULL,
    description       text,
    events            jsonb NOT NULL CHECK (jsonb_typeof(events) = 'array'),
    status            text NOT NULL CHECK (status IN ('enabled', 'disabled', 'deleted')),
    disabled_reason   text,
    secret            bytea,
    secret_before     bytea,
    secret_changes_at timestamptz,
    failing_since     timestamptz,
    delivered_at      timestamptz,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    CHECK ((secret IS NULL) = (status = 'deleted'))
);
CREATE UNIQUE INDEX webhook_endpoints_url ON webhook_endpoints (mode, url) WHERE status <> 'deleted';
COMMENT ON TABLE webhook_endpoints IS 'Addresses of the merchant''s application that hear of events.';
COMMENT ON COLUMN webhook_endpoints.id IS 'whep_…';
COMMENT ON COLUMN webhook_endpoints.mode IS 'test or live.';
COMMENT ON COLUMN webhook_endpoints.url IS 'Where events are sent.';
COMMENT ON COLUMN webhook_endpoints.description IS 'What it is for, in the merchant''s words.';
COMMENT ON COLUMN webhook_endpoints.events IS 'Types of events it hears of; "*" is all, "payment.*" all about payments.';
COMMENT ON COLUMN webhook_endpoints.status IS 'enabled, disabled or deleted.';
COMMENT ON COLUMN webhook_endpoints.disabled_reason IS 'Why it is disabled: asked, gone (it answered 410) or failing.';
COMMENT ON COLUMN webhook_endpoints.secret IS 'What its messages are signed with, encrypted.';
COMMENT ON COLUMN webhook_endpoints.secret_before IS 'The secret before the last rotation, encrypted; signs beside it for a while.';
COMMENT ON COLUMN webhook_endpoints.secret_changes_at IS 'When the secret before stops signing.';
COMMENT ON COLUMN webhook_endpoints.failing_since IS 'When it last began to refuse everything; NULL while it takes what is sent.';
COMMENT ON COLUMN webhook_endpoints.delivered_at IS 'When it last took an event.';
COMMENT ON COLUMN webhook_endpoints.created_at IS 'When it was made.';
COMMENT ON COLUMN webhook_endpoints.updated_at IS 'When it was last changed.';
CREATE TRIGGER webhook_endpoints_transition BEFORE UPDATE OF status ON webhook_endpoints
    FOR EACH ROW EXECUTE FUNCTION check_transition('endpoint');

CREATE TABLE deliveries (
    id           text PRIMARY KEY,
    endpoint_id  text NOT NULL REFERENCES webhook_endpoints,
    event_id     text NOT NULL REFERENCES events,
    status       text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'delivered', 'failed', 'cancelled')),
    tries        integer NOT NULL DEFAULT 0,
    attempts     integer NOT NULL DEFAULT 0,
    due_at       timestamptz NOT NULL,
    claim        text,
    lease_until  timestamptz,
    answer       integer,
    error        text,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    UNIQUE (endpoint_id, event_id)
);
CREATE INDEX deliveries_due ON deliveries (endpoint_id, due_at, id) WHERE status = 'pending';
CREATE INDEX deliveries_endpoint ON deliveries (endpoint_id, id);
CREATE INDEX deliveries_event ON deliveries (event_id);
CREATE INDEX deliveries_over ON deliveries (updated_at) WHERE status <> 'pending';
COMMENT ON TABLE deliveries IS 'An event on its way to an endpoint: written with the event, sent until it is taken.';
COMMENT ON COLUMN deliveries.id IS 'dlv_…';
COMMENT ON COLUMN deliveries.endpoint_id IS 'To whom.';
COMMENT ON COLUMN deliveries.event_id IS 'What; its id goes along as webhook-id and stays the same, however often it is sent.';
COMMENT ON COLUMN deliveries.status IS 'pending, delivered, failed (out of tries) or cancelled.';
COMMENT ON COLUMN deliveries.tries IS 'Of the schedule, used up since it was last asked for.';
COMMENT ON COLUMN deliveries.attempts IS 'How often it was sent in all.';
COMMENT ON COLUMN deliveries.due_at IS 'When it is sent next, by the domain''s clock.';
COMMENT ON COLUMN deliveries.claim IS 'Token of the run that sends it; a run that lost it changes nothing.';
COMMENT ON COLUMN deliveries.lease_until IS 'Until when that run is taken to be alive, by the database''s clock.';
COMMENT ON COLUMN deliveries.answer IS 'HTTP status of the last answer; NULL when none came.';
COMMENT ON COLUMN deliveries.error IS 'Why the last try failed; NULL once it was taken.';
COMMENT ON COLUMN deliveries.created_at IS 'When it was written.';
COMMENT ON COLUMN deliveries.updated_at IS 'When it last changed.';
CREATE TRIGGER deliveries_transition BEFORE UPDATE OF status ON deliveries
    FOR EACH ROW EXECUTE FUNCTION check_transition('delivery');

CREATE TABLE delivery_attempts (
    delivery_id text NOT NULL REFERENCES deliveries ON DELETE CASCADE,
    number      integer NOT NULL,
    at          timestamptz NOT NULL,
    answer      integer,
    error       text,
    took_ms     bigint NOT NULL,
    PRIMARY KEY (delivery_id, number)
);
COMMENT ON TABLE delivery_attempts IS 'Each time that an event was sent to an endpoint.';
COMMENT ON COLUMN delivery_attempts.delivery_id IS 'Which delivery.';
COMMENT ON COLUMN delivery_attempts.number IS 'From 1.';
COMMENT ON COLUMN delivery_attempts.at IS 'When.';
COMMENT ON COLUMN delivery_attempts.answer IS 'HTTP status; NULL when no answer came.';
COMMENT ON COLUMN delivery_attempts.error IS 'What was wrong; NULL when it was taken.';
COMMENT ON COLUMN delivery_attempts.took_ms IS 'How long it took.';

GRANT SELECT, INSERT, UPDATE ON webhook_endpoints TO {{app_role}};
GRANT SELECT, INSERT, UPDATE, DELETE ON deliveries TO {{app_role}};
GRANT SELECT, INSERT, DELETE ON delivery_attempts TO {{app_role}};
