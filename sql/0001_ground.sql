-- The ground everything stands on: payments and what hangs on them, the queue, the ledger, the audit chain. What the
-- database can enforce, it enforces from here on: amounts, states, balance, append-only books, separate roles.

-- States ------------------------------------------------------------------------------------------------------------

CREATE TABLE transitions (
    machine    text NOT NULL,
    from_state text NOT NULL,
    to_state   text NOT NULL,
    why        text NOT NULL,
    PRIMARY KEY (machine, from_state, to_state)
);
COMMENT ON TABLE transitions IS 'Every change of state there may be; a trigger refuses any other.';
COMMENT ON COLUMN transitions.machine IS 'Which machine: payment, refund, checkout, attempt, webhook.';
COMMENT ON COLUMN transitions.from_state IS 'State before.';
COMMENT ON COLUMN transitions.to_state IS 'State after.';
COMMENT ON COLUMN transitions.why IS 'What brings this change about.';

INSERT INTO transitions (machine, from_state, to_state, why) VALUES
    ('payment', 'created', 'requires_action', 'the bank asks for the payer'),
    ('payment', 'created', 'processing', 'confirmed; the outcome is not there yet'),
    ('payment', 'created', 'authorized', 'confirmed, to be captured later'),
    ('payment', 'created', 'succeeded', 'confirmed and captured'),
    ('payment', 'created', 'failed', 'declined for good'),
    ('payment', 'created', 'cancelled', 'cancelled or expired'),
    ('payment', 'created', 'unknown', 'the provider did not answer'),
    ('payment', 'requires_action', 'created', 'authentication failed; another try may follow'),
    ('payment', 'requires_action', 'processing', 'authenticated; on its way'),
    ('payment', 'requires_action', 'authorized', 'authenticated, to be captured later'),
    ('payment', 'requires_action', 'succeeded', 'authenticated and captured'),
    ('payment', 'requires_action', 'failed', 'authentication failed for good'),
    ('payment', 'requires_action', 'cancelled', 'given up'),
    ('payment', 'requires_action', 'unknown', 'the provider did not answer'),
    ('payment', 'processing', 'created', 'declined; another try may follow'),
    ('payment', 'processing', 'requires_action', 'the bank asks for the payer'),
    ('payment', 'processing', 'authorized', 'to be captured later'),
    ('payment', 'processing', 'succeeded', 'captured'),
    ('payment', 'processing', 'failed', 'declined for good'),
    ('payment', 'processing', 'cancelled', 'cancelled'),
    ('payment', 'processing', 'unknown', 'the provider did not answer'),
    ('payment', 'unknown', 'created', 'asked: nothing happened'),
    ('payment', 'unknown', 'requires_action', 'asked: it waits for the payer'),
    ('payment', 'unknown', 'processing', 'asked: it is on its way'),
    ('payment', 'unknown', 'authorized', 'asked: it is authorized'),
    ('payment', 'unknown', 'succeeded', 'asked: it is captured'),
    ('payment', 'unknown', 'failed', 'asked: it was declined'),
    ('payment', 'unknown', 'cancelled', 'asked: it is cancelled'),
    ('payment', 'authorized', 'succeeded', 'captured'),
    ('payment', 'authorized', 'cancelled', 'released'),
    ('payment', 'authorized', 'unknown', 'capture or cancellation was not answered'),
    ('payment', 'failed', 'authorized', 'the provider took it after we had given up'),
    ('payment', 'failed', 'succeeded', 'the provider took it after we had given up'),
    ('payment', 'cancelled', 'authorized', 'the provider took it after we had given up'),
    ('payment', 'cancelled', 'succeeded', 'the provider took it after we had given up'),
    ('payment', 'succeeded', 'failed', 'a slow method failed after it had succeeded'),
    ('attempt', 'open', 'succeeded', 'the provider did it'),
    ('attempt', 'open', 'declined', 'the payer''s bank said no'),
    ('attempt', 'open', 'refused', 'the provider did not accept the request'),
    ('attempt', 'open', 'not_executed', 'proved: nothing reached the provider'),
    ('attempt', 'open', 'superseded', 'the payment came to its end another way'),
    ('refund', 'processing', 'succeeded', 'the money went back'),
    ('refund', 'processing', 'failed', 'the provider could not give it back'),
    ('refund', 'processing', 'cancelled', 'cancelled at the provider'),
    ('refund', 'succeeded', 'failed', 'it came back from the payer''s bank'),
    ('checkout', 'open', 'complete', 'paid'),
    ('checkout', 'open', 'expired', 'its time ran out'),
    ('checkout', 'open', 'cancelled', 'given up by the payer or the merchant'),
    ('checkout', 'expired', 'complete', 'a payment that was under way came through'),
    ('checkout', 'cancelled', 'complete', 'a payment that was under way came through'),
    ('webhook', 'stored', 'processed', 'its object was read and applied'),
    ('webhook', 'stored', 'ignored', 'nothing of ours hangs on it'),
    ('webhook', 'stored', 'failed', 'out of tries'),
    ('webhook', 'processed', 'stored', 'replayed'),
    ('webhook', 'ignored', 'stored', 'replayed'),
    ('webhook', 'failed', 'stored', 'replayed');

