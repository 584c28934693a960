-- Migration 4: what checks found, when they last passed, and how far the proof of each rollup has come.
-- Applied in one transaction by the ledger; it also runs in psql as it stands, behind migration 3.
-- Rows refer to runs by id without a foreign key, as those about files do.

-- One violation: a test of a check, or a rollup that differed from its table. A night that found nothing leaves no row.
CREATE TABLE daybook.check_failure (
  failure_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run_id       uuid NOT NULL,
  as_of        date NOT NULL,
  -- The check, or the view.
  name         text NOT NULL,
  test         text NOT NULL,
  severity     text NOT NULL CHECK (severity IN ('warn', 'error')),
  -- Rows or groups that violate it; null when the test could not be made.
  failing_rows bigint,
  message      text NOT NULL,
  -- File and line of the test.
  position     text,
  sqlstate     text,
  -- Whether the rollup was rebuilt for it.
  is_repaired  boolean NOT NULL DEFAULT false,
  recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX check_failure_run ON daybook.check_failure (run_id, failure_id);

-- A few of the rows that violate it, as text; long values are cut.
CREATE TABLE daybook.check_example (
  failure_id bigint NOT NULL REFERENCES daybook.check_failure ON DELETE CASCADE,
  number     integer NOT NULL,
  columns    text[] NOT NULL,
  row_values text[] NOT NULL,
  PRIMARY KEY (failure_id, number)
);

-- The last pass of each test whose inputs tell of everything that it depends on.
CREATE TABLE daybook.check_pass (
  name           text NOT NULL,
  test_hash      text NOT NULL,
  -- The version of each relation that it read, as text.
  input_versions text NOT NULL,
  -- The business date, for a test that depends on it.
  as_of          date,
  passed_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (name, test_hash)
);

-- What was last proven of a rollup, from where the journal carries on.
CREATE TABLE daybook.view_proof (
  view            text PRIMARY KEY,
  definition_hash text NOT NULL,
  -- The last batch in the totals below; they were found equal in state and table.
  batch           bigint,
  totals          text[],
  -- For each slice of its groups the view's data version at which it was last found equal to a recompute; 0 for never.
  slice_versions  bigint[] NOT NULL,
  proven_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
