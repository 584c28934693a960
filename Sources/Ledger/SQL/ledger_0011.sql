-- Migration 11: what somebody made on a view, kept until the view that is made anew is there, and the time zone in which a
-- month was closed.
-- Applied in one transaction by the ledger; it also runs in psql as it stands, behind migration 10.

-- Owner, options, defaults, indexes, statistics, triggers, rules and comments that somebody gave the relation of a view. A row
-- goes when it is put back; what could not be put back stays, with the reason, until somebody deletes it.
CREATE TABLE daybook.view_keepsake (
  keepsake_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  view        text NOT NULL,
  -- For a person, such as `index by_total`.
  what        text NOT NULL,
  -- What all indexes have in common that do the work of this one; null for anything else.
  likeness    text,
  -- The SQL that makes it again.
  statement   text NOT NULL,
  kept_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- Why it could not be put back; null while it waits for its view.
  refused     text
);
CREATE INDEX view_keepsake_view ON daybook.view_keepsake (view, keepsake_id);

-- Unique indexes of materialized views say from now on that a definition declares them. Another one of somebody's would be
-- kept; of this one nobody can tell any more.
DO $$
DECLARE
  found record;
BEGIN
  FOR found IN
    SELECT i.indexrelid::regclass AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
    WHERE c.relkind = 'm' AND obj_description(c.oid, 'pg_class') = 'made by Daybook' AND i.indisunique
      AND i.indpred IS NULL AND i.indexprs IS NULL AND obj_description(i.indexrelid, 'pg_class') IS NULL
      AND pg_has_role(c.relowner, 'usage')
  LOOP
    EXECUTE format('COMMENT ON INDEX %s IS %L', found.name, 'made by Daybook');
  END LOOP;
END $$;

-- The zone by which moments had their month when it was closed; null where an older program closed it, until the next run
-- writes down its own.
ALTER TABLE daybook.period ADD COLUMN time_zone text;
