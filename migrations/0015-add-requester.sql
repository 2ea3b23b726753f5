-- Who asked is asked later, when it matters. Operations keep all that is known of them, so that one that is taken up
-- after a restart is still theirs; what was written before this was kept is nobody's.
ALTER TABLE operations ADD COLUMN requester TEXT NOT NULL
  DEFAULT '{"name":"unknown","via":"daemon","role":"admin","uid":null,"address":null}'
  CHECK (json_valid(requester));
ALTER TABLE events ADD COLUMN requester TEXT NOT NULL DEFAULT 'daemon:unknown';
