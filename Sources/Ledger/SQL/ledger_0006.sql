-- Migration 6: periods: months that are closed, what was reported for them, and late changes that were posted elsewhere.
-- Applied in one transaction by the ledger; it also runs in psql as it stands, behind migration 5.
-- A period is the first day of its month. A month that is open has no row in daybook.period.

CREATE TABLE daybook.period (
  period    date PRIMARY KEY CHECK (period = date_trunc('month', period::timestamp)),
  state     text NOT NULL CHECK (state IN ('soft', 'hard')),
  -- How often the month has been closed; its figures are in daybook.period_figure under this number.
  version   integer NOT NULL CHECK (version >= 1),
  closed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  closed_by text NOT NULL,
  -- For each feed that names its accounting date: the last batch of changes that the figures contain.
  batches   jsonb NOT NULL
);

-- Every closing, hardening and reopening, as it happened. Rows are only ever added.
CREATE TABLE daybook.period_log (
  log_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  period  date NOT NULL,
  version integer NOT NULL,
  action  text NOT NULL CHECK (action IN ('close', 'harden', 'reopen')),
  state   text NOT NULL CHECK (state IN ('open', 'soft', 'hard')),
  at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  actor   text NOT NULL,
  batches jsonb NOT NULL
);
CREATE INDEX period_log_period ON daybook.period_log (period, log_id);

-- What was reported: the rows that rollups by month had when the month was closed, one version for each time. Rows are
-- only ever added; version 1 is what was originally reported.
CREATE TABLE daybook.period_figure (
  figure_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  period    date NOT NULL,
  version   integer NOT NULL,
  view      text NOT NULL,
  -- The groups of the row, the month among them.
  key       jsonb NOT NULL,
  -- All other columns; numbers keep every digit.
  figures   jsonb NOT NULL
);
CREATE INDEX period_figure_period ON daybook.period_figure (period, version, view);

-- Under `late: adjust`: each signed image of a change that fell into a closed month, and the month it was posted to.
CREATE TABLE daybook.adjustment (
  adjustment_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  batch_id      bigint NOT NULL,
  feed          text NOT NULL,
  -- The month that the row belongs to, which was closed.
  period        date NOT NULL,
  -- The month that shows it instead, which was open.
  posted_to     date NOT NULL,
  weight        smallint NOT NULL CHECK (weight IN (1, -1)),
  image         jsonb NOT NULL,
  -- When the month it belongs to was opened again and showed it itself; null while it counts.
  withdrawn_at  timestamptz
);
CREATE INDEX adjustment_feed ON daybook.adjustment (feed, posted_to) WHERE withdrawn_at IS NULL;
CREATE INDEX adjustment_period ON daybook.adjustment (period) WHERE withdrawn_at IS NULL;
