-- Migration 9: which ledger this is, when each relation's data last changed, and of which test a violation is, so that what
-- was published from one state of a database is never taken for what another state would give.
-- Applied in one transaction by the ledger; it also runs in psql as it stands, behind migration 8.

-- One row for as long as the ledger lives. Counters of a new database start again and may come to the same numbers; this
-- name does not.
CREATE TABLE daybook.ledger (
  identity uuid NOT NULL DEFAULT gen_random_uuid(),
  is_only  boolean PRIMARY KEY DEFAULT true CHECK (is_only)
);
INSERT INTO daybook.ledger DEFAULT VALUES;

-- With the moment of the last change: a restored dump repeats counts, and never the moments of what is loaded after it.
CREATE OR REPLACE VIEW daybook.relation_version AS
SELECT relation, sum(version)::bigint AS version, max(changed_at) AS changed_at FROM (
  SELECT relation, version, changed_at FROM daybook.data_version
  UNION ALL SELECT relation, count(*), max(changed_at) FROM daybook.uncounted_change GROUP BY relation) AS v
GROUP BY relation;

-- The hash of the test, or of the rollup's definition; null in what older programs recorded. A position moves with the
-- lines above it.
ALTER TABLE daybook.check_failure ADD COLUMN test_hash text;
CREATE INDEX check_failure_test ON daybook.check_failure (name, test_hash, failure_id);

-- Whether the versions tell of everything that the test depends on. Others are made every night, and their passes are
-- recorded for readers.
ALTER TABLE daybook.check_pass ADD COLUMN is_steady boolean NOT NULL DEFAULT true;
