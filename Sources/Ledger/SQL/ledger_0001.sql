-- Migration 1: runs and what they cost, files and what became of their rows, versions of the data.
-- Applied in one transaction by the ledger; it also runs in psql as it stands, in an empty database.
-- Rows about files refer to runs by id without a foreign key: files outlive pruned runs, and they commit
-- in the transaction that loads the data, while runs commit on a connection of their own.

CREATE SCHEMA IF NOT EXISTS daybook;

CREATE TABLE IF NOT EXISTS daybook.migration (
  version    integer PRIMARY KEY,
  name       text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Whose data this ledger describes: one project schema for each database.
CREATE TABLE daybook.owner (
  is_single   boolean PRIMARY KEY DEFAULT true CHECK (is_single),
  project     text NOT NULL,
  schema_name text NOT NULL,
  claimed_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE daybook.run (
  run_id        uuid PRIMARY KEY,
  job           text NOT NULL,
  as_of         date NOT NULL,
  attempt       integer NOT NULL DEFAULT 1 CHECK (attempt >= 1),
  parent_run_id uuid,
  trigger       text NOT NULL,
  status        text NOT NULL CHECK (status IN
    ('running', 'success', 'warning', 'failed', 'partial', 'skipped', 'cancelled', 'timeout', 'lost')),
  exit_code     integer,
  started_at    timestamptz NOT NULL,
  finished_at   timestamptz,
  heartbeat_at  timestamptz NOT NULL,
  wall_ms       bigint,
  cpu_user_ms   bigint,
  cpu_sys_ms    bigint,
  maxrss_kb     bigint,
  host          text NOT NULL,
  pid           integer NOT NULL,
  argv          text[] NOT NULL,
  version       text NOT NULL,
  config_hash   text NOT NULL,
  pg_version    integer NOT NULL,
  lock_wait_ms  bigint NOT NULL DEFAULT 0,
  error_stage   text,
  error_class   text,
  error_message text,
  CHECK ((status = 'running') = (finished_at IS NULL))
);
CREATE INDEX run_started_at ON daybook.run (started_at DESC);
CREATE INDEX run_running ON daybook.run (run_id) WHERE status = 'running';

CREATE TABLE daybook.stage_run (
  run_id          uuid NOT NULL REFERENCES daybook.run ON DELETE CASCADE,
  seq             integer NOT NULL,
  stage           text NOT NULL,
  name            text NOT NULL,
  attempt         integer NOT NULL DEFAULT 1,
  status          text NOT NULL CHECK (status IN
    ('running', 'success', 'warning', 'failed', 'partial', 'skipped', 'cancelled', 'timeout', 'lost')),
  skip_reason     text,
  started_at      timestamptz NOT NULL,
  finished_at     timestamptz,
  wall_ms         bigint,
  cpu_user_ms     bigint,
  cpu_sys_ms      bigint,
  maxrss_kb       bigint,
  rows_read       bigint NOT NULL DEFAULT 0,
  rows_inserted   bigint NOT NULL DEFAULT 0,
  rows_updated    bigint NOT NULL DEFAULT 0,
  rows_unchanged  bigint NOT NULL DEFAULT 0,
  rows_deleted    bigint NOT NULL DEFAULT 0,
  rows_duplicate  bigint NOT NULL DEFAULT 0,
  rows_rejected   bigint NOT NULL DEFAULT 0,
  rows_out        bigint,
  bytes_in        bigint NOT NULL DEFAULT 0,
  input_path      text,
  input_sha256    bytea,
  wal_bytes       bigint,
  shared_hit      bigint,
  shared_read     bigint,
  shared_written  bigint,
  temp_bytes      bigint,
  sqlstate        text,
  error_message   text,
  detail          text,
  PRIMARY KEY (run_id, seq)
);

-- The money that one stage saw, for each column and currency, by outcome.
CREATE TABLE daybook.stage_control_sum (
  run_id      uuid NOT NULL,
  seq         integer NOT NULL,
  column_name text NOT NULL,
  currency    text NOT NULL,
  outcome     text NOT NULL,
  amount      numeric NOT NULL,
  PRIMARY KEY (run_id, seq, column_name, currency, outcome),
  FOREIGN KEY (run_id, seq) REFERENCES daybook.stage_run ON DELETE CASCADE
);

CREATE TABLE daybook.file (
  file_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  feed           text NOT NULL,
  name           text NOT NULL,
  sha256         bytea NOT NULL CHECK (octet_length(sha256) = 32),
  bytes          bigint NOT NULL,
  run_id         uuid NOT NULL,
  as_of          date NOT NULL,
  status         text NOT NULL CHECK (status IN ('loaded', 'refused', 'superseded')),
  recorded_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  rows_read      bigint NOT NULL,
  rows_inserted  bigint NOT NULL,
  rows_updated   bigint NOT NULL,
  rows_unchanged bigint NOT NULL,
  rows_deleted   bigint NOT NULL,
  rows_duplicate bigint NOT NULL,
  rows_rejected  bigint NOT NULL,
  -- Every row of a loaded file is accounted for. Deleted rows of a snapshot are not rows of the file.
  CONSTRAINT file_rows_reconcile CHECK (status = 'refused'
    OR rows_read = rows_inserted + rows_updated + rows_unchanged + rows_duplicate + rows_rejected)
);
-- A file, by its content, is loaded once.
CREATE UNIQUE INDEX file_loaded_once ON daybook.file (feed, sha256) WHERE status = 'loaded';
CREATE INDEX file_run ON daybook.file (run_id);
CREATE INDEX file_feed_name ON daybook.file (feed, name);

CREATE TABLE daybook.file_control_sum (
  file_id     bigint NOT NULL REFERENCES daybook.file ON DELETE CASCADE,
  column_name text NOT NULL,
  currency    text NOT NULL,
  outcome     text NOT NULL CHECK (outcome IN
    ('read', 'inserted', 'updated', 'unchanged', 'duplicate', 'rejected')),
  amount      numeric NOT NULL,
  PRIMARY KEY (file_id, column_name, currency, outcome)
);

CREATE TABLE daybook.reject (
  reject_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  file_id     bigint NOT NULL REFERENCES daybook.file ON DELETE CASCADE,
  run_id      uuid NOT NULL,
  feed        text NOT NULL,
  file        text NOT NULL,
  line        bigint NOT NULL,
  record      bigint NOT NULL,
  byte_offset bigint NOT NULL,
  column_name text,
  code        text NOT NULL,
  reason      text NOT NULL,
  raw         bytea NOT NULL,
  -- Set when a later file of the same name replaced the one that was refused.
  resolved_at timestamptz
);
CREATE INDEX reject_file ON daybook.reject (file_id, record);
CREATE INDEX reject_run ON daybook.reject (run_id);
CREATE INDEX reject_open ON daybook.reject (feed) WHERE resolved_at IS NULL;

-- Records of one file whose key appears again later in the same file: the last one won.
CREATE TABLE daybook.duplicate_row (
  duplicate_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  file_id      bigint NOT NULL REFERENCES daybook.file ON DELETE CASCADE,
  run_id       uuid NOT NULL,
  feed         text NOT NULL,
  file         text NOT NULL,
  line         bigint NOT NULL,
  record       bigint NOT NULL,
  byte_offset  bigint NOT NULL,
  key          text NOT NULL,
  kept_line    bigint
);
CREATE INDEX duplicate_row_file ON daybook.duplicate_row (file_id, record);

-- Counts the committed changes of each base table and view; caches and views compare it.
CREATE TABLE daybook.data_version (
  relation   text PRIMARY KEY,
  version    bigint NOT NULL CHECK (version >= 1),
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- What each view was last built from.
CREATE TABLE daybook.view_state (
  view            text PRIMARY KEY,
  definition_hash text NOT NULL,
  input_versions  jsonb NOT NULL,
  refreshed_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- The view's own data version at which its totals were last found equal to its source; null before that.
  checked_version bigint
);
