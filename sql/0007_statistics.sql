-- Figures of the dashboard: what happened in each hour, added up as it happens, so that looking at it never counts payments.
-- A change adds a line for the cell it leaves and one for the cell it enters; lines are folded into the cells afterwards. Nobody
-- waits for a cell's lock, and both together are always exact, also for what changes long after its hour.

CREATE TABLE statistics (
    hour     timestamptz NOT NULL,
    measure  text NOT NULL CHECK (measure IN ('payment', 'captured', 'attempt', 'error', 'answer', 'refund', 'dispute', 'webhook',
                 'debit', 'credit')),
    mode     text NOT NULL,
    currency text NOT NULL,
    provider text NOT NULL,
    method   text NOT NULL,
    class    text NOT NULL,
    count    bigint NOT NULL,
    amount   bigint NOT NULL,
    PRIMARY KEY (hour, measure, mode, currency, provider, method, class)
);
COMMENT ON TABLE statistics IS 'What happened in each hour, by what it was: the dashboard''s figures.';
COMMENT ON COLUMN statistics.hour IS 'Beginning of the hour, UTC, in which the payment, refund, dispute, event or entry was made.';
COMMENT ON COLUMN statistics.measure IS 'payment, captured, attempt, error, answer (time until the outcome was on record), refund, dispute, webhook; debit and credit of the ledger.';
COMMENT ON COLUMN statistics.mode IS 'test or live; empty for webhook, debit and credit.';
COMMENT ON COLUMN statistics.currency IS 'Of the amount; empty where there is none.';
COMMENT ON COLUMN statistics.provider IS 'Who moved it; empty for debit and credit.';
COMMENT ON COLUMN statistics.method IS 'Type of the payment method as far as known; of webhook: delivered or swept.';
COMMENT ON COLUMN statistics.class IS 'Status; of error our class of the failure; of answer an upper bound in milliseconds; of debit and credit the account.';
COMMENT ON COLUMN statistics.count IS 'How many stand in this cell now.';
COMMENT ON COLUMN statistics.amount IS 'Their amounts in minor units; of answer, their milliseconds.';

CREATE TABLE statistics_changes (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hour     timestamptz NOT NULL,
    measure  text NOT NULL,
    mode     text NOT NULL,
    currency text NOT NULL,
    provider text NOT NULL,
    method   text NOT NULL,
    class    text NOT NULL,
    count    bigint NOT NULL,
    amount   bigint NOT NULL
);
COMMENT ON TABLE statistics_changes IS 'What is not in statistics yet; folded into it every few seconds.';
COMMENT ON COLUMN statistics_changes.id IS 'Number.';
COMMENT ON COLUMN statistics_changes.hour IS 'Cell: as in statistics.';
COMMENT ON COLUMN statistics_changes.measure IS 'Cell: as in statistics.';
COMMENT ON COLUMN statistics_changes.mode IS 'Cell: as in statistics.';
COMMENT ON COLUMN statistics_changes.currency IS 'Cell: as in statistics.';
COMMENT ON COLUMN statistics_changes.provider IS 'Cell: as in statistics.';
COMMENT ON COLUMN statistics_changes.method IS 'Cell: as in statistics.';
COMMENT ON COLUMN statistics_changes.class IS 'Cell: as in statistics.';
COMMENT ON COLUMN statistics_changes.count IS 'What is added to its count; below zero for what left the cell.';
COMMENT ON COLUMN statistics_changes.amount IS 'What is added to its amount.';

CREATE FUNCTION hour_of(at timestamptz) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT date_trunc('hour', at, 'UTC')
$$;
COMMENT ON FUNCTION hour_of(timestamptz) IS 'Beginning of the hour, UTC.';

CREATE FUNCTION count_change(at timestamptz, measure text, mode text, currency text, provider text, method text, class text,
    count bigint, amount bigint) RETURNS void LANGUAGE sql SET search_path FROM CURRENT AS $$
    INSERT INTO statistics_changes (hour, measure, mode, currency, provider, method, class, count, amount)
    VALUES (hour_of(at), measure, mode, currency, provider, coalesce(method, ''), coalesce(class, ''), count, amount)
$$;
COMMENT ON FUNCTION count_change(timestamptz, text, text, text, text, text, text, bigint, bigint)
    IS 'Adds to a cell of statistics, or takes away from it.';

