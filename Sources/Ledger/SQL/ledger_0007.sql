-- Migration 7: what it took to bring views up to date, by which the next night chooses between its two ways, and how many
-- rows a rollup has, so that they need not be counted after a small change.
-- Applied in one transaction by the ledger; it also runs in psql as it stands, behind migration 6.

ALTER TABLE daybook.view_state ADD COLUMN row_count bigint;

CREATE TABLE daybook.view_timing (
  view        text NOT NULL,
  how         text NOT NULL CHECK (how IN ('delta', 'rebuild')),
  -- Images that were applied, or rows that were read.
  units       bigint NOT NULL CHECK (units > 0),
  wall_us     bigint NOT NULL CHECK (wall_us >= 0),
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX view_timing_view ON daybook.view_timing (view, how, recorded_at);