CREATE FUNCTION check_transition() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.status IS DISTINCT FROM OLD.status AND NOT EXISTS (
        SELECT FROM transitions t
         WHERE t.machine = TG_ARGV[0] AND t.from_state = OLD.status AND t.to_state = NEW.status) THEN
        RAISE EXCEPTION '% %: no way from % to %', TG_ARGV[0], OLD.id, OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'transitions';
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION check_transition() IS 'Refuses a change of status that transitions does not list.';

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
COMMENT ON FUNCTION refuse_change() IS 'Refuses to change or remove what is written once, whoever asks.';

-- Time --------------------------------------------------------------------------------------------------------------

CREATE TABLE clock (
    one            boolean PRIMARY KEY DEFAULT true CHECK (one),
    offset_seconds bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE clock IS 'How far test mode has moved the domain''s clock; one row, always 0 in live mode.';
COMMENT ON COLUMN clock.one IS 'Always true: there is one clock.';
COMMENT ON COLUMN clock.offset_seconds IS 'Seconds ahead of the system''s clock.';
INSERT INTO clock DEFAULT VALUES;

CREATE FUNCTION domain_now() RETURNS timestamptz LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT now() + make_interval(secs => offset_seconds) FROM clock
$$;
COMMENT ON FUNCTION domain_now() IS 'The domain''s time by the database''s clock: what is due is compared with it.';

-- Who comes in ------------------------------------------------------------------------------------------------------

CREATE TABLE api_keys (
    id           text PRIMARY KEY,
    name         text NOT NULL,
    mode         text NOT NULL CHECK (mode IN ('test', 'live')),
    secret_hash  bytea NOT NULL,
    scopes       text NOT NULL,
    created_at   timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at   timestamptz
);
COMMENT ON TABLE api_keys IS 'Keys of the merchant''s applications.';
COMMENT ON COLUMN api_keys.id IS 'The public part, which the key itself carries.';
COMMENT ON COLUMN api_keys.name IS 'What it is for, in the operator''s words.';
COMMENT ON COLUMN api_keys.mode IS 'test or live; the key''s prefix says the same.';
COMMENT ON COLUMN api_keys.secret_hash IS 'HMAC-SHA256 of the secret part under the installation''s api-key key.';
COMMENT ON COLUMN api_keys.scopes IS 'What it may do, separated by spaces; * is all.';
COMMENT ON COLUMN api_keys.created_at IS 'When it was made.';
COMMENT ON COLUMN api_keys.last_used_at IS 'When it was last used, to the minute.';
COMMENT ON COLUMN api_keys.revoked_at IS 'When it was taken back; NULL while it is good.';

CREATE UNLOGGED TABLE rate_limits (
    subject      text NOT NULL,
    window_start timestamptz NOT NULL,
    used         bigint NOT NULL,
    PRIMARY KEY (subject, window_start)
);
COMMENT ON TABLE rate_limits IS 'Counters of fixed windows. Unlogged: empty after a crash, which forgives.';
COMMENT ON COLUMN rate_limits.subject IS 'What is counted: a key, an address, a customer.';
COMMENT ON COLUMN rate_limits.window_start IS 'Beginning of the window.';
COMMENT ON COLUMN rate_limits.used IS 'Uses in it.';

CREATE TABLE idempotency_keys (
    key          bytea PRIMARY KEY CHECK (length(key) = 32),
    fingerprint  bytea NOT NULL CHECK (length(fingerprint) = 32),
    caller       text NOT NULL,
    operation    text NOT NULL,
    resource     text,
    held_until   timestamptz NOT NULL,
    status       integer,
    content_type text,
    answer       bytea,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL
);
CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);
COMMENT ON TABLE idempotency_keys IS 'Keys that came with requests, and their answers.';
COMMENT ON COLUMN idempotency_keys.key IS 'SHA-256 of caller, operation and the key as it came.';
COMMENT ON COLUMN idempotency_keys.fingerprint IS 'SHA-256 of method, route and body: another request under the same key is refused.';
COMMENT ON COLUMN idempotency_keys.caller IS 'Whose key it is.';
COMMENT ON COLUMN idempotency_keys.operation IS 'Method and route.';
COMMENT ON COLUMN idempotency_keys.resource IS 'What the first run made; a run that takes over goes on with it.';
COMMENT ON COLUMN idempotency_keys.held_until IS 'Until then a run without an answer is taken to be alive.';
COMMENT ON COLUMN idempotency_keys.status IS 'HTTP status of the final answer; NULL until there is one.';
COMMENT ON COLUMN idempotency_keys.content_type IS 'Content type of the answer.';
COMMENT ON COLUMN idempotency_keys.answer IS 'Body of the answer, encrypted.';
COMMENT ON COLUMN idempotency_keys.created_at IS 'When the key first came.';
COMMENT ON COLUMN idempotency_keys.expires_at IS 'When it is forgotten.';

-- Customers ---------------------------------------------------------------------------------------------------------

CREATE TABLE customers (
    id         text PRIMARY KEY,
    mode       text NOT NULL CHECK (mode IN ('test', 'live')),
    reference  text,
    metadata   jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (mode, reference)
);
COMMENT ON TABLE customers IS 'Who pays, without anything that names the person.';
COMMENT ON COLUMN customers.id IS 'cust_…';
COMMENT ON COLUMN customers.mode IS 'test or live.';
COMMENT ON COLUMN customers.reference IS 'The merchant''s own id of the user.';
COMMENT ON COLUMN customers.metadata IS 'The merchant''s notes.';
COMMENT ON COLUMN customers.created_at IS 'When it was made.';
COMMENT ON COLUMN customers.updated_at IS 'When it last changed.';

