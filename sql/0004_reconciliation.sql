-- Reconciliation: a copy of the providers' own books, and how they differ from ours.

INSERT INTO ledger_accounts (code, kind, summary) VALUES
    ('exchange', 'income', 'What changing one currency into another at the providers brought, or cost'),
    ('opening', 'liability', 'What the providers held for us before these books began');

CREATE INDEX ledger_entries_posted ON ledger_entries (posted_at);
CREATE INDEX ledger_lines_account ON ledger_lines (account, currency) INCLUDE (amount);

CREATE TABLE movements (
    provider          text NOT NULL,
    reference         text NOT NULL,
    kind              text NOT NULL CHECK (kind IN ('charge', 'refund', 'refund_failed', 'dispute', 'dispute_reversed',
                          'payout', 'payout_failed', 'fee', 'other')),
    source            text,
    payment_reference text,
    own_id            text,
    amount            bigint NOT NULL,
    fee               bigint NOT NULL,
    currency          text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    source_amount     bigint NOT NULL,
    source_currency   text NOT NULL CHECK (source_currency ~ '^[A-Z]{3}$'),
    payout            text,
    composed          boolean NOT NULL,
    created_at        timestamptz NOT NULL,
    imported_at       timestamptz NOT NULL,
    PRIMARY KEY (provider, reference)
);
CREATE INDEX movements_time ON movements (provider, created_at);
CREATE INDEX movements_source ON movements (provider, source) WHERE source IS NOT NULL;
CREATE INDEX movements_payment ON movements (provider, payment_reference) WHERE payment_reference IS NOT NULL;
CREATE INDEX movements_payout ON movements (provider, payout) WHERE payout IS NOT NULL;
COMMENT ON TABLE movements IS 'Money that moved on our accounts with the providers, as their own books say: a copy.';
COMMENT ON COLUMN movements.provider IS 'Whose books.';
COMMENT ON COLUMN movements.reference IS 'The provider''s id of the movement.';
COMMENT ON COLUMN movements.kind IS 'charge, refund, refund_failed, dispute, dispute_reversed, payout, payout_failed, fee or other.';
COMMENT ON COLUMN movements.source IS 'The provider''s id of what caused it: a charge, a refund, a dispute, a payout.';
COMMENT ON COLUMN movements.payment_reference IS 'The provider''s id of the payment it belongs to.';
COMMENT ON COLUMN movements.own_id IS 'Our id that the source carries; NULL for one made elsewhere.';
COMMENT ON COLUMN movements.amount IS 'Minor units, what comes in above zero.';
COMMENT ON COLUMN movements.fee IS 'What the provider kept of it, in minor units.';
COMMENT ON COLUMN movements.currency IS 'The currency it settled in; of amount and fee.';
COMMENT ON COLUMN movements.source_amount IS 'The same amount as the source says it.';
COMMENT ON COLUMN movements.source_currency IS 'The source''s currency.';
COMMENT ON COLUMN movements.payout IS 'The payout it went to the bank with, as far as known.';
COMMENT ON COLUMN movements.composed IS 'Of a payout: whether the provider can say what it is made of.';
COMMENT ON COLUMN movements.created_at IS 'When it happened, by the provider''s clock.';
COMMENT ON COLUMN movements.imported_at IS 'When it was copied.';

