-- What is said against a dispute: the provider keeps the words and the files, we keep that they were sent.

ALTER TABLE disputes ADD COLUMN evidence_sent_at timestamptz;
COMMENT ON COLUMN disputes.evidence_sent_at IS 'When the evidence went to the bank, by us or in the provider''s dashboard; it is taken once.';

CREATE TABLE dispute_files (
    id               text PRIMARY KEY,
    dispute_id       text NOT NULL REFERENCES disputes,
    kind             text NOT NULL,
    size             bigint NOT NULL CHECK (size > 0),
    provider_file_id text NOT NULL UNIQUE,
    created_by       text NOT NULL,
    created_at       timestamptz NOT NULL
);
CREATE INDEX dispute_files_dispute ON dispute_files (dispute_id, id);
COMMENT ON TABLE dispute_files IS 'Files that the provider was given as evidence; they rest there, not here.';
COMMENT ON COLUMN dispute_files.id IS 'dfl_…';
COMMENT ON COLUMN dispute_files.dispute_id IS 'Which dispute.';
COMMENT ON COLUMN dispute_files.kind IS 'What it shows: receipt, shipping_documentation, …';
COMMENT ON COLUMN dispute_files.size IS 'In bytes.';
COMMENT ON COLUMN dispute_files.provider_file_id IS 'The provider''s id.';
COMMENT ON COLUMN dispute_files.created_by IS 'Who gave it.';
COMMENT ON COLUMN dispute_files.created_at IS 'When.';
GRANT SELECT, INSERT ON dispute_files TO {{app_role}};
