-- Holds that end.

ALTER TABLE payments ADD COLUMN capture_before timestamptz;
ALTER TABLE payments ADD COLUMN expiry_warned_at timestamptz;
COMMENT ON COLUMN payments.capture_before IS 'Until when what is authorized can be captured, as the provider says, or as such holds usually are.';
COMMENT ON COLUMN payments.expiry_warned_at IS 'When a person and the merchant were told that the hold ends.';

UPDATE payments SET capture_before = updated_at + interval '7 days' WHERE status = 'authorized';
INSERT INTO jobs (kind, subject, run_at, lane)
SELECT 'payment.expire', id, domain_now() + interval '1 minute', 'money' FROM payments WHERE status = 'authorized'
ON CONFLICT (kind, subject) WHERE state = 'available' DO NOTHING;
