-- The dashboard's payments: a list that is as fast at three million as at a thousand, refunds that a second person agrees to,
-- and lists that somebody wants to see again.

-- Each filter of the list walks an index of its own in the list's order; ids sort by time.
CREATE INDEX payments_currency ON payments (currency, id);
CREATE INDEX payments_provider ON payments (provider, id);
CREATE INDEX payments_mode ON payments (mode, id);
CREATE INDEX payments_amount ON payments (currency, amount, id);
CREATE INDEX payments_method_type ON payments (method_type, id) WHERE method_type IS NOT NULL;
CREATE INDEX payments_method_brand ON payments (method_brand, id) WHERE method_brand IS NOT NULL;
CREATE INDEX payments_last4 ON payments (method_last4, id) WHERE method_last4 IS NOT NULL;
CREATE INDEX payments_charge ON payments (provider_charge_id) WHERE provider_charge_id IS NOT NULL;
CREATE INDEX payments_refunded ON payments (id) WHERE refund_state <> 'none';
CREATE INDEX payments_refund_state ON payments (refund_state, id) WHERE refund_state <> 'none';
CREATE INDEX payments_refunding ON payments (id) WHERE amount_refunding > 0;
CREATE INDEX payments_disputed ON payments (id) WHERE dispute_state <> 'none';
CREATE INDEX payments_dispute_state ON payments (dispute_state, id) WHERE dispute_state <> 'none';
CREATE INDEX refunds_status ON refunds (status, id);
ALTER TABLE refunds ADD COLUMN note text;
COMMENT ON COLUMN refunds.note IS 'What else the operator who gave it back wrote.';

-- What hangs on one payment is found without reading what hangs on others.
CREATE INDEX decisions_object ON decisions (object, created_at);
CREATE INDEX jobs_subject ON jobs (subject);

INSERT INTO transitions (machine, from_state, to_state, why) VALUES
    ('refund_request', 'requested', 'approved', 'a second person agreed, and the refund was made'),
    ('refund_request', 'requested', 'rejected', 'a second person did not agree'),
    ('refund_request', 'requested', 'withdrawn', 'who asked for it took it back');

CREATE TABLE refund_requests (
    id           text PRIMARY KEY,
    payment_id   text NOT NULL REFERENCES payments,
    status       text NOT NULL DEFAULT 'requested' CHECK (status IN ('requested', 'approved', 'rejected', 'withdrawn')),
    amount       bigint NOT NULL CHECK (amount > 0),
    currency     text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    reason       text NOT NULL,
    note         text,
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL,
    decided_by   text,
    decided_at   timestamptz,
    answer       text,
    refund_id    text UNIQUE REFERENCES refunds,
    CONSTRAINT refund_requests_decided CHECK ((status = 'requested') = (decided_by IS NULL)
                                              AND (decided_by IS NULL) = (decided_at IS NULL)),
    CONSTRAINT refund_requests_second_person CHECK (CASE status WHEN 'requested' THEN true
                                                    WHEN 'withdrawn' THEN decided_by = requested_by
                                                    ELSE decided_by <> requested_by END),
    CONSTRAINT refund_requests_refund CHECK ((status = 'approved') = (refund_id IS NOT NULL))
);
CREATE INDEX refund_requests_status ON refund_requests (status, id);
CREATE UNIQUE INDEX refund_requests_one_open ON refund_requests (payment_id) WHERE status = 'requested';
CREATE INDEX refund_requests_payment ON refund_requests (payment_id, id);
COMMENT ON TABLE refund_requests IS 'Refunds that somebody wants and a second person has to agree to.';
COMMENT ON COLUMN refund_requests.id IS 'rrq_…';
COMMENT ON COLUMN refund_requests.payment_id IS 'What is to go back is of this payment; one request at a time.';
COMMENT ON COLUMN refund_requests.status IS 'requested, approved, rejected or withdrawn.';
COMMENT ON COLUMN refund_requests.amount IS 'How much, in minor units; nothing is set aside for it until it is approved.';
COMMENT ON COLUMN refund_requests.currency IS 'Of the amount.';
COMMENT ON COLUMN refund_requests.reason IS 'Why, as the refund will say it.';
COMMENT ON COLUMN refund_requests.note IS 'What else the second person should know.';
COMMENT ON COLUMN refund_requests.requested_by IS 'Who asks.';
COMMENT ON COLUMN refund_requests.requested_at IS 'When.';
COMMENT ON COLUMN refund_requests.decided_by IS 'Who decided; never the one who asked, unless it was withdrawn.';
COMMENT ON COLUMN refund_requests.decided_at IS 'When.';
COMMENT ON COLUMN refund_requests.answer IS 'Why it was rejected, in words.';
COMMENT ON COLUMN refund_requests.refund_id IS 'The refund that was made of it.';
CREATE TRIGGER refund_requests_transition BEFORE UPDATE OF status ON refund_requests
    FOR EACH ROW EXECUTE FUNCTION check_transition('refund_request');

CREATE FUNCTION refund_request_is_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.payment_id, NEW.amount, NEW.currency, NEW.reason, NEW.note, NEW.requested_by, NEW.requested_at)
       IS DISTINCT FROM
       (OLD.id, OLD.payment_id, OLD.amount, OLD.currency, OLD.reason, OLD.note, OLD.requested_by, OLD.requested_at) THEN
        RAISE EXCEPTION 'refund request %: what is asked for does not change', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'refund_request_is_fixed';
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION refund_request_is_fixed() IS 'Refuses to change what somebody asked for after somebody may have agreed to it.';
CREATE TRIGGER refund_requests_fixed BEFORE UPDATE ON refund_requests
    FOR EACH ROW EXECUTE FUNCTION refund_request_is_fixed();

CREATE TABLE saved_views (
    id         text PRIMARY KEY,
    owner      text NOT NULL,
    screen     text NOT NULL,
    name       text NOT NULL,
    query      text NOT NULL,
    created_at timestamptz NOT NULL,
    UNIQUE (owner, screen, name)
);
COMMENT ON TABLE saved_views IS 'Filters of a list that somebody keeps under a name.';
COMMENT ON COLUMN saved_views.id IS 'view_…';
COMMENT ON COLUMN saved_views.owner IS 'Whose.';
COMMENT ON COLUMN saved_views.screen IS 'Of which screen.';
COMMENT ON COLUMN saved_views.name IS 'What its owner calls it.';
COMMENT ON COLUMN saved_views.query IS 'The filters, as they stand in the address.';
COMMENT ON COLUMN saved_views.created_at IS 'When it was kept.';

GRANT SELECT, INSERT, UPDATE ON refund_requests TO {{app_role}};
GRANT SELECT, INSERT, UPDATE, DELETE ON saved_views TO {{app_role}};
