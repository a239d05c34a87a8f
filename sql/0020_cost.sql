-- What a payment costs: the same checks and figures as before, run once where they ran for each row. A function that sets a search path
-- of its own pays for that at each call, so these name the schema instead; and a trigger's WHEN is read anew by each statement, which
-- takes longer than the function that looks first whether it has anything to do.

CREATE OR REPLACE FUNCTION domain_now() RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT now() + make_interval(secs => offset_seconds) FROM public.clock);
END $$;

-- States.

CREATE OR REPLACE FUNCTION check_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status IS DISTINCT FROM OLD.status AND NOT EXISTS (
        SELECT FROM public.transitions t
         WHERE t.machine = TG_ARGV[0] AND t.from_state = OLD.status AND t.to_state = NEW.status) THEN
        RAISE EXCEPTION '% %: no way from % to %', TG_ARGV[0], OLD.id, OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'transitions';
    END IF;
    RETURN NEW;
END $$;

-- The ledger: the lines of an entry are written together and checked together. Every payment posts to the same few accounts; a foreign
-- key locks their rows for each line, so that payments at the same time wait for each other. Accounts are never taken away instead.

ALTER TABLE ledger_lines DROP CONSTRAINT ledger_lines_account_fkey;
CREATE TRIGGER ledger_accounts_fixed BEFORE UPDATE OF code OR DELETE OR TRUNCATE ON ledger_accounts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION check_lines() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong record;
BEGIN
    SELECT a.entry_id INTO wrong FROM added a
     WHERE EXISTS (SELECT FROM public.ledger_lines l WHERE l.entry_id = a.entry_id GROUP BY l.currency HAVING sum(l.amount) <> 0)
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'ledger entry % does not balance', wrong.entry_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_balance';
    END IF;
    SELECT a.account INTO wrong FROM added a
     WHERE NOT EXISTS (SELECT FROM public.ledger_accounts k WHERE k.code = a.account) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'there is no account %', wrong.account
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'ledger_lines_account';
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION check_lines() IS 'Refuses lines by which an entry does not balance in each currency, or whose account there is not.';

CREATE FUNCTION check_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM public.ledger_lines WHERE entry_id = NEW.id) = 0 THEN
        RAISE EXCEPTION 'ledger entry % has no lines', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_balance';
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION check_entry() IS 'Refuses to commit an entry without lines.';

DROP TRIGGER ledger_lines_balance ON ledger_lines;
DROP TRIGGER ledger_entries_balance ON ledger_entries;
DROP FUNCTION check_balance();
CREATE TRIGGER ledger_lines_balance AFTER INSERT ON ledger_lines REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION check_lines();
CREATE CONSTRAINT TRIGGER ledger_entries_balance AFTER INSERT ON ledger_entries DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION check_entry();

-- The audit log.

CREATE OR REPLACE FUNCTION audit_hash_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.xid := pg_current_xact_id();
    NEW.row_hash := public.audit_row_hash(NEW);
    RETURN NEW;
END $$;

-- Statistics.

CREATE OR REPLACE FUNCTION count_payment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.statistics_changes (hour, measure, mode, currency, provider, method, class, count, amount)
        SELECT public.hour_of(NEW.created_at), cell.measure, NEW.mode, NEW.currency, NEW.provider, coalesce(NEW.method_type, ''),
               cell.class, 1, cell.amount
          FROM (VALUES ('payment', NEW.status, NEW.amount), ('captured', '', NEW.amount_captured)) AS cell (measure, class, amount)
         WHERE cell.amount > 0;
    ELSIF (OLD.status, OLD.amount_captured, OLD.method_type) IS DISTINCT FROM (NEW.status, NEW.amount_captured, NEW.method_type) THEN
        INSERT INTO public.statistics_changes (hour, measure, mode, currency, provider, method, class, count, amount)
        SELECT public.hour_of(NEW.created_at), cell.measure, NEW.mode, NEW.currency, NEW.provider, coalesce(cell.method, ''),
               cell.class, cell.count, cell.count * cell.amount
          FROM (VALUES ('payment', OLD.method_type, OLD.status, -1, OLD.amount),
                       ('captured', OLD.method_type, '', -1, OLD.amount_captured),
                       ('payment', NEW.method_type, NEW.status, 1, NEW.amount),
                       ('captured', NEW.method_type, '', 1, NEW.amount_captured)) AS cell (measure, method, class, count, amount)
         WHERE cell.amount > 0;
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION count_attempt() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    p  record;
    ms bigint;
