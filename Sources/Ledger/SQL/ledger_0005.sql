-- Migration 5: watched tables: changes that were made by hand, and journals of which old images were taken out.
-- Applied in one transaction by the ledger; it also runs in psql as it stands, behind migration 4.

-- A batch is of a run, or of somebody who wrote to a watched table by hand; then it says who.
ALTER TABLE daybook.batch ALTER COLUMN run_id DROP NOT NULL;
ALTER TABLE daybook.batch ADD COLUMN made_by text;
ALTER TABLE daybook.batch ADD COLUMN application text;
ALTER TABLE daybook.batch ADD CONSTRAINT batch_has_author CHECK ((run_id IS NULL) = (made_by IS NOT NULL));

-- Changes made by hand that daybook.data_version does not count yet: a relation's version is the sum of both. Whoever
-- writes by hand only adds a row here: an update of the one row of data_version would make writers wait for each other,
-- deadlock, and fail in transactions of a higher isolation.
CREATE TABLE daybook.uncounted_change (
  batch_id   bigint PRIMARY KEY,
  relation   text NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Up to which batch a feed's images were taken out of its journal. The batches stay; read as deltas they would be empty.
CREATE TABLE daybook.journal_horizon (
  feed          text PRIMARY KEY,
  batch_id      bigint NOT NULL,
  -- The images are taken out in pieces behind that decision: so far they are gone.
  swept_through bigint NOT NULL DEFAULT 0,
  moved_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);
