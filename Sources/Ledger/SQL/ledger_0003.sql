-- Migration 3: how far each view has followed the journal of what it reads, and rejects by when they were closed.

-- The last batch of its source that a rollup's state contains; null when it has to be built from the table.
ALTER TABLE daybook.view_state ADD COLUMN absorbed_batch bigint;

-- What was closed lately is looked for by every run.
CREATE INDEX reject_resolved ON daybook.reject (feed, resolved_at) WHERE resolved_at IS NOT NULL;
