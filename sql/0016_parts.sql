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

-- What the provider bills by itself, as it showed it last.

CREATE TABLE mirrored_subscriptions (
    id                       text PRIMARY KEY,
    provider                 text NOT NULL,
    provider_subscription_id text NOT NULL,
    provider_customer_id     text,
    status                   text NOT NULL,
    items                    jsonb NOT NULL,
    cancel_at_period_end     boolean NOT NULL,
    period_start             timestamptz,
    period_end               timestamptz,
    trial_end                timestamptz,
    cancel_at                timestamptz,
    cancelled_at             timestamptz,
    ended_at                 timestamptz,
    created_at               timestamptz NOT NULL,
    asked_at                 timestamptz NOT NULL,
    UNIQUE (provider, provider_subscription_id)
);
CREATE INDEX mirrored_subscriptions_customer ON mirrored_subscriptions (provider, provider_customer_id, id);
COMMENT ON TABLE mirrored_subscriptions IS 'Subscriptions that a provider runs, to be looked at; nothing is billed by them here.';
COMMENT ON COLUMN mirrored_subscriptions.id IS 'sub_…, ours.';
COMMENT ON COLUMN mirrored_subscriptions.provider IS 'Whose.';
COMMENT ON COLUMN mirrored_subscriptions.provider_subscription_id IS 'The provider''s id.';
COMMENT ON COLUMN mirrored_subscriptions.provider_customer_id IS 'The provider''s id of who pays; customer_accounts says who that is here.';
COMMENT ON COLUMN mirrored_subscriptions.status IS 'The provider''s word; deleted once it shows it no more.';
COMMENT ON COLUMN mirrored_subscriptions.items IS 'What is paid for: price, product, quantity, unit_amount, interval, interval_count.';
COMMENT ON COLUMN mirrored_subscriptions.cancel_at_period_end IS 'Whether it ends with what is paid for.';
COMMENT ON COLUMN mirrored_subscriptions.period_start IS 'Since when it is paid for, or owed.';
COMMENT ON COLUMN mirrored_subscriptions.period_end IS 'Until when.';
COMMENT ON COLUMN mirrored_subscriptions.trial_end IS 'Until when it costs nothing.';
COMMENT ON COLUMN mirrored_subscriptions.cancel_at IS 'When it will end.';
COMMENT ON COLUMN mirrored_subscriptions.cancelled_at IS 'When somebody ended it.';
COMMENT ON COLUMN mirrored_subscriptions.ended_at IS 'When it ended.';
COMMENT ON COLUMN mirrored_subscriptions.created_at IS 'When it was made at the provider.';
COMMENT ON COLUMN mirrored_subscriptions.asked_at IS 'When the provider was asked for what stands here; the later look stays.';
GRANT SELECT, INSERT, UPDATE ON mirrored_subscriptions TO {{app_role}};

CREATE TABLE mirrored_invoices (
    id                       text PRIMARY KEY,
    provider                 text NOT NULL,
    provider_invoice_id      text NOT NULL,
    provider_subscription_id text,
    provider_customer_id     text,
    number                   text,
    status                   text NOT NULL,
    reason                   text,
    amount_due               bigint NOT NULL,
    amount_paid              bigint NOT NULL,
    amount_remaining         bigint NOT NULL,
    currency                 text NOT NULL,
    due_at                   timestamptz,
    next_attempt_at          timestamptz,
    paid_at                  timestamptz,
    created_at               timestamptz NOT NULL,
    asked_at                 timestamptz NOT NULL,
    UNIQUE (provider, provider_invoice_id)
);
CREATE INDEX mirrored_invoices_customer ON mirrored_invoices (provider, provider_customer_id, id);
COMMENT ON TABLE mirrored_invoices IS 'Invoices that a provider made, to be looked at; what is paid by them is not in the ledger as long as no payment of ours is behind it.';
COMMENT ON COLUMN mirrored_invoices.id IS 'inv_…, ours.';
COMMENT ON COLUMN mirrored_invoices.provider IS 'Whose.';
COMMENT ON COLUMN mirrored_invoices.provider_invoice_id IS 'The provider''s id.';
COMMENT ON COLUMN mirrored_invoices.provider_subscription_id IS 'The provider''s id of the subscription it is for.';
COMMENT ON COLUMN mirrored_invoices.provider_customer_id IS 'The provider''s id of who pays; customer_accounts says who that is here.';
COMMENT ON COLUMN mirrored_invoices.number IS 'As the customer reads it.';
COMMENT ON COLUMN mirrored_invoices.status IS 'The provider''s word; deleted once it shows it no more.';
COMMENT ON COLUMN mirrored_invoices.reason IS 'Why it was made, in the provider''s words.';
COMMENT ON COLUMN mirrored_invoices.amount_due IS 'What is owed by it, in minor units.';
COMMENT ON COLUMN mirrored_invoices.amount_paid IS 'What of it was paid.';
COMMENT ON COLUMN mirrored_invoices.amount_remaining IS 'What is left to pay.';
COMMENT ON COLUMN mirrored_invoices.currency IS 'ISO 4217.';
COMMENT ON COLUMN mirrored_invoices.due_at IS 'Until when it is to be paid.';
COMMENT ON COLUMN mirrored_invoices.next_attempt_at IS 'When the provider tries to be paid again.';
COMMENT ON COLUMN mirrored_invoices.paid_at IS 'When it was paid.';
COMMENT ON COLUMN mirrored_invoices.created_at IS 'When it was made at the provider.';
COMMENT ON COLUMN mirrored_invoices.asked_at IS 'When the provider was asked for what stands here; the later look stays.';
GRANT SELECT, INSERT, UPDATE ON mirrored_invoices TO {{app_role}};