CREATE TABLE customer_persons (
    customer_id text PRIMARY KEY REFERENCES customers,
    email       bytea,
    name        bytea,
    email_index bytea
);
CREATE INDEX customer_persons_email ON customer_persons (email_index);
COMMENT ON TABLE customer_persons IS 'The person behind a customer, encrypted; removing the row forgets the person.';
COMMENT ON COLUMN customer_persons.customer_id IS 'Whose.';
COMMENT ON COLUMN customer_persons.email IS 'E-mail address, encrypted.';
COMMENT ON COLUMN customer_persons.name IS 'Name, encrypted.';
COMMENT ON COLUMN customer_persons.email_index IS 'HMAC of the normalised address, to find it again.';

CREATE TABLE customer_accounts (
    customer_id text NOT NULL REFERENCES customers,
    provider    text NOT NULL,
    reference   text NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (customer_id, provider),
    UNIQUE (provider, reference)
);
COMMENT ON TABLE customer_accounts IS 'What the providers call our customers.';
COMMENT ON COLUMN customer_accounts.customer_id IS 'Ours.';
COMMENT ON COLUMN customer_accounts.provider IS 'The provider''s name.';
COMMENT ON COLUMN customer_accounts.reference IS 'The provider''s id of the customer.';
COMMENT ON COLUMN customer_accounts.created_at IS 'When it became known.';

-- Payments ----------------------------------------------------------------------------------------------------------

CREATE TABLE payments (
    id                  text PRIMARY KEY,
    mode                text NOT NULL CHECK (mode IN ('test', 'live')),
    status              text NOT NULL CHECK (status IN ('created', 'requires_action', 'processing', 'authorized', 'succeeded',
                            'failed', 'cancelled', 'unknown')),
    amount              bigint NOT NULL CHECK (amount > 0),
    currency            text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount_captured     bigint NOT NULL DEFAULT 0,
    amount_refunded     bigint NOT NULL DEFAULT 0,
    amount_refunding    bigint NOT NULL DEFAULT 0,
    refund_state        text NOT NULL GENERATED ALWAYS AS (CASE WHEN amount_refunded = 0 THEN 'none'
                            WHEN amount_refunded < amount_captured THEN 'partial' ELSE 'full' END) STORED,
    dispute_state       text NOT NULL DEFAULT 'none' CHECK (dispute_state IN ('none', 'open', 'won', 'lost', 'inquiry')),
    capture             text NOT NULL CHECK (capture IN ('automatic', 'manual')),
    confirmation        text NOT NULL CHECK (confirmation IN ('automatic', 'manual')),
    customer_id         text REFERENCES customers,
    checkout_id         text,
    description         text,
    reference           text,
    metadata            jsonb NOT NULL DEFAULT '{}',
    return_url          text,
    provider            text NOT NULL,
    provider_payment_id text,
    provider_charge_id  text,
    method_id           text,
    method_type         text,
    method_brand        text,
    method_last4        text,
    method_exp_month    integer,
    method_exp_year     integer,
    method_country      text,
    method_funding      text,
    method_wallet       text,
    method_fingerprint  text,
    failure_class       text,
    failure_code        text,
    failure_message     text,
    next_action         text,
    next_action_url     text,
    client_secret       bytea,
    cancel_reason       text,
    created_by          text NOT NULL,
    checked_at          timestamptz,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    CONSTRAINT payments_captured CHECK (amount_captured BETWEEN 0 AND amount),
    CONSTRAINT payments_refunded CHECK (amount_refunded >= 0 AND amount_refunding >= 0
                            AND amount_refunded + amount_refunding <= amount_captured),
    UNIQUE (provider, provider_payment_id)
);
CREATE INDEX payments_customer ON payments (customer_id, id) WHERE customer_id IS NOT NULL;
CREATE INDEX payments_status ON payments (status, id);
CREATE INDEX payments_reference ON payments (reference, id) WHERE reference IS NOT NULL;
CREATE INDEX payments_checkout ON payments (checkout_id) WHERE checkout_id IS NOT NULL;
CREATE INDEX payments_waiting ON payments (updated_at) WHERE status IN ('created', 'requires_action', 'processing', 'unknown');
COMMENT ON TABLE payments IS 'What somebody owes and how it was paid. Its row is the lock for all that hangs on it.';
COMMENT ON COLUMN payments.id IS 'pay_…';
COMMENT ON COLUMN payments.mode IS 'test or live; never mixed.';
COMMENT ON COLUMN payments.status IS 'Where it stands; transitions lists the ways.';
COMMENT ON COLUMN payments.amount IS 'What was asked for, in minor units.';
COMMENT ON COLUMN payments.currency IS 'ISO 4217, upper case; of every amount of this row.';
COMMENT ON COLUMN payments.amount_captured IS 'What was taken, in minor units.';
COMMENT ON COLUMN payments.amount_refunded IS 'What went back, in minor units.';
COMMENT ON COLUMN payments.amount_refunding IS 'What is on its way back, reserved from when it is asked for.';
COMMENT ON COLUMN payments.refund_state IS 'none, partial or full, of what went back.';
COMMENT ON COLUMN payments.dispute_state IS 'Standing of the newest dispute.';
COMMENT ON COLUMN payments.capture IS 'automatic: with the confirmation; manual: when the merchant says so.';
COMMENT ON COLUMN payments.confirmation IS 'automatic: charged when made, a decline ends it; manual: waits for confirm or the checkout page.';
COMMENT ON COLUMN payments.customer_id IS 'Who pays, if known.';
COMMENT ON COLUMN payments.checkout_id IS 'The checkout session it belongs to.';
COMMENT ON COLUMN payments.description IS 'What it is for, in the merchant''s words.';
COMMENT ON COLUMN payments.reference IS 'The merchant''s own id: an order, an invoice, a course.';
COMMENT ON COLUMN payments.metadata IS 'The merchant''s notes.';
COMMENT ON COLUMN payments.return_url IS 'Where the payer goes after leaving for the bank.';
COMMENT ON COLUMN payments.provider IS 'Who moves the money.';
COMMENT ON COLUMN payments.provider_payment_id IS 'The provider''s id.';
COMMENT ON COLUMN payments.provider_charge_id IS 'The provider''s id of the newest charge; tells a new decline from an old one.';
COMMENT ON COLUMN payments.method_id IS 'The provider''s id of the payment method.';
COMMENT ON COLUMN payments.method_type IS 'card, sepa_debit, …';
COMMENT ON COLUMN payments.method_brand IS 'visa, mastercard, …';
COMMENT ON COLUMN payments.method_last4 IS 'Last four digits.';
COMMENT ON COLUMN payments.method_exp_month IS 'Month it expires.';
COMMENT ON COLUMN payments.method_exp_year IS 'Year it expires.';
COMMENT ON COLUMN payments.method_country IS 'Country of the issuer.';
COMMENT ON COLUMN payments.method_funding IS 'credit, debit, prepaid.';
COMMENT ON COLUMN payments.method_wallet IS 'apple_pay, google_pay, …';
COMMENT ON COLUMN payments.method_fingerprint IS 'The provider''s mark for the same card, for velocity rules.';
COMMENT ON COLUMN payments.failure_class IS 'Why the last try failed, in our words.';
COMMENT ON COLUMN payments.failure_code IS 'The same in the provider''s; never shown on a page.';
COMMENT ON COLUMN payments.failure_message IS 'The same as a sentence for the payer.';
COMMENT ON COLUMN payments.next_action IS 'What the payer must do.';
COMMENT ON COLUMN payments.next_action_url IS 'Where.';
COMMENT ON COLUMN payments.client_secret IS 'What the paying browser needs, encrypted.';
COMMENT ON COLUMN payments.cancel_reason IS 'Why it was cancelled.';
COMMENT ON COLUMN payments.created_by IS 'Who asked for it.';
COMMENT ON COLUMN payments.checked_at IS 'When the provider was last asked about it.';
COMMENT ON COLUMN payments.created_at IS 'When it was made.';
COMMENT ON COLUMN payments.updated_at IS 'When it last changed.';
CREATE TRIGGER payments_transition BEFORE UPDATE OF status ON payments
    FOR EACH ROW EXECUTE FUNCTION check_transition('payment');

