-- Mail to payers: written in the transaction that makes it due, sent once by the outward lane.

CREATE TABLE payment_contacts (
    payment_id text PRIMARY KEY REFERENCES payments,
    email      bytea NOT NULL
);
COMMENT ON TABLE payment_contacts IS 'Where a payer wants the receipt of one payment; apart from the payment, so that it can be forgotten.';
COMMENT ON COLUMN payment_contacts.payment_id IS 'Of which payment.';
COMMENT ON COLUMN payment_contacts.email IS 'The address, encrypted.';

INSERT INTO transitions (machine, from_state, to_state, why) VALUES
    ('mail', 'pending', 'sent', 'the mail server took it'),
    ('mail', 'pending', 'failed', 'refused, or out of tries'),
    ('mail', 'pending', 'dropped', 'no longer needed, or nobody is known to send it to');

CREATE TABLE mails (
    id         text PRIMARY KEY,
    kind       text NOT NULL CHECK (kind IN ('receipt', 'refund', 'action')),
    payment_id text NOT NULL REFERENCES payments,
    object_id  text NOT NULL,
    number     integer NOT NULL CHECK (number > 0),
    status     text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'sent', 'failed', 'dropped')),
    recipient  bytea,
    locale     text,
    tries      integer NOT NULL DEFAULT 0,
    error      text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (kind, object_id, number)
);
CREATE INDEX mails_payment ON mails (payment_id, id);
COMMENT ON TABLE mails IS 'Mail to payers, each once.';
COMMENT ON COLUMN mails.id IS 'mail_…; its Message-ID is made from it and stays the same.';
COMMENT ON COLUMN mails.kind IS 'receipt, refund or action (the bank wants to see the payer).';
COMMENT ON COLUMN mails.payment_id IS 'Whose payer.';
COMMENT ON COLUMN mails.object_id IS 'What it is about: the payment or a refund.';
COMMENT ON COLUMN mails.number IS '1 for what is sent by itself; further ones were asked for.';
COMMENT ON COLUMN mails.status IS 'pending, sent, failed or dropped.';
COMMENT ON COLUMN mails.recipient IS 'An address that was asked for, encrypted; NULL: that of the payment or its customer when it is sent.';
COMMENT ON COLUMN mails.locale IS 'Language that was asked for; NULL: that of the checkout page.';
COMMENT ON COLUMN mails.tries IS 'How often a mail server was asked.';
COMMENT ON COLUMN mails.error IS 'Why the last try failed; never an address.';
COMMENT ON COLUMN mails.created_at IS 'When it was written.';
COMMENT ON COLUMN mails.updated_at IS 'When it last changed; when it was sent.';
CREATE TRIGGER mails_transition BEFORE UPDATE OF status ON mails
    FOR EACH ROW EXECUTE FUNCTION check_transition('mail');

-- Who erases a person erases the addresses that were given with payments, too.
CREATE FUNCTION forget_contacts() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM payment_contacts c USING payments p WHERE p.id = c.payment_id AND p.customer_id = OLD.customer_id;
    UPDATE mails m SET recipient = NULL FROM payments p
     WHERE p.id = m.payment_id AND p.customer_id = OLD.customer_id AND m.recipient IS NOT NULL;
    RETURN OLD;
END $$;
COMMENT ON FUNCTION forget_contacts() IS 'Forgets where a customer wanted receipts when the person is forgotten.';
REVOKE ALL ON FUNCTION forget_contacts() FROM PUBLIC;
CREATE TRIGGER customer_persons_forget AFTER DELETE ON customer_persons FOR EACH ROW EXECUTE FUNCTION forget_contacts();

GRANT SELECT, INSERT, DELETE ON payment_contacts TO {{app_role}};
GRANT SELECT, INSERT, UPDATE ON mails TO {{app_role}};
