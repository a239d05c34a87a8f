-- Failures of one currency, where most failures are of another: the list walks these alone. What succeeds, which is most, is not in it
-- and pays nothing for it.
CREATE INDEX payments_ended ON payments (status, currency, id) WHERE status IN ('failed', 'cancelled');
