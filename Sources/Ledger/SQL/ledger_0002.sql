-- Migration 2: how files came in, batches of changes for views, chunks of loads that commit in pieces, statements of senders, requeued rejects.
-- Applied in one transaction by the ledger; it also runs in psql as it stands, behind migration 1.

-- A file that is being loaded in chunks is in the ledger from its first chunk on; its counts are those of the chunks so
-- far, and what is not accounted for yet is still in the file.
ALTER TABLE daybook.file DROP CONSTRAINT file_status_check;
ALTER TABLE daybook.file ADD CONSTRAINT file_status_check
  CHECK (status IN ('loading', 'loaded', 'refused', 'superseded'));
ALTER TABLE daybook.file DROP CONSTRAINT file_rows_reconcile;
ALTER TABLE daybook.file ADD CONSTRAINT file_rows_reconcile CHECK (status IN ('loading', 'refused')
  OR rows_read = rows_inserted + rows_updated + rows_unchanged + rows_duplicate + rows_rejected);
-- How its rows reached the table, and how long that took: what `load: auto` learns from.
ALTER TABLE daybook.file ADD COLUMN path text CHECK (path IN ('bulk', 'copy', 'insert'));
ALTER TABLE daybook.file ADD COLUMN wall_ms bigint CHECK (wall_ms >= 0);
CREATE UNIQUE INDEX file_loading_once ON daybook.file (feed, sha256) WHERE status = 'loading';

-- The plan by which a file is cut, kept so that a resumed load cuts it in the same places.
CREATE TABLE daybook.chunk_plan (
  file_id     bigint PRIMARY KEY REFERENCES daybook.file ON DELETE CASCADE,
  chunk_bytes integer NOT NULL CHECK (chunk_bytes > 0),
  parts       smallint NOT NULL CHECK (parts > 0)
);

-- One committed piece of a file: a part (by hash of the key) of a chunk. It commits with the rows it stands for.
CREATE TABLE daybook.chunk (
  file_id        bigint NOT NULL REFERENCES daybook.file ON DELETE CASCADE,
  chunk          integer NOT NULL,
  part           smallint NOT NULL,
  byte_offset    bigint NOT NULL,
  first_record   bigint NOT NULL,
  batch_id       bigint,
  rows_read      bigint NOT NULL,
  rows_inserted  bigint NOT NULL,
  rows_updated   bigint NOT NULL,
  rows_unchanged bigint NOT NULL,
  rows_duplicate bigint NOT NULL,
  rows_rejected  bigint NOT NULL,
  committed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (file_id, chunk, part),
  CONSTRAINT chunk_rows_reconcile
    CHECK (rows_read = rows_inserted + rows_updated + rows_unchanged + rows_duplicate + rows_rejected)
);

CREATE TABLE daybook.chunk_control_sum (
  file_id     bigint NOT NULL,
  chunk       integer NOT NULL,
  part        smallint NOT NULL,
  column_name text NOT NULL,
  currency    text NOT NULL,
  outcome     text NOT NULL CHECK (outcome IN
    ('read', 'inserted', 'updated', 'unchanged', 'duplicate', 'rejected')),
  amount      numeric NOT NULL,
  PRIMARY KEY (file_id, chunk, part, column_name, currency, outcome),
  FOREIGN KEY (file_id, chunk, part) REFERENCES daybook.chunk ON DELETE CASCADE
);

-- One committed change of a base table. A delta has its signed images in the feed's journal table,
-- daybook.journal_<feed>; a rebuild has none, and whoever reads the journal starts over from the table.
-- Numbers are drawn before the commit: a reader that holds a lock on the base table against writers sees all numbers
-- up to the highest one it sees.
CREATE TABLE daybook.batch (
  batch_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  feed        text NOT NULL,
  kind        text NOT NULL CHECK (kind IN ('delta', 'rebuild')),
  run_id      uuid NOT NULL,
  file_id     bigint,
  rows_plus   bigint NOT NULL DEFAULT 0,
  rows_minus  bigint NOT NULL DEFAULT 0,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CHECK (kind = 'delta' OR rows_plus = 0 AND rows_minus = 0)
);
CREATE INDEX batch_feed ON daybook.batch (feed, batch_id);

-- The file whose rows closed a reject: a later one of the same name, or a requeued correction.
ALTER TABLE daybook.reject ADD COLUMN resolved_by bigint;
-- Why a person closed it without rows; null when rows closed it.
ALTER TABLE daybook.reject ADD COLUMN dismissal text;
-- The names in a file's header, by which the bytes of its rejects are taken apart again; null when not known.
ALTER TABLE daybook.file ADD COLUMN header text[];
-- Why a person does without a refused file; null while it is still wanted.
ALTER TABLE daybook.file ADD COLUMN dismissal text;

-- What a control file or a trailer said that a file holds, beside what was read of it. A difference refuses the file.
CREATE TABLE daybook.file_statement (
  file_id     bigint NOT NULL REFERENCES daybook.file ON DELETE CASCADE,
  source      text NOT NULL CHECK (source IN ('control_file', 'trailer')),
  -- Both empty for the number of rows.
  column_name text NOT NULL,
  currency    text NOT NULL,
  stated      numeric NOT NULL,
  read        numeric NOT NULL,
  PRIMARY KEY (file_id, source, column_name, currency)
);
