-- Migration 8: results of queries that are kept for as long as what they were made from has not changed, and what the cache
-- of them was good for.
-- Applied in one transaction by the ledger; it also runs in psql as it stands, behind migration 7.

-- How often each relation's data have changed, what was changed by hand included; one that never did is absent.
CREATE VIEW daybook.relation_version AS
SELECT relation, sum(version)::bigint AS version FROM (
  SELECT relation, version FROM daybook.data_version
  UNION ALL SELECT relation, count(*) FROM daybook.uncounted_change GROUP BY relation) AS v
GROUP BY relation;

-- Everything here can be made again from the tables, so it is not logged: a crash of the server empties it, and no
-- night's log grows by it.
CREATE UNLOGGED TABLE daybook.cache (
  -- SHA-256 of everything that the result depends on.
  key        bytea PRIMARY KEY CHECK (octet_length(key) = 32),
  -- The same but for the versions of the data: one question has one slot.
  slot       bytea NOT NULL CHECK (octet_length(slot) = 32),
  -- What it was made from, and which version of each.
  relations  text[] NOT NULL,
  versions   bigint[] NOT NULL,
  -- What asks, for people.
  label      text NOT NULL,
  -- Compressed with zstd; so many bytes when it is unpacked.
  payload    bytea NOT NULL,
  raw_bytes  integer NOT NULL CHECK (raw_bytes >= 0),
  -- SHA-256 of the key and what is unpacked.
  digest     bytea NOT NULL CHECK (octet_length(digest) = 32),
  -- How long it took to make.
  cost_us    bigint NOT NULL CHECK (cost_us >= 0),
  -- How far the log of the server that made it had come; null where that is not known.
  position   bigint,
  stored_at  timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  used_at    timestamptz NOT NULL,
  CHECK (cardinality(relations) = cardinality(versions))
);
-- It is compressed already.
ALTER TABLE daybook.cache ALTER COLUMN payload SET STORAGE EXTERNAL;
CREATE INDEX cache_slot ON daybook.cache (slot);

-- What each tier did for one program, from its start to its end.
CREATE TABLE daybook.cache_use (
  use_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  used_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- What the program was doing.
  purpose   text NOT NULL,
  tier      text NOT NULL,
  gets      bigint NOT NULL,
  hits      bigint NOT NULL,
  misses    bigint NOT NULL,
  puts      bigint NOT NULL,
  refused   bigint NOT NULL,
  evictions bigint NOT NULL,
  failures  bigint NOT NULL,
  entries   bigint NOT NULL,
  bytes     bigint NOT NULL,
  CHECK (hits + misses = gets)
);
CREATE INDEX cache_use_tier ON daybook.cache_use (tier, use_id);
