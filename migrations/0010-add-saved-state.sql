-- A machine can be a file: its guest is saved, no process is there, and it goes on later, also after a reboot of the
-- host. `saved_state` says what the file holds; a state that was loaded into a guest that may have run is never
-- loaded again, hence `loadedBy` in it. CHECKs cannot be changed: the tables are made anew.
CREATE TABLE machines_next (
  id TEXT PRIMARY KEY NOT NULL CHECK (length(id) = 36),
  name TEXT NOT NULL UNIQUE,
  spec TEXT NOT NULL CHECK (json_valid(spec)),
  builds TEXT NOT NULL CHECK (json_valid(builds)),
  desired_power TEXT NOT NULL CHECK (desired_power IN ('stopped', 'running', 'paused', 'suspended')),
  state TEXT NOT NULL CHECK (
    state IN (
      'stopped', 'starting', 'running', 'paused', 'stopping', 'suspended', 'crashed', 'unresponsive'
    )
  ),
  state_reason TEXT NOT NULL,
  current_generation INTEGER CHECK (current_generation > 0),
  saved_state TEXT CHECK (saved_state IS NULL OR json_valid(saved_state)),
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  CHECK (state <> 'suspended' OR saved_state IS NOT NULL)
) STRICT;
INSERT INTO machines_next (rowid, id, name, spec, builds, desired_power, state, state_reason, current_generation,
    created_at_ms, updated_at_ms)
  SELECT rowid, id, name, spec, builds, desired_power, state, state_reason, current_generation,
    created_at_ms, updated_at_ms FROM machines;
DROP TABLE machines;
ALTER TABLE machines_next RENAME TO machines;
CREATE UNIQUE INDEX machines_by_short_id ON machines (substr(id, 1, 8));

CREATE TABLE operations_next (
  id TEXT PRIMARY KEY NOT NULL,
  kind TEXT NOT NULL CHECK (
    kind IN ('start', 'stop', 'kill', 'pause', 'resume', 'suspend', 'restore', 'discard', 'upgrade')
  ),
  machine_id TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('running', 'succeeded', 'failed', 'cancelled')),
  error TEXT CHECK (error IS NULL OR json_valid(error)),
  created_at_ms INTEGER NOT NULL,
  finished_at_ms INTEGER,
  CHECK ((state = 'running') = (finished_at_ms IS NULL))
) STRICT;
INSERT INTO operations_next (rowid, id, kind, machine_id, state, error, created_at_ms, finished_at_ms)
  SELECT rowid, id, kind, machine_id, state, error, created_at_ms, finished_at_ms FROM operations;
DROP TABLE operations;
ALTER TABLE operations_next RENAME TO operations;
CREATE INDEX operations_by_age ON operations (created_at_ms);
CREATE INDEX operations_running ON operations (machine_id) WHERE state = 'running';
