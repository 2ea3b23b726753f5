-- A machine that somebody else started is what its command line says, which no document of ours could: it is kept
-- as it was found, with the folder that its relative paths are meant from.
ALTER TABLE machines ADD COLUMN adopted TEXT CHECK (adopted IS NULL OR json_valid(adopted));
