-- Migration 10: in which order the slices of each rollup were proven, so that each comes in its turn whichever nights there
-- are.
-- Applied in one transaction by the ledger; it also runs in psql as it stands, behind migration 9.

-- The last proof of each slice of a rollup's groups. Only rows with the definition of the rollup's proof hold.
CREATE TABLE daybook.slice_proof (
  view            text NOT NULL REFERENCES daybook.view_proof ON DELETE CASCADE,
  slice           integer NOT NULL,
  definition_hash text NOT NULL,
  -- The view's data version at which it was found equal to a recompute.
  version         bigint NOT NULL,
  -- The business date of the night; null in what older programs recorded.
  night           date,
  -- Higher for what was proven later.
  proof_id        bigint GENERATED ALWAYS AS IDENTITY,
  PRIMARY KEY (view, slice)
);

INSERT INTO daybook.slice_proof (view, slice, definition_hash, version)
SELECT p.view, s.number - 1, p.definition_hash, s.version
FROM daybook.view_proof AS p, unnest(p.slice_versions) WITH ORDINALITY AS s (version, number)
WHERE s.version > 0
ORDER BY s.version, s.number;

ALTER TABLE daybook.view_proof DROP COLUMN slice_versions;
