-- What customers pay with, kept at the provider for later.

INSERT INTO transitions (machine, from_state, to_state, why) VALUES
    ('method', 'pending', 'requires_action', 'the bank asks for the payer'),
    ('method', 'pending', 'processing', 'the bank account is being verified'),
    ('method', 'pending', 'active', 'it can be used'),
    ('method', 'pending', 'failed', 'the bank said no'),
    ('method', 'pending', 'detached', 'given up'),
    ('method', 'requires_action', 'pending', 'authentication failed; another try may follow'),
    ('method', 'requires_action', 'processing', 'the bank account is being verified'),
    ('method', 'requires_action', 'active', 'authenticated'),
    ('method', 'requires_action', 'failed', 'authentication failed'),
    ('method', 'requires_action', 'detached', 'given up'),
    ('method', 'processing', 'pending', 'declined; another try may follow'),
    ('method', 'processing', 'requires_action', 'the bank asks for the payer'),
    ('method', 'processing', 'active', 'it can be used'),
    ('method', 'processing', 'failed', 'the bank said no'),
    ('method', 'processing', 'detached', 'given up'),
    ('method', 'active', 'failed', 'its mandate was withdrawn'),
    ('method', 'active', 'detached', 'removed'),
    ('method', 'failed', 'active', 'the provider took it after we had given up'),
    ('method', 'failed', 'detached', 'removed');

CREATE TABLE payment_methods (
    id                 text PRIMARY KEY,
    mode               text NOT NULL CHECK (mode IN ('test', 'live')),
    customer_id        text NOT NULL REFERENCES customers,
    status             text NOT NULL CHECK (status IN ('pending', 'requires_action', 'processing', 'active', 'failed', 'detached')),
    provider           text NOT NULL,
    provider_method_id text,
    provider_setup_id  text,
    asked_method       text,
    type               text,
    brand              text,
    last4              text,
    exp_month          integer,
    exp_year           integer,
    country            text,
    funding            text,
    wallet             text,
    fingerprint        bytea,
    mandate            text,
    is_default         boolean NOT NULL DEFAULT false,
    wants_default      boolean NOT NULL DEFAULT false,
    metadata           jsonb NOT NULL DEFAULT '{}',
    return_url         text,
    client_secret      bytea,
    next_action        text,
    next_action_url    text,
    failure_class      text,
    failure_code       text,
    failure_message    text,
    remembered_until   timestamptz,
    created_by         text NOT NULL,
    created_at         timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL,
    UNIQUE (provider, provider_method_id),
    UNIQUE (provider, provider_setup_id)
);
CREATE INDEX payment_methods_customer ON payment_methods (customer_id, id);
CREATE UNIQUE INDEX payment_methods_default ON payment_methods (customer_id) WHERE is_default;
COMMENT ON TABLE payment_methods IS 'What customers pay with, kept at the provider; a card number is never here.';
COMMENT ON COLUMN payment_methods.id IS 'pm_…';
COMMENT ON COLUMN payment_methods.mode IS 'test or live.';
COMMENT ON COLUMN payment_methods.customer_id IS 'Whose.';
COMMENT ON COLUMN payment_methods.status IS 'active can be paid with; transitions lists the ways there and away.';
COMMENT ON COLUMN payment_methods.provider IS 'Who keeps it.';
COMMENT ON COLUMN payment_methods.provider_method_id IS 'The provider''s id; NULL until the payer has given one.';
COMMENT ON COLUMN payment_methods.provider_setup_id IS 'The provider''s id of how it is being kept; NULL for one kept by paying.';
COMMENT ON COLUMN payment_methods.asked_method IS 'The provider''s method that the caller wants kept; NULL where the payer''s browser gives it.';
COMMENT ON COLUMN payment_methods.type IS 'card, sepa_debit, …';
COMMENT ON COLUMN payment_methods.brand IS 'visa, mastercard, a bank''s name.';
COMMENT ON COLUMN payment_methods.last4 IS 'Last four digits.';
COMMENT ON COLUMN payment_methods.exp_month IS 'Month it expires.';
COMMENT ON COLUMN payment_methods.exp_year IS 'Year it expires.';
COMMENT ON COLUMN payment_methods.country IS 'Country of the issuer.';
COMMENT ON COLUMN payment_methods.funding IS 'credit, debit, prepaid.';
COMMENT ON COLUMN payment_methods.wallet IS 'apple_pay, google_pay, …';
COMMENT ON COLUMN payment_methods.fingerprint IS 'HMAC of the provider''s mark for the same card or account.';
COMMENT ON COLUMN payment_methods.mandate IS 'The provider''s id of the payer''s permission to debit.';
COMMENT ON COLUMN payment_methods.is_default IS 'Used where none is named; at most one of a customer.';
COMMENT ON COLUMN payment_methods.wants_default IS 'To become the default once it is active.';
COMMENT ON COLUMN payment_methods.metadata IS 'The merchant''s notes.';
COMMENT ON COLUMN payment_methods.return_url IS 'Where the payer goes after leaving for the bank.';
COMMENT ON COLUMN payment_methods.client_secret IS 'What the payer''s browser needs, encrypted; NULL once it is kept.';
COMMENT ON COLUMN payment_methods.next_action IS 'What the payer must do.';
COMMENT ON COLUMN payment_methods.next_action_url IS 'Where.';
COMMENT ON COLUMN payment_methods.failure_class IS 'Why the last try failed, in our words.';
COMMENT ON COLUMN payment_methods.failure_code IS 'The same in the provider''s; never shown on a page.';
COMMENT ON COLUMN payment_methods.failure_message IS 'The same as a sentence for the payer.';
COMMENT ON COLUMN payment_methods.remembered_until IS 'Until then it is used where none is named and there is no default.';
COMMENT ON COLUMN payment_methods.created_by IS 'Who asked for it.';
COMMENT ON COLUMN payment_methods.created_at IS 'When it was asked for.';
COMMENT ON COLUMN payment_methods.updated_at IS 'When it last changed.';
CREATE TRIGGER payment_methods_transition BEFORE UPDATE OF status ON payment_methods
    FOR EACH ROW EXECUTE FUNCTION check_transition('method');
