-- A machine outlives every process that runs it. Its own row holds what the operator wants and what was
-- last seen of it; the processes are in `instances`.
CREATE TABLE machines (
  id TEXT PRIMARY KEY NOT NULL CHECK (length(id) = 36),
  name TEXT NOT NULL UNIQUE,
  spec TEXT NOT NULL CHECK (json_valid(spec)),
  desired_power TEXT NOT NULL CHECK (desired_power IN ('stopped', 'running', 'paused')),
  state TEXT NOT NULL CHECK (
    state IN ('stopped', 'starting', 'running', 'paused', 'stopping', 'crashed', 'unresponsive')
  ),
  state_reason TEXT NOT NULL,
  current_generation INTEGER CHECK (current_generation > 0),
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL
) STRICT;

-- Runtime folders are named by the first eight digits: socket paths have 107 bytes and no more.
CREATE UNIQUE INDEX machines_by_short_id ON machines (substr(id, 1, 8));
