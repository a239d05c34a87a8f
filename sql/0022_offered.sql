-- A request may ask for one kind of payment method, and only that is offered.

ALTER TABLE payments ADD COLUMN offered_type text;
COMMENT ON COLUMN payments.offered_type IS 'The one kind of method that is offered, such as sepa_debit; NULL: all that are open.';