CREATE FUNCTION count_payment() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM count_change(OLD.created_at, 'payment', OLD.mode, OLD.currency, OLD.provider, OLD.method_type, OLD.status,
            -1, -OLD.amount);
        IF OLD.amount_captured > 0 THEN
            PERFORM count_change(OLD.created_at, 'captured', OLD.mode, OLD.currency, OLD.provider, OLD.method_type, '',
                -1, -OLD.amount_captured);
        END IF;
    END IF;
    PERFORM count_change(NEW.created_at, 'payment', NEW.mode, NEW.currency, NEW.provider, NEW.method_type, NEW.status,
        1, NEW.amount);
    IF NEW.amount_captured > 0 THEN
        PERFORM count_change(NEW.created_at, 'captured', NEW.mode, NEW.currency, NEW.provider, NEW.method_type, '',
            1, NEW.amount_captured);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION count_payment() IS 'Counts a payment where it now stands, and no longer where it stood.';
CREATE TRIGGER payments_counted AFTER INSERT ON payments FOR EACH ROW EXECUTE FUNCTION count_payment();
CREATE TRIGGER payments_counted_again AFTER UPDATE ON payments FOR EACH ROW
    WHEN ((OLD.status, OLD.amount_captured, OLD.method_type) IS DISTINCT FROM (NEW.status, NEW.amount_captured, NEW.method_type))
    EXECUTE FUNCTION count_payment();

