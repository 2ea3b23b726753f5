-- A client that did not hear an answer asks again and must not have it done twice. What a request made is written here
-- in the transaction that makes it, so that a daemon which died before it answered knows what the answer is.
CREATE TABLE idempotency_keys (
  principal TEXT NOT NULL,
  key TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  made TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(made)),
  answer TEXT CHECK (answer IS NULL OR json_valid(answer)),
  created_at_ms INTEGER NOT NULL,
  UNIQUE (principal, key)
) STRICT;