CREATE FUNCTION payment_is_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.mode, NEW.amount, NEW.currency, NEW.provider, NEW.created_at)
       IS DISTINCT FROM (OLD.id, OLD.mode, OLD.amount, OLD.currency, OLD.provider, OLD.created_at)
       OR (OLD.provider_payment_id IS NOT NULL AND NEW.provider_payment_id IS DISTINCT FROM OLD.provider_payment_id)
       OR NEW.amount_captured < OLD.amount_captured THEN
        RAISE EXCEPTION 'payment %: what it is about does not change', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payment_is_fixed';
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION payment_is_fixed() IS 'Amount, currency, mode, provider and its id stay as they were; what was captured never shrinks.';
CREATE TRIGGER payments_fixed BEFORE UPDATE ON payments FOR EACH ROW EXECUTE FUNCTION payment_is_fixed();

CREATE TABLE attempts (
    id                  text PRIMARY KEY,
    payment_id          text NOT NULL REFERENCES payments,
    operation           text NOT NULL CHECK (operation IN ('charge', 'capture', 'cancel')),
    status              text NOT NULL CHECK (status IN ('open', 'succeeded', 'declined', 'refused', 'not_executed', 'superseded')),
    phase               text NOT NULL CHECK (phase IN ('creating', 'waiting', 'confirming', 'done')),
    amount              bigint NOT NULL,
    method              text,
    confirms            boolean NOT NULL,
    off_session         boolean NOT NULL DEFAULT false,
    api_version         text,
    provider_request_id text,
    failure_class       text,
    failure_code        text,
    tries               integer NOT NULL DEFAULT 0,
    created_by          text NOT NULL,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL
);
CREATE INDEX attempts_payment ON attempts (payment_id, id);
CREATE UNIQUE INDEX attempts_one_open ON attempts (payment_id) WHERE status = 'open';
COMMENT ON TABLE attempts IS 'Each time money was to move for a payment. One at a time: the open one is the payment''s only open door.';
COMMENT ON COLUMN attempts.id IS 'att_…; the provider''s idempotency keys are made from it.';
COMMENT ON COLUMN attempts.payment_id IS 'Which payment.';
COMMENT ON COLUMN attempts.operation IS 'charge, capture or cancel.';
COMMENT ON COLUMN attempts.status IS 'open until the provider''s word is known for certain.';
COMMENT ON COLUMN attempts.phase IS 'How far it got: creating (C1), waiting (for the payer), confirming (C2), done.';
COMMENT ON COLUMN attempts.amount IS 'Minor units it is about.';
COMMENT ON COLUMN attempts.method IS 'The payment method it was to use, as the caller named it.';
COMMENT ON COLUMN attempts.confirms IS 'Whether we confirm it; false: the payer''s browser does.';
COMMENT ON COLUMN attempts.off_session IS 'Whether the payer was absent.';
COMMENT ON COLUMN attempts.api_version IS 'Version of the provider''s API it was made with.';
COMMENT ON COLUMN attempts.provider_request_id IS 'The provider''s id of the last request, for its support.';
COMMENT ON COLUMN attempts.failure_class IS 'Why it failed, in our words.';
COMMENT ON COLUMN attempts.failure_code IS 'The same in the provider''s.';
COMMENT ON COLUMN attempts.tries IS 'How often the resolver asked.';
COMMENT ON COLUMN attempts.created_by IS 'Who asked for it.';
COMMENT ON COLUMN attempts.created_at IS 'When it began.';
COMMENT ON COLUMN attempts.updated_at IS 'When it last changed.';
CREATE TRIGGER attempts_transition BEFORE UPDATE OF status ON attempts
    FOR EACH ROW EXECUTE FUNCTION check_transition('attempt');

