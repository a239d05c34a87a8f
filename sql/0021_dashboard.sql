-- What the providers cost, by provider; and how often a stored answer was given again.

ALTER TABLE idempotency_keys ADD COLUMN hits integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN idempotency_keys.hits IS 'How often the stored answer was given once more.';

-- A fee is kept by the provider on the other side of its entry. Other accounts are the same whoever moved the money.
CREATE OR REPLACE FUNCTION count_ledger_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.statistics_changes (hour, measure, mode, currency, provider, method, class, count, amount)
    SELECT public.hour_of(e.posted_at), CASE WHEN a.amount > 0 THEN 'debit' ELSE 'credit' END, '', a.currency,
           CASE WHEN a.account = 'fees' THEN coalesce((SELECT split_part(o.account, ':', 1) FROM added o
                WHERE o.entry_id = a.entry_id AND o.account LIKE '%:receivable' LIMIT 1), '') ELSE '' END,
           '', a.account, 1, abs(a.amount)
      FROM added a JOIN public.ledger_entries e ON e.id = a.entry_id;
    RETURN NULL;
END $$;

-- Until here every fee was Stripe's. What is posted meanwhile waits, so that none is counted without its provider.
LOCK TABLE ledger_lines IN SHARE ROW EXCLUSIVE MODE;
UPDATE statistics_changes SET provider = 'stripe' WHERE measure IN ('debit', 'credit') AND class = 'fees';
UPDATE statistics SET provider = 'stripe' WHERE measure IN ('debit', 'credit') AND class = 'fees';
COMMENT ON COLUMN statistics.provider IS 'Who moved it; of debit and credit who kept a fee, and empty for other accounts.';
