-- A long run says now and then that it lives, so that only one that died is taken over.
ALTER TABLE maintenance_runs ADD COLUMN alive_at timestamptz NOT NULL DEFAULT now();
COMMENT ON COLUMN maintenance_runs.alive_at IS 'When the run last showed that it goes on; a quarter of an hour later another may begin.';
