-- What the bank and the provider found out about a charge.

ALTER TABLE attempts ADD COLUMN checks jsonb;
COMMENT ON COLUMN attempts.checks IS 'Of a charge: what came of the checks of card number, address and 3-D Secure, and how risky the provider finds it.';

ALTER TABLE payments ADD COLUMN risk_level text CHECK (risk_level IN ('normal', 'elevated', 'highest'));
COMMENT ON COLUMN payments.risk_level IS 'How risky the provider finds the last charge: normal, elevated or highest.';

-- Most are normal, and pay nothing for it.
CREATE INDEX payments_risk ON payments (risk_level, id) WHERE risk_level IN ('elevated', 'highest');