CREATE TABLE refunds (
    id                 text PRIMARY KEY,
    payment_id         text NOT NULL REFERENCES payments,
    status             text NOT NULL CHECK (status IN ('processing', 'succeeded', 'failed', 'cancelled')),
    amount             bigint NOT NULL CHECK (amount > 0),
    currency           text NOT NULL,
    reason             text NOT NULL,
    provider           text NOT NULL,
    provider_refund_id text,
    origin             text NOT NULL CHECK (origin IN ('till', 'provider')),
    failure_code       text,
    created_by         text NOT NULL,
    created_at         timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL,
    UNIQUE (provider, provider_refund_id)
);
CREATE INDEX refunds_payment ON refunds (payment_id, id);
COMMENT ON TABLE refunds IS 'Money on its way back, or gone back.';
COMMENT ON COLUMN refunds.id IS 'ref_…';
COMMENT ON COLUMN refunds.payment_id IS 'Of which payment.';
COMMENT ON COLUMN refunds.status IS 'processing until the provider says more.';
COMMENT ON COLUMN refunds.amount IS 'Minor units.';
COMMENT ON COLUMN refunds.currency IS 'The payment''s.';
COMMENT ON COLUMN refunds.reason IS 'The caller''s words.';
COMMENT ON COLUMN refunds.provider IS 'Who gives it back.';
COMMENT ON COLUMN refunds.provider_refund_id IS 'The provider''s id.';
COMMENT ON COLUMN refunds.origin IS 'till: asked for here; provider: made in the provider''s own dashboard.';
COMMENT ON COLUMN refunds.failure_code IS 'Why it failed, in the provider''s words.';
COMMENT ON COLUMN refunds.created_by IS 'Who asked for it.';
COMMENT ON COLUMN refunds.created_at IS 'When it was asked for.';
COMMENT ON COLUMN refunds.updated_at IS 'When it last changed.';
CREATE TRIGGER refunds_transition BEFORE UPDATE OF status ON refunds
    FOR EACH ROW EXECUTE FUNCTION check_transition('refund');

CREATE TABLE checkout_sessions (
    id          text PRIMARY KEY,
    mode        text NOT NULL CHECK (mode IN ('test', 'live')),
    status      text NOT NULL CHECK (status IN ('open', 'complete', 'expired', 'cancelled')),
    amount      bigint NOT NULL CHECK (amount > 0),
    currency    text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    description text,
    reference   text,
    items       jsonb NOT NULL DEFAULT '[]',
    customer_id text REFERENCES customers,
    success_url text,
    cancel_url  text,
    capture     text NOT NULL CHECK (capture IN ('automatic', 'manual')),
    locale      text,
    metadata    jsonb NOT NULL DEFAULT '{}',
    payment_id  text UNIQUE REFERENCES payments,
    created_by  text NOT NULL,
    expires_at  timestamptz NOT NULL,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL
);
CREATE INDEX checkout_sessions_expiry ON checkout_sessions (expires_at) WHERE status = 'open';
COMMENT ON TABLE checkout_sessions IS 'A debt that is paid on our page; it has one payment at most.';
COMMENT ON COLUMN checkout_sessions.id IS 'cs_…';
COMMENT ON COLUMN checkout_sessions.mode IS 'test or live.';
COMMENT ON COLUMN checkout_sessions.status IS 'open, complete, expired or cancelled.';
COMMENT ON COLUMN checkout_sessions.amount IS 'What is owed, in minor units.';
COMMENT ON COLUMN checkout_sessions.currency IS 'ISO 4217, upper case.';
COMMENT ON COLUMN checkout_sessions.description IS 'What is paid, as the page shows it.';
COMMENT ON COLUMN checkout_sessions.reference IS 'The merchant''s order or invoice.';
COMMENT ON COLUMN checkout_sessions.items IS 'Lines of the order, for the page: name, quantity, amount.';
COMMENT ON COLUMN checkout_sessions.customer_id IS 'Who pays, if known.';
COMMENT ON COLUMN checkout_sessions.success_url IS 'Where the payer goes on afterwards.';
COMMENT ON COLUMN checkout_sessions.cancel_url IS 'Where the payer goes who gives up.';
COMMENT ON COLUMN checkout_sessions.capture IS 'automatic or manual.';
COMMENT ON COLUMN checkout_sessions.locale IS 'Language of the page; NULL follows the browser.';
COMMENT ON COLUMN checkout_sessions.metadata IS 'The merchant''s notes; the payment gets them too.';
COMMENT ON COLUMN checkout_sessions.payment_id IS 'The one payment, once the payer has begun.';
COMMENT ON COLUMN checkout_sessions.created_by IS 'Who made it.';
COMMENT ON COLUMN checkout_sessions.expires_at IS 'When it is no longer paid.';
COMMENT ON COLUMN checkout_sessions.created_at IS 'When it was made.';
COMMENT ON COLUMN checkout_sessions.updated_at IS 'When it last changed.';
CREATE TRIGGER checkout_sessions_transition BEFORE UPDATE OF status ON checkout_sessions
    FOR EACH ROW EXECUTE FUNCTION check_transition('checkout');
