-- Callers beyond the unix socket. Only a hash of the secret is kept: who reads this database cannot use a token of it.
-- A revoked token is a removed row; what was done with it stands in the audit.
CREATE TABLE tokens (
  id TEXT PRIMARY KEY NOT NULL CHECK (length(id) = 16),
  name TEXT NOT NULL UNIQUE,
  role TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
  machines TEXT CHECK (machines IS NULL OR json_valid(machines)),
  secret_hash BLOB NOT NULL CHECK (length(secret_hash) = 32),
  created_at_ms INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  expires_at_ms INTEGER,
  last_used_at_ms INTEGER
) STRICT;
