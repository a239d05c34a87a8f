-- Books to the cent: fees, disputes and payouts in the ledger, what a person must decide, and what maintenance did.

INSERT INTO ledger_accounts (code, kind, summary) VALUES
    ('fees', 'expense', 'What the providers keep for their work'),
    ('disputes', 'asset', 'What the providers hold back while a dispute is open'),
    ('dispute_losses', 'expense', 'What went back to payers by lost disputes'),
    ('bank', 'asset', 'What the providers paid out');

INSERT INTO transitions (machine, from_state, to_state, why) VALUES
    ('refund', 'failed', 'processing', 'given up before the provider was seen to have it'),
    ('refund', 'failed', 'succeeded', 'given up before the provider was seen to have it'),
    ('dispute', 'inquiry', 'open', 'the inquiry became a dispute'),
    ('dispute', 'inquiry', 'won', 'the inquiry was closed'),
    ('dispute', 'inquiry', 'lost', 'the inquiry went against us'),
    ('dispute', 'open', 'won', 'the bank decided for us'),
    ('dispute', 'open', 'lost', 'the bank decided for the payer'),
    ('dispute', 'lost', 'open', 'appealed'),
    ('dispute', 'lost', 'won', 'won on appeal');

CREATE TABLE disputes (
    id                  text PRIMARY KEY,
    payment_id          text NOT NULL REFERENCES payments,
    status              text NOT NULL CHECK (status IN ('inquiry', 'open', 'won', 'lost')),
    amount              bigint NOT NULL CHECK (amount >= 0),
    currency            text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    reason              text,
    provider            text NOT NULL,
    provider_dispute_id text NOT NULL,
    due_by              timestamptz,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    UNIQUE (provider, provider_dispute_id)
);
CREATE INDEX disputes_payment ON disputes (payment_id, id);
COMMENT ON TABLE disputes IS 'Payments that payers contest with their bank.';
COMMENT ON COLUMN disputes.id IS 'dsp_…';
COMMENT ON COLUMN disputes.payment_id IS 'Which payment.';
COMMENT ON COLUMN disputes.status IS 'inquiry (no money is held back yet), open, won or lost.';
COMMENT ON COLUMN disputes.amount IS 'What is contested, in minor units.';
COMMENT ON COLUMN disputes.currency IS 'Of the amount.';
COMMENT ON COLUMN disputes.reason IS 'The bank''s reason.';
COMMENT ON COLUMN disputes.provider IS 'Who told us.';
COMMENT ON COLUMN disputes.provider_dispute_id IS 'The provider''s id.';
COMMENT ON COLUMN disputes.due_by IS 'Until when evidence is taken.';
COMMENT ON COLUMN disputes.created_at IS 'When it was opened.';
COMMENT ON COLUMN disputes.updated_at IS 'When it last changed.';
CREATE TRIGGER disputes_transition BEFORE UPDATE OF status ON disputes
    FOR EACH ROW EXECUTE FUNCTION check_transition('dispute');

ALTER TABLE refunds ADD COLUMN key_number integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN refunds.key_number IS 'Of the provider''s idempotency key: the next one once an answer is stored under this one.';
CREATE INDEX refunds_waiting ON refunds (updated_at) WHERE status = 'processing';
CREATE INDEX attempts_waiting ON attempts (updated_at) WHERE status = 'open';

CREATE TABLE decisions (
    id          text PRIMARY KEY,
    kind        text NOT NULL,
    object      text NOT NULL,
    known       text NOT NULL,
    suggestion  text NOT NULL,
    amount      bigint,
    currency    text,
    created_at  timestamptz NOT NULL,
    done_at     timestamptz,
    done_by     text,
    resolution  text
);
CREATE UNIQUE INDEX decisions_open ON decisions (kind, object) WHERE done_at IS NULL;
CREATE INDEX decisions_waiting ON decisions (created_at) WHERE done_at IS NULL;
COMMENT ON TABLE decisions IS 'What a person must decide, because no machine can.';
COMMENT ON COLUMN decisions.id IS 'dec_…';
COMMENT ON COLUMN decisions.kind IS 'unknown_outcome, mismatch, refund_failed, dispute, dead_job, webhook_failed, difference.';
COMMENT ON COLUMN decisions.object IS 'About what.';
COMMENT ON COLUMN decisions.known IS 'What is known, in words.';
COMMENT ON COLUMN decisions.suggestion IS 'What to do, in words.';
COMMENT ON COLUMN decisions.amount IS 'Minor units at stake.';
COMMENT ON COLUMN decisions.currency IS 'Of the amount.';
COMMENT ON COLUMN decisions.created_at IS 'Since when it waits.';
COMMENT ON COLUMN decisions.done_at IS 'When it was settled; NULL while it waits.';
COMMENT ON COLUMN decisions.done_by IS 'By whom; system where it settled itself.';
COMMENT ON COLUMN decisions.resolution IS 'How.';

CREATE TABLE maintenance_runs (
    kind        text PRIMARY KEY,
    started_at  timestamptz NOT NULL,
    finished_at timestamptz,
    result      jsonb
);
COMMENT ON TABLE maintenance_runs IS 'The last run of each kind of maintenance.';
COMMENT ON COLUMN maintenance_runs.kind IS 'resolve, sweep, reconcile, retention, seal.';
COMMENT ON COLUMN maintenance_runs.started_at IS 'When it began.';
COMMENT ON COLUMN maintenance_runs.finished_at IS 'When it ended; before started_at or NULL while it runs.';
COMMENT ON COLUMN maintenance_runs.result IS 'What it did, in numbers.';

GRANT SELECT, INSERT, UPDATE ON disputes, decisions, maintenance_runs TO {{app_role}};
