-- A build is more than the file at its path: the program behind a wrapper, the modules beside an entry. Rows from
-- before have an empty list, which stands for the path alone. The stamp is what their state can be known by
-- without reading them; a build that is removed keeps its row, as instances of the past refer to it.
ALTER TABLE builds ADD COLUMN files TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(files));
ALTER TABLE builds ADD COLUMN file_state TEXT NOT NULL DEFAULT 'as-registered'
  CHECK (file_state IN ('as-registered', 'replaced', 'deleted'));
ALTER TABLE builds ADD COLUMN file_stamp TEXT NOT NULL DEFAULT '';
ALTER TABLE builds ADD COLUMN removed_at_ms INTEGER;