ALTER TABLE payments ADD FOREIGN KEY (checkout_id) REFERENCES checkout_sessions;

-- What the providers tell us, what we tell the merchant --------------------------------------------------------------

CREATE TABLE webhook_events (
    id                text PRIMARY KEY,
    provider          text NOT NULL,
    provider_event_id text NOT NULL,
    type              text NOT NULL,
    api_version       text,
    object_id         text,
    payment_reference text,
    status            text NOT NULL CHECK (status IN ('stored', 'processed', 'ignored', 'failed')),
    payload           bytea NOT NULL,
    error             text,
    event_created_at  timestamptz,
    received_at       timestamptz NOT NULL,
    processed_at      timestamptz,
    UNIQUE (provider, provider_event_id)
);
CREATE INDEX webhook_events_status ON webhook_events (status, id);
CREATE INDEX webhook_events_payment ON webhook_events (payment_reference, id) WHERE payment_reference IS NOT NULL;
COMMENT ON TABLE webhook_events IS 'Verified events of the providers, each once.';
COMMENT ON COLUMN webhook_events.id IS 'whe_…';
COMMENT ON COLUMN webhook_events.provider IS 'Who sent it.';
COMMENT ON COLUMN webhook_events.provider_event_id IS 'Its id there; a second delivery of it does nothing.';
COMMENT ON COLUMN webhook_events.type IS 'The provider''s type.';
COMMENT ON COLUMN webhook_events.api_version IS 'Version the event was rendered in.';
COMMENT ON COLUMN webhook_events.object_id IS 'The provider''s id of what it is about.';
COMMENT ON COLUMN webhook_events.payment_reference IS 'The provider''s id of the payment it concerns.';
COMMENT ON COLUMN webhook_events.status IS 'stored, processed, ignored or failed.';
COMMENT ON COLUMN webhook_events.payload IS 'The raw bytes, encrypted.';
COMMENT ON COLUMN webhook_events.error IS 'Why it was not processed, as a code.';
COMMENT ON COLUMN webhook_events.event_created_at IS 'When the provider made it.';
COMMENT ON COLUMN webhook_events.received_at IS 'When it came.';
COMMENT ON COLUMN webhook_events.processed_at IS 'When it was dealt with.';
CREATE TRIGGER webhook_events_transition BEFORE UPDATE OF status ON webhook_events
    FOR EACH ROW EXECUTE FUNCTION check_transition('webhook');

