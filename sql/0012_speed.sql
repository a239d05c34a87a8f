-- What every payment runs, at the price of a plan that is kept. A function in the language SQL that cannot be put into its caller's
-- statement is parsed and planned again each time; in PL/pgSQL its plan stays with the connection. What they do is as before.

CREATE OR REPLACE FUNCTION domain_now() RETURNS timestamptz LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
    RETURN (SELECT now() + make_interval(secs => offset_seconds) FROM clock);
END $$;

CREATE OR REPLACE FUNCTION audit_row_hash(a audit_log) RETURNS bytea LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN sha256(convert_to(jsonb_build_array(a.id, (extract(epoch FROM a.at) * 1000000)::bigint, a.principal_kind, a.principal,
        a.address, a.action, a.object, a.details, a.trace)::text, 'UTF8'));
END $$;

-- Statistics: all lines of a change by one statement.

CREATE OR REPLACE FUNCTION count_payment() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO statistics_changes (hour, measure, mode, currency, provider, method, class, count, amount)
        SELECT hour_of(NEW.created_at), cell.measure, NEW.mode, NEW.currency, NEW.provider, coalesce(NEW.method_type, ''),
               cell.class, 1, cell.amount
          FROM (VALUES ('payment', NEW.status, NEW.amount), ('captured', '', NEW.amount_captured)) AS cell (measure, class, amount)
         WHERE cell.amount > 0;
    ELSE
        INSERT INTO statistics_changes (hour, measure, mode, currency, provider, method, class, count, amount)
        SELECT hour_of(NEW.created_at), cell.measure, NEW.mode, NEW.currency, NEW.provider, coalesce(cell.method, ''),
               cell.class, cell.count, cell.count * cell.amount
          FROM (VALUES ('payment', OLD.method_type, OLD.status, -1, OLD.amount),
                       ('captured', OLD.method_type, '', -1, OLD.amount_captured),
                       ('payment', NEW.method_type, NEW.status, 1, NEW.amount),
                       ('captured', NEW.method_type, '', 1, NEW.amount_captured)) AS cell (measure, method, class, count, amount)
         WHERE cell.amount > 0;
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION count_attempt() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    p  record;
    ms bigint;
BEGIN
    SELECT mode, currency, provider, coalesce(method_type, '') AS method INTO p FROM payments WHERE id = NEW.payment_id;
    IF NEW.confirms AND NEW.operation = 'charge' AND NEW.status IN ('succeeded', 'declined') THEN
        SELECT greatest(0, extract(epoch FROM clock_timestamp() + make_interval(secs => offset_seconds) - NEW.created_at) * 1000)
          INTO ms FROM clock;
    END IF;
    INSERT INTO statistics_changes (hour, measure, mode, currency, provider, method, class, count, amount)
    SELECT hour_of(NEW.created_at), cell.measure, p.mode, p.currency, p.provider, p.method, cell.class, 1, cell.amount
      FROM (VALUES ('attempt', NEW.status, NEW.amount), ('error', NEW.failure_class, NEW.amount),
                   ('answer', CASE WHEN ms IS NOT NULL THEN answer_class(ms) END, ms)) AS cell (measure, class, amount)
     WHERE cell.class IS NOT NULL;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION count_webhook() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO statistics_changes (hour, measure, mode, currency, provider, method, class, count, amount)
        VALUES (hour_of(NEW.received_at), 'webhook', '', '', NEW.provider, NEW.source, NEW.status, 1, 0);
    ELSE
        INSERT INTO statistics_changes (hour, measure, mode, currency, provider, method, class, count, amount)
        VALUES (hour_of(OLD.received_at), 'webhook', '', '', OLD.provider, OLD.source, OLD.status, -1, 0),
               (hour_of(NEW.received_at), 'webhook', '', '', NEW.provider, NEW.source, NEW.status, 1, 0);
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION count_ledger_line() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO statistics_changes (hour, measure, mode, currency, provider, method, class, count, amount)
    SELECT hour_of(posted_at), CASE WHEN NEW.amount > 0 THEN 'debit' ELSE 'credit' END, '', NEW.currency, '', '', NEW.account, 1,
           abs(NEW.amount)
      FROM ledger_entries WHERE id = NEW.entry_id;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION count_change(at timestamptz, measure text, mode text, currency text, provider text, method text,
    class text, count bigint, amount bigint) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO statistics_changes (hour, measure, mode, currency, provider, method, class, count, amount)
    VALUES (hour_of(at), measure, mode, currency, provider, coalesce(method, ''), coalesce(class, ''), count, amount);
END $$;

-- A bank's word about a mandate finds its method without reading the others.
CREATE INDEX payment_methods_mandate ON payment_methods (provider, mandate, id) WHERE mandate IS NOT NULL;
