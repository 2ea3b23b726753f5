-- Whatever takes long is an operation that can be asked for later, also after a restart and after its
-- machine was deleted: hence no foreign key.
CREATE TABLE operations (
  id TEXT PRIMARY KEY NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('start', 'stop', 'kill', 'pause', 'resume', 'upgrade')),
  machine_id TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('running', 'succeeded', 'failed', 'cancelled')),
  error TEXT CHECK (error IS NULL OR json_valid(error)),
  created_at_ms INTEGER NOT NULL,
  finished_at_ms INTEGER,
  CHECK ((state = 'running') = (finished_at_ms IS NULL))
) STRICT;

CREATE INDEX operations_by_age ON operations (created_at_ms);
CREATE INDEX operations_running ON operations (machine_id) WHERE state = 'running';