BEGIN
    IF OLD.status <> 'open' OR NEW.status = 'open' THEN
        RETURN NULL;
    END IF;
    SELECT mode, currency, provider, coalesce(method_type, '') AS method INTO p FROM public.payments WHERE id = NEW.payment_id;
    IF NEW.confirms AND NEW.operation = 'charge' AND NEW.status IN ('succeeded', 'declined') THEN
        SELECT greatest(0, extract(epoch FROM clock_timestamp() + make_interval(secs => offset_seconds) - NEW.created_at) * 1000)
          INTO ms FROM public.clock;
    END IF;
    INSERT INTO public.statistics_changes (hour, measure, mode, currency, provider, method, class, count, amount)
    SELECT public.hour_of(NEW.created_at), cell.measure, p.mode, p.currency, p.provider, p.method, cell.class, 1, cell.amount
      FROM (VALUES ('attempt', NEW.status, NEW.amount), ('error', NEW.failure_class, NEW.amount),
                   ('answer', CASE WHEN ms IS NOT NULL THEN public.answer_class(ms) END, ms)) AS cell (measure, class, amount)
     WHERE cell.class IS NOT NULL;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION count_webhook() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.statistics_changes (hour, measure, mode, currency, provider, method, class, count, amount)
        VALUES (public.hour_of(NEW.received_at), 'webhook', '', '', NEW.provider, NEW.source, NEW.status, 1, 0);
    ELSIF (OLD.status, OLD.source) IS DISTINCT FROM (NEW.status, NEW.source) THEN
        INSERT INTO public.statistics_changes (hour, measure, mode, currency, provider, method, class, count, amount)
        VALUES (public.hour_of(OLD.received_at), 'webhook', '', '', OLD.provider, OLD.source, OLD.status, -1, 0),
               (public.hour_of(NEW.received_at), 'webhook', '', '', NEW.provider, NEW.source, NEW.status, 1, 0);
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER payments_counted_again AFTER UPDATE ON payments FOR EACH ROW EXECUTE FUNCTION count_payment();
CREATE OR REPLACE TRIGGER attempts_counted AFTER UPDATE OF status ON attempts FOR EACH ROW EXECUTE FUNCTION count_attempt();
CREATE OR REPLACE TRIGGER webhook_events_counted_again AFTER UPDATE OF status, source ON webhook_events FOR EACH ROW
    EXECUTE FUNCTION count_webhook();

DROP TRIGGER ledger_lines_counted ON ledger_lines;
DROP FUNCTION count_ledger_line();
CREATE FUNCTION count_ledger_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.statistics_changes (hour, measure, mode, currency, provider, method, class, count, amount)
    SELECT public.hour_of((SELECT posted_at FROM public.ledger_entries e WHERE e.id = a.entry_id)),
           CASE WHEN a.amount > 0 THEN 'debit' ELSE 'credit' END, '', a.currency, '', '', a.account, 1, abs(a.amount)
      FROM added a;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION count_ledger_lines() IS 'Adds the sides of entries to their accounts'' hours.';
CREATE TRIGGER ledger_lines_counted AFTER INSERT ON ledger_lines REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION count_ledger_lines();

-- A row that is changed finds room beside it for what it becomes; one whose indexed columns stay needs no new entries then.

ALTER TABLE payments SET (fillfactor = 70);
ALTER TABLE attempts SET (fillfactor = 70);
DROP INDEX attempts_waiting; -- of the time of the last change; the few that are open are found by attempts_one_open