CREATE TABLE reconciliations (
    id          text PRIMARY KEY,
    provider    text NOT NULL,
    from_at     timestamptz NOT NULL,
    to_at       timestamptz NOT NULL CHECK (to_at > from_at),
    matched     bigint NOT NULL,
    differences bigint NOT NULL,
    totals      jsonb NOT NULL,
    created_at  timestamptz NOT NULL,
    created_by  text NOT NULL
);
CREATE INDEX reconciliations_reach ON reconciliations (provider, to_at);
COMMENT ON TABLE reconciliations IS 'Each time that our books were compared with a provider''s.';
COMMENT ON COLUMN reconciliations.id IS 'rec_…';
COMMENT ON COLUMN reconciliations.provider IS 'Whose books.';
COMMENT ON COLUMN reconciliations.from_at IS 'Beginning of the time that was compared.';
COMMENT ON COLUMN reconciliations.to_at IS 'Its end, which is not in it.';
COMMENT ON COLUMN reconciliations.matched IS 'Payments, refunds, disputes and payouts that are the same in both.';
COMMENT ON COLUMN reconciliations.differences IS 'Those that are not.';
COMMENT ON COLUMN reconciliations.totals IS 'Sums by currency and kind, what was mended on the way, and the balances of both.';
COMMENT ON COLUMN reconciliations.created_at IS 'When it was done.';
COMMENT ON COLUMN reconciliations.created_by IS 'Who asked for it.';

CREATE TABLE reconciliation_differences (
    reconciliation_id text NOT NULL REFERENCES reconciliations,
    number            integer NOT NULL,
    provider          text NOT NULL,
    kind              text NOT NULL CHECK (kind IN ('missing_here', 'missing_there', 'amount', 'currency', 'fee', 'state',
                          'duplicate', 'payout_mismatch')),
    subject           text NOT NULL,
    object            text,
    reference         text,
    ours              bigint,
    ours_currency     text,
    theirs            bigint,
    theirs_currency   text,
    known             text NOT NULL,
    suggestion        text NOT NULL,
    resolved_at       timestamptz,
    resolved_by       text,
    resolution        text,
    PRIMARY KEY (reconciliation_id, number)
);
CREATE INDEX reconciliation_differences_open ON reconciliation_differences (provider, subject) WHERE resolved_at IS NULL;
CREATE INDEX decisions_difference ON decisions (object) WHERE kind = 'difference';
COMMENT ON TABLE reconciliation_differences IS 'What was not the same in our books and a provider''s.';
COMMENT ON COLUMN reconciliation_differences.reconciliation_id IS 'When it was found.';
COMMENT ON COLUMN reconciliation_differences.number IS 'From 1, within its reconciliation.';
COMMENT ON COLUMN reconciliation_differences.provider IS 'Whose books.';
COMMENT ON COLUMN reconciliation_differences.kind IS 'missing_here, missing_there, amount, currency, fee, state, duplicate or payout_mismatch.';
COMMENT ON COLUMN reconciliation_differences.subject IS 'Tells the same difference in another run: our id, or else the provider''s.';
COMMENT ON COLUMN reconciliation_differences.object IS 'Our payment, refund, dispute or account.';
COMMENT ON COLUMN reconciliation_differences.reference IS 'The provider''s.';
COMMENT ON COLUMN reconciliation_differences.ours IS 'Minor units in our books.';
COMMENT ON COLUMN reconciliation_differences.ours_currency IS 'Of ours.';
COMMENT ON COLUMN reconciliation_differences.theirs IS 'Minor units in theirs.';
COMMENT ON COLUMN reconciliation_differences.theirs_currency IS 'Of theirs.';
COMMENT ON COLUMN reconciliation_differences.known IS 'What is known, in words.';
COMMENT ON COLUMN reconciliation_differences.suggestion IS 'What to do, in words.';
COMMENT ON COLUMN reconciliation_differences.resolved_at IS 'When it was gone, or a person settled it; NULL while it is open.';
COMMENT ON COLUMN reconciliation_differences.resolved_by IS 'By whom; system where it was gone by itself.';
COMMENT ON COLUMN reconciliation_differences.resolution IS 'How.';

GRANT SELECT, INSERT, UPDATE (payout) ON movements TO {{app_role}};
GRANT SELECT, INSERT ON reconciliations TO {{app_role}};
GRANT SELECT, INSERT, UPDATE (resolved_at, resolved_by, resolution) ON reconciliation_differences TO {{app_role}};
