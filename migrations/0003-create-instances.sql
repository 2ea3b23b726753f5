-- One row per VMM process, written before the process is started, so that a daemon that dies in between
-- knows to look for it. A process is known by pid, start time and boot, never by pid alone.
CREATE TABLE instances (
  machine_id TEXT NOT NULL REFERENCES machines (id) ON DELETE CASCADE,
  generation INTEGER NOT NULL CHECK (generation > 0),
  build_id TEXT NOT NULL REFERENCES builds (id),
  sockets_dir TEXT NOT NULL,
  logs_dir TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('starting', 'alive', 'gone')),
  pid INTEGER,
  start_ticks INTEGER,
  boot_id TEXT,
  exit_code INTEGER,
  exit_signal TEXT,
  end_reason TEXT,
  started_at_ms INTEGER NOT NULL,
  ended_at_ms INTEGER,
  PRIMARY KEY (machine_id, generation),
  CHECK ((pid IS NULL) = (start_ticks IS NULL) AND (pid IS NULL) = (boot_id IS NULL)),
  CHECK (state <> 'alive' OR pid IS NOT NULL),
  CHECK ((state = 'gone') = (ended_at_ms IS NOT NULL))
) STRICT;

CREATE INDEX instances_not_gone ON instances (machine_id) WHERE state <> 'gone';
