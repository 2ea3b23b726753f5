-- A machine must be able to say which VMM it runs on, and an upgrade which one it goes to, long after the
-- file at that path was replaced: so a build is a path together with the hash of what was found there.
CREATE TABLE builds (
  id TEXT PRIMARY KEY NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('baton', 'qemu')),
  path TEXT NOT NULL,
  version TEXT NOT NULL,
  content_hash TEXT NOT NULL,
  abilities TEXT NOT NULL CHECK (json_valid(abilities)),
  added_at_ms INTEGER NOT NULL,
  UNIQUE (kind, path, content_hash)
) STRICT;
