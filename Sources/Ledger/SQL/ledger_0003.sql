-- Migration 3: how far each view has followed the journal of what it reads.

-- The last batch of its source that a rollup's state contains; null when it has to be built from the table.
ALTER TABLE daybook.view_state ADD COLUMN absorbed_batch bigint;