CREATE TABLE events (
    id         text PRIMARY KEY,
    type       text NOT NULL,
    object_id  text NOT NULL,
    payload    jsonb NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX events_object ON events (object_id, id);
COMMENT ON TABLE events IS 'What happened, as the merchant is told it: written in the transaction that made it happen.';
COMMENT ON COLUMN events.id IS 'evt_…';
COMMENT ON COLUMN events.type IS 'payment.succeeded, refund.updated, …';
COMMENT ON COLUMN events.object_id IS 'What it is about.';
COMMENT ON COLUMN events.payload IS 'The object as it was then.';
COMMENT ON COLUMN events.created_at IS 'When it happened.';

-- The queue ---------------------------------------------------------------------------------------------------------

CREATE TABLE jobs (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text NOT NULL,
    subject     text NOT NULL,
    state       text NOT NULL DEFAULT 'available' CHECK (state IN ('available', 'running', 'dead')),
    run_at      timestamptz NOT NULL,
    attempts    integer NOT NULL DEFAULT 0,
    claim       text,
    lease_until timestamptz,
    error       text,
    trace       text,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX jobs_due ON jobs (run_at, id) WHERE state = 'available';
CREATE INDEX jobs_leases ON jobs (lease_until) WHERE state = 'running';
CREATE UNIQUE INDEX jobs_one_waiting ON jobs (kind, subject) WHERE state = 'available';
COMMENT ON TABLE jobs IS 'Work that is due. A finished job is deleted in the transaction that finishes it.';
COMMENT ON COLUMN jobs.id IS 'Number.';
COMMENT ON COLUMN jobs.kind IS 'What is to be done: a row of the program''s table of tasks.';
COMMENT ON COLUMN jobs.subject IS 'To what.';
COMMENT ON COLUMN jobs.state IS 'available, running, or dead: out of tries, for a person to look at.';
COMMENT ON COLUMN jobs.run_at IS 'Not before, by the domain''s clock.';
COMMENT ON COLUMN jobs.attempts IS 'How often it was begun.';
COMMENT ON COLUMN jobs.claim IS 'Token of the run that has it; a run that lost it changes nothing.';
COMMENT ON COLUMN jobs.lease_until IS 'Until when the run is taken to be alive, by the database''s clock.';
COMMENT ON COLUMN jobs.error IS 'Why the last try failed.';
COMMENT ON COLUMN jobs.trace IS 'Request id of what caused it.';
COMMENT ON COLUMN jobs.created_at IS 'When it was added.';

CREATE TABLE breakers (
    provider     text PRIMARY KEY,
    failures     integer NOT NULL DEFAULT 0,
    opened_until timestamptz,
    probe_until  timestamptz,
    updated_at   timestamptz NOT NULL
);
COMMENT ON TABLE breakers IS 'Circuit breakers of the providers.';
COMMENT ON COLUMN breakers.provider IS 'Whose.';
COMMENT ON COLUMN breakers.failures IS 'Failures in a row.';
COMMENT ON COLUMN breakers.opened_until IS 'Open until then; NULL when closed.';
COMMENT ON COLUMN breakers.probe_until IS 'A probe is under way until then.';
COMMENT ON COLUMN breakers.updated_at IS 'When it last changed.';

-- The ledger --------------------------------------------------------------------------------------------------------

CREATE TABLE ledger_accounts (
    code    text PRIMARY KEY,
    kind    text NOT NULL CHECK (kind IN ('asset', 'liability', 'income', 'expense')),
    summary text NOT NULL
);
COMMENT ON TABLE ledger_accounts IS 'Accounts; each holds every currency apart.';
COMMENT ON COLUMN ledger_accounts.code IS 'Name.';
COMMENT ON COLUMN ledger_accounts.kind IS 'asset, liability, income or expense.';
COMMENT ON COLUMN ledger_accounts.summary IS 'What its balance means.';
INSERT INTO ledger_accounts (code, kind, summary) VALUES
    ('stripe:receivable', 'asset', 'What Stripe holds for us'),
    ('sales', 'income', 'What customers paid'),
    ('refunds', 'income', 'What went back to customers, taken off sales');

CREATE TABLE ledger_entries (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text NOT NULL,
    source      text NOT NULL,
    part        text NOT NULL DEFAULT '',
    posted_at   timestamptz NOT NULL,
    UNIQUE (source, kind, part)
);
COMMENT ON TABLE ledger_entries IS 'Movements of money, each once, never changed.';
COMMENT ON COLUMN ledger_entries.id IS 'Number.';
COMMENT ON COLUMN ledger_entries.kind IS 'capture, refund, refund_failed, …';
COMMENT ON COLUMN ledger_entries.source IS 'The payment or refund it comes from.';
COMMENT ON COLUMN ledger_entries.part IS 'Tells several of one kind apart.';
COMMENT ON COLUMN ledger_entries.posted_at IS 'When it was posted.';

CREATE TABLE ledger_lines (
    entry_id bigint NOT NULL REFERENCES ledger_entries,
    account  text NOT NULL REFERENCES ledger_accounts,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount   bigint NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (entry_id, account, currency)
);
COMMENT ON TABLE ledger_lines IS 'Sides of an entry; they sum to nothing in each currency.';
COMMENT ON COLUMN ledger_lines.entry_id IS 'Of which entry.';
COMMENT ON COLUMN ledger_lines.account IS 'Which account.';
COMMENT ON COLUMN ledger_lines.currency IS 'ISO 4217.';
COMMENT ON COLUMN ledger_lines.amount IS 'Minor units: a debit above zero, a credit below.';

CREATE FUNCTION check_balance() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    entry bigint := CASE TG_TABLE_NAME WHEN 'ledger_entries' THEN (to_jsonb(NEW) ->> 'id')::bigint
                    ELSE (to_jsonb(NEW) ->> 'entry_id')::bigint END;
BEGIN
    IF NOT EXISTS (SELECT FROM ledger_lines WHERE entry_id = entry)
       OR EXISTS (SELECT FROM ledger_lines WHERE entry_id = entry GROUP BY currency HAVING sum(amount) <> 0) THEN
        RAISE EXCEPTION 'ledger entry % does not balance', entry
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_balance';
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION check_balance() IS 'Refuses to commit an entry that is empty or does not sum to nothing.';
CREATE CONSTRAINT TRIGGER ledger_lines_balance AFTER INSERT ON ledger_lines DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION check_balance();
CREATE CONSTRAINT TRIGGER ledger_entries_balance AFTER INSERT ON ledger_entries DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION check_balance();
CREATE TRIGGER ledger_entries_fixed BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_lines_fixed BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_lines
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The audit log and its chain ----------------------------------------------------------------------------------------

CREATE TABLE audit_log (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid            xid8 NOT NULL DEFAULT pg_current_xact_id(),
    at             timestamptz NOT NULL,
    principal_kind text NOT NULL,
    principal      text,
    address        text,
    action         text NOT NULL,
    object         text,
    details        jsonb NOT NULL DEFAULT '{}',
    trace          text,
    row_hash       bytea NOT NULL
);
CREATE INDEX audit_log_order ON audit_log (xid, id);
CREATE INDEX audit_log_object ON audit_log (object, id);
COMMENT ON TABLE audit_log IS 'Who did what to which object, written in the transaction that did it.';
COMMENT ON COLUMN audit_log.id IS 'Number.';
COMMENT ON COLUMN audit_log.xid IS 'Transaction that wrote it; tells when no earlier one can still appear.';
COMMENT ON COLUMN audit_log.at IS 'When.';
COMMENT ON COLUMN audit_log.principal_kind IS 'What kind of caller.';
COMMENT ON COLUMN audit_log.principal IS 'Its id.';
COMMENT ON COLUMN audit_log.address IS 'From where.';
COMMENT ON COLUMN audit_log.action IS 'What was done.';
COMMENT ON COLUMN audit_log.object IS 'To what.';
COMMENT ON COLUMN audit_log.details IS 'Ids, amounts and codes; never a person''s data.';
COMMENT ON COLUMN audit_log.trace IS 'Request id.';
COMMENT ON COLUMN audit_log.row_hash IS 'SHA-256 of the rest of the row.';

CREATE TABLE audit_chain (
    seq       bigint PRIMARY KEY,
    entry_id  bigint NOT NULL UNIQUE,
    hash      bytea NOT NULL,
    horizon   xid8 NOT NULL,
    sealed_at timestamptz NOT NULL
);
COMMENT ON TABLE audit_chain IS 'The audit log in order, each link the hash of the one before and of its row.';
COMMENT ON COLUMN audit_chain.seq IS 'Position, from 1, without gaps.';
COMMENT ON COLUMN audit_chain.entry_id IS 'Row of the audit log.';
COMMENT ON COLUMN audit_chain.hash IS 'SHA-256 of the previous hash and the row''s hash.';
COMMENT ON COLUMN audit_chain.horizon IS 'All transactions before this one had ended when it was sealed.';
COMMENT ON COLUMN audit_chain.sealed_at IS 'When it was sealed.';

CREATE FUNCTION audit_row_hash(a audit_log) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT sha256(convert_to(jsonb_build_array(a.id, (extract(epoch FROM a.at) * 1000000)::bigint, a.principal_kind, a.principal,
        a.address, a.action, a.object, a.details, a.trace)::text, 'UTF8'))
$$;
COMMENT ON FUNCTION audit_row_hash(audit_log) IS 'The hash that a row of the audit log must have.';

CREATE FUNCTION audit_hash_row() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    NEW.xid := pg_current_xact_id();
    NEW.row_hash := audit_row_hash(NEW);
    RETURN NEW;
END $$;
COMMENT ON FUNCTION audit_hash_row() IS 'Gives a new row its hash.';
CREATE TRIGGER audit_log_hash BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_hash_row();
CREATE TRIGGER audit_log_fixed BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_chain_fixed BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_chain
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Writers of the log never wait for each other: the chain is made afterwards, of what no open transaction can still
-- precede. After a restore into another cluster, whose transaction ids are smaller, everything without a link is taken.
CREATE FUNCTION audit_seal() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    last_link audit_chain;
    until_xid xid8;
    entry     record;
    sealed    bigint := 0;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('audit_seal')) THEN
        RETURN 0;
    END IF;
    SELECT * INTO last_link FROM audit_chain ORDER BY seq DESC LIMIT 1;
    IF NOT FOUND THEN
        last_link.seq := 0;
        last_link.hash := sha256('');
        last_link.horizon := '0';
    END IF;
    until_xid := pg_snapshot_xmin(pg_current_snapshot());
    FOR entry IN
        SELECT a.id, a.row_hash FROM audit_log a
         WHERE a.xid < until_xid AND a.xid >= last_link.horizon AND last_link.horizon <= until_xid
        UNION ALL
        SELECT a.id, a.row_hash FROM audit_log a
         WHERE last_link.horizon > until_xid AND NOT EXISTS (SELECT FROM audit_chain c WHERE c.entry_id = a.id)
         ORDER BY id
    LOOP
        last_link.seq := last_link.seq + 1;
        last_link.hash := sha256(last_link.hash || entry.row_hash);
        INSERT INTO audit_chain (seq, entry_id, hash, horizon, sealed_at)
        VALUES (last_link.seq, entry.id, last_link.hash, until_xid, now());
        sealed := sealed + 1;
    END LOOP;
    RETURN sealed;
END $$;
COMMENT ON FUNCTION audit_seal() IS 'Links into the chain what was committed since; returns how many rows.';
REVOKE ALL ON FUNCTION audit_seal() FROM PUBLIC;

-- What the application may do ----------------------------------------------------------------------------------------

GRANT SELECT ON transitions, ledger_accounts, audit_chain TO {{app_role}};
GRANT SELECT, UPDATE ON clock TO {{app_role}};
GRANT SELECT, INSERT, UPDATE ON api_keys, customers, customer_accounts, payments, attempts, refunds, checkout_sessions,
    webhook_events, breakers TO {{app_role}};
GRANT SELECT, INSERT, UPDATE, DELETE ON rate_limits, idempotency_keys, customer_persons, jobs TO {{app_role}};
GRANT SELECT, INSERT ON events, ledger_entries, ledger_lines, audit_log TO {{app_role}};
GRANT EXECUTE ON FUNCTION audit_seal() TO {{app_role}};
