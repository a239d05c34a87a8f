-- What the mirrored subscriptions and invoices of a provider are looked for by.

CREATE INDEX mirrored_subscriptions_status ON mirrored_subscriptions (status, id);
CREATE INDEX mirrored_invoices_status ON mirrored_invoices (status, id);
CREATE INDEX mirrored_invoices_subscription ON mirrored_invoices (provider_subscription_id, id) WHERE provider_subscription_id IS NOT NULL;