GRANT SELECT, INSERT, UPDATE ON payment_methods TO {{app_role}};

ALTER TABLE payments ADD COLUMN keeps_method boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN payments.keeps_method IS 'Whether the payer allowed that the payment method is kept for later.';
ALTER TABLE checkout_sessions ADD COLUMN offers_saving boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN checkout_sessions.offers_saving IS 'Whether the page asks the payer to keep the payment method.';

-- Persons, each under a key of his own: destroying it forgets him, wherever copies of the rest may be.

CREATE TABLE person_keys (
    customer_id text PRIMARY KEY REFERENCES customers,
    key         bytea NOT NULL
);
COMMENT ON TABLE person_keys IS 'What the person behind a customer is encrypted with. Back it up apart and briefly: a row that comes back undoes an erasure.';
COMMENT ON COLUMN person_keys.customer_id IS 'Whose.';
COMMENT ON COLUMN person_keys.key IS 'The key, encrypted.';
GRANT SELECT, INSERT, DELETE ON person_keys TO {{app_role}};

ALTER TABLE customers ADD COLUMN erased_at timestamptz;
COMMENT ON COLUMN customers.erased_at IS 'When the person was forgotten; NULL for all others.';
CREATE INDEX checkout_sessions_customer ON checkout_sessions (customer_id, id) WHERE customer_id IS NOT NULL;
CREATE INDEX webhook_events_object ON webhook_events (object_id) WHERE object_id IS NOT NULL;
CREATE INDEX idempotency_keys_resource ON idempotency_keys (resource) WHERE resource IS NOT NULL;
COMMENT ON COLUMN events.payload IS 'The object as it was then; free text goes out of it when the person is erased.';

CREATE FUNCTION without_person(value jsonb) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
BEGIN
    IF jsonb_typeof(value) = 'object' THEN
        RETURN (SELECT coalesce(jsonb_object_agg(key, CASE
                    WHEN key IN ('metadata') THEN '{}'
                    WHEN key IN ('description', 'email', 'name', 'reason', 'items', 'reference') THEN 'null'
                    ELSE without_person(member) END), '{}')
                  FROM jsonb_each(value) AS members (key, member));
    ELSIF jsonb_typeof(value) = 'array' THEN
        RETURN (SELECT coalesce(jsonb_agg(without_person(member)), '[]') FROM jsonb_array_elements(value) AS members (member));
    END IF;
    RETURN value;
END $$;
COMMENT ON FUNCTION without_person(jsonb) IS 'An object of ours without what may name a person: texts of the merchant and the person''s own data, at any depth.';

-- The application cannot change what was told; to forget a person is the one way to.
CREATE FUNCTION erase_events(customer text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE events SET payload = without_person(payload), previous = without_person(previous)
     WHERE object_id = customer
        OR object_id IN (SELECT id FROM payments WHERE customer_id = customer)
        OR object_id IN (SELECT r.id FROM refunds r JOIN payments p ON p.id = r.payment_id WHERE p.customer_id = customer)
        OR object_id IN (SELECT d.id FROM disputes d JOIN payments p ON p.id = d.payment_id WHERE p.customer_id = customer)
        OR object_id IN (SELECT id FROM checkout_sessions WHERE customer_id = customer)
        OR object_id IN (SELECT id FROM payment_methods WHERE customer_id = customer);
END $$;
COMMENT ON FUNCTION erase_events(text) IS 'Takes what may name a person out of all events about a customer and what is his.';
REVOKE ALL ON FUNCTION erase_events(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION erase_events(text) TO {{app_role}};