-- How long the outcome took is told by its upper bound, so that medians can be read from sums.
CREATE FUNCTION answer_class(ms bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN ms <= 250 THEN '250' WHEN ms <= 500 THEN '500' WHEN ms <= 1000 THEN '1000' WHEN ms <= 2000 THEN '2000'
        WHEN ms <= 5000 THEN '5000' WHEN ms <= 15000 THEN '15000' WHEN ms <= 60000 THEN '60000' ELSE '' END
$$;
COMMENT ON FUNCTION answer_class(bigint) IS 'The upper bound that milliseconds fall under; empty beyond a minute.';

CREATE FUNCTION count_attempt() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    p payments;
    ms bigint;
BEGIN
    SELECT * INTO p FROM payments WHERE id = NEW.payment_id;
    PERFORM count_change(NEW.created_at, 'attempt', p.mode, p.currency, p.provider, p.method_type, NEW.status, 1, NEW.amount);
    IF NEW.failure_class IS NOT NULL THEN
        PERFORM count_change(NEW.created_at, 'error', p.mode, p.currency, p.provider, p.method_type, NEW.failure_class,
            1, NEW.amount);
    END IF;
    IF NEW.confirms AND NEW.operation = 'charge' AND NEW.status IN ('succeeded', 'declined') THEN
        SELECT greatest(0, extract(epoch FROM clock_timestamp() + make_interval(secs => offset_seconds) - NEW.created_at) * 1000)
          INTO ms FROM clock;
        PERFORM count_change(NEW.created_at, 'answer', p.mode, p.currency, p.provider, p.method_type, answer_class(ms), 1, ms);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION count_attempt() IS 'Counts an attempt that came to its end: how, why it failed, and how long it took.';
CREATE TRIGGER attempts_counted AFTER UPDATE OF status ON attempts FOR EACH ROW
    WHEN (OLD.status = 'open' AND NEW.status <> 'open') EXECUTE FUNCTION count_attempt();

CREATE FUNCTION count_refund() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    p payments;
BEGIN
    SELECT * INTO p FROM payments WHERE id = NEW.payment_id;
    IF TG_OP = 'UPDATE' THEN
        PERFORM count_change(OLD.created_at, 'refund', p.mode, OLD.currency, OLD.provider, '', OLD.status, -1, -OLD.amount);
    END IF;
    PERFORM count_change(NEW.created_at, 'refund', p.mode, NEW.currency, NEW.provider, '', NEW.status, 1, NEW.amount);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION count_refund() IS 'Counts a refund where it now stands, and no longer where it stood.';
CREATE TRIGGER refunds_counted AFTER INSERT ON refunds FOR EACH ROW EXECUTE FUNCTION count_refund();
CREATE TRIGGER refunds_counted_again AFTER UPDATE OF status ON refunds FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION count_refund();

CREATE FUNCTION count_dispute() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    p payments;
BEGIN
    SELECT * INTO p FROM payments WHERE id = NEW.payment_id;
    IF TG_OP = 'UPDATE' THEN
        PERFORM count_change(OLD.created_at, 'dispute', p.mode, OLD.currency, OLD.provider, '', OLD.status, -1, -OLD.amount);
    END IF;
    PERFORM count_change(NEW.created_at, 'dispute', p.mode, NEW.currency, NEW.provider, '', NEW.status, 1, NEW.amount);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION count_dispute() IS 'Counts a dispute where it now stands, and no longer where it stood.';
CREATE TRIGGER disputes_counted AFTER INSERT ON disputes FOR EACH ROW EXECUTE FUNCTION count_dispute();
CREATE TRIGGER disputes_counted_again AFTER UPDATE OF status ON disputes FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION count_dispute();

CREATE FUNCTION count_webhook() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM count_change(OLD.received_at, 'webhook', '', '', OLD.provider, OLD.source, OLD.status, -1, 0);
    END IF;
    PERFORM count_change(NEW.received_at, 'webhook', '', '', NEW.provider, NEW.source, NEW.status, 1, 0);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION count_webhook() IS 'Counts an event where it now stands, and no longer where it stood.';
CREATE TRIGGER webhook_events_counted AFTER INSERT ON webhook_events FOR EACH ROW EXECUTE FUNCTION count_webhook();
CREATE TRIGGER webhook_events_counted_again AFTER UPDATE OF status, source ON webhook_events FOR EACH ROW
    WHEN ((OLD.status, OLD.source) IS DISTINCT FROM (NEW.status, NEW.source)) EXECUTE FUNCTION count_webhook();

CREATE FUNCTION count_ledger_line() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM count_change((SELECT posted_at FROM ledger_entries WHERE id = NEW.entry_id),
        CASE WHEN NEW.amount > 0 THEN 'debit' ELSE 'credit' END, '', NEW.currency, '', '', NEW.account, 1, abs(NEW.amount));
    RETURN NULL;
END $$;
COMMENT ON FUNCTION count_ledger_line() IS 'Adds a side of an entry to its account''s hour.';
CREATE TRIGGER ledger_lines_counted AFTER INSERT ON ledger_lines FOR EACH ROW EXECUTE FUNCTION count_ledger_line();

-- What was there before.
INSERT INTO statistics (hour, measure, mode, currency, provider, method, class, count, amount)
SELECT hour, measure, mode, currency, provider, method, class, count(*), sum(amount)::bigint FROM (
    SELECT hour_of(created_at) AS hour, 'payment' AS measure, mode, currency, provider, coalesce(method_type, '') AS method,
           status AS class, amount FROM payments
    UNION ALL SELECT hour_of(created_at), 'captured', mode, currency, provider, coalesce(method_type, ''), '', amount_captured
      FROM payments WHERE amount_captured > 0
    UNION ALL SELECT hour_of(a.created_at), 'attempt', p.mode, p.currency, p.provider, coalesce(p.method_type, ''), a.status,
           a.amount FROM attempts a JOIN payments p ON p.id = a.payment_id WHERE a.status <> 'open'
    UNION ALL SELECT hour_of(a.created_at), 'error', p.mode, p.currency, p.provider, coalesce(p.method_type, ''), a.failure_class,
           a.amount FROM attempts a JOIN payments p ON p.id = a.payment_id WHERE a.status <> 'open' AND a.failure_class IS NOT NULL
    UNION ALL SELECT hour_of(r.created_at), 'refund', p.mode, r.currency, r.provider, '', r.status, r.amount
      FROM refunds r JOIN payments p ON p.id = r.payment_id
    UNION ALL SELECT hour_of(d.created_at), 'dispute', p.mode, d.currency, d.provider, '', d.status, d.amount
      FROM disputes d JOIN payments p ON p.id = d.payment_id
    UNION ALL SELECT hour_of(received_at), 'webhook', '', '', provider, source, status, 0 FROM webhook_events
    UNION ALL SELECT hour_of(e.posted_at), CASE WHEN l.amount > 0 THEN 'debit' ELSE 'credit' END, '', l.currency, '', '',
           l.account, abs(l.amount) FROM ledger_lines l JOIN ledger_entries e ON e.id = l.entry_id) AS before
 GROUP BY hour, measure, mode, currency, provider, method, class;

-- The inbox: who has taken a decision upon himself, and lists of one kind.
ALTER TABLE decisions ADD COLUMN assigned_to text;
COMMENT ON COLUMN decisions.assigned_to IS 'Who looks after it; NULL while nobody does.';
COMMENT ON COLUMN decisions.kind IS 'unknown_outcome, mismatch, refund_failed, dispute, dead_job, webhook_failed, webhooks_missing, difference.';
CREATE INDEX decisions_kind ON decisions (kind, id) WHERE done_at IS NULL;
CREATE INDEX decisions_settled ON decisions (done_at) WHERE done_at IS NOT NULL;

-- Lists of the dashboard.
CREATE INDEX webhook_events_source ON webhook_events (source, id);
CREATE INDEX disputes_status ON disputes (status, id);
CREATE INDEX reconciliation_differences_kind ON reconciliation_differences (kind, reconciliation_id, number);
CREATE INDEX movements_payouts ON movements (provider, created_at, reference) WHERE kind IN ('payout', 'payout_failed');

GRANT SELECT, INSERT, UPDATE ON statistics TO {{app_role}};
GRANT SELECT, INSERT, UPDATE, DELETE ON statistics_changes TO {{app_role}};
