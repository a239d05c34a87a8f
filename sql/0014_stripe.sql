-- Holds that end.

ALTER TABLE payments ADD COLUMN capture_before timestamptz;
ALTER TABLE payments ADD COLUMN expiry_warned_at timestamptz;
COMMENT ON COLUMN payments.capture_before IS 'Until when what is authorized can be captured, as the provider says, or as such holds usually are.';
COMMENT ON COLUMN payments.expiry_warned_at IS 'When a person and the merchant were told that the hold ends.';

UPDATE payments SET capture_before = updated_at + interval '7 days' WHERE status = 'authorized';
INSERT INTO jobs (kind, subject, run_at, lane)
SELECT 'payment.expire', id, domain_now() + interval '1 minute', 'money' FROM payments WHERE status = 'authorized'
ON CONFLICT (kind, subject) WHERE state = 'available' DO NOTHING;

-- Secrets of the endpoints that were made at the providers.

CREATE TABLE webhook_secrets (
    id          text PRIMARY KEY,
    mode        text NOT NULL CHECK (mode IN ('test', 'live')),
    provider    text NOT NULL,
    endpoint_id text NOT NULL,
    url         text NOT NULL,
    secret      bytea NOT NULL,
    created_at  timestamptz NOT NULL,
    retired_at  timestamptz,
    UNIQUE (provider, endpoint_id)
);
COMMENT ON TABLE webhook_secrets IS 'Endpoints that Till made at a provider, and what their events are signed with.';
COMMENT ON COLUMN webhook_secrets.id IS 'whs_…';
COMMENT ON COLUMN webhook_secrets.mode IS 'test or live.';
COMMENT ON COLUMN webhook_secrets.provider IS 'Whose events.';
COMMENT ON COLUMN webhook_secrets.endpoint_id IS 'The provider''s id of the endpoint.';
COMMENT ON COLUMN webhook_secrets.url IS 'Where it sends to.';
COMMENT ON COLUMN webhook_secrets.secret IS 'What it signs with, encrypted.';
COMMENT ON COLUMN webhook_secrets.created_at IS 'When it was made.';
COMMENT ON COLUMN webhook_secrets.retired_at IS 'Until when events that it signed are still taken, once another is in its place.';
GRANT SELECT, INSERT, UPDATE ON webhook_secrets TO {{app_role}};
