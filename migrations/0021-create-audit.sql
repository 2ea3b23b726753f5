-- Who did what. Each row has the hash of the row before it in its own, so that none can be changed, removed or put
-- elsewhere without a trace. AUTOINCREMENT remembers how far it was after the last rows are gone. Old rows are removed
-- from the front; what the first one that is kept stands on is in the anchor.
CREATE TABLE audit (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  time TEXT NOT NULL,
  requester TEXT NOT NULL,
  role TEXT,
  credential TEXT,
  origin TEXT NOT NULL,
  method TEXT NOT NULL,
  route TEXT NOT NULL,
  subject TEXT NOT NULL,
  status INTEGER NOT NULL,
  count INTEGER NOT NULL CHECK (count > 0),
  previous_hash TEXT NOT NULL CHECK (length(previous_hash) = 64),
  hash TEXT NOT NULL CHECK (length(hash) = 64)
) STRICT;

CREATE TABLE audit_anchor (
  id INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
  seq INTEGER NOT NULL,
  hash TEXT NOT NULL CHECK (length(hash) = 64)
) STRICT;
INSERT INTO audit_anchor (id, seq, hash) VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');
