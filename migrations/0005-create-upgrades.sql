-- The journal of the upgrade engine. `committed` is set before the one command that lets the target run,
-- in the same transaction as that step's intent: a restarted daemon must know on which side of it we are.
CREATE TABLE upgrades (
  id TEXT PRIMARY KEY NOT NULL REFERENCES operations (id) ON DELETE CASCADE,
  machine_id TEXT NOT NULL,
  mode TEXT NOT NULL CHECK (mode IN ('cpr-transfer', 'cpr-exec', 'cpr-reboot')),
  mode_reason TEXT NOT NULL,
  state TEXT NOT NULL CHECK (
    state IN (
      'pending', 'preflight', 'preparing', 'transferring', 'configuring', 'paused', 'verifying',
      'committing', 'finishing', 'succeeded', 'rolling-back', 'rolled-back', 'failed', 'cancelled'
    )
  ),
  source_generation INTEGER NOT NULL CHECK (source_generation > 0),
  target_generation INTEGER NOT NULL CHECK (target_generation > source_generation),
  source_build TEXT NOT NULL,
  target_build TEXT NOT NULL,
  was_running INTEGER NOT NULL CHECK (was_running IN (0, 1)),
  committed INTEGER NOT NULL DEFAULT 0 CHECK (committed IN (0, 1)),
  cancel_requested INTEGER NOT NULL DEFAULT 0 CHECK (cancel_requested IN (0, 1)),
  reason TEXT CHECK (reason IS NULL OR json_valid(reason)),
  pause_us INTEGER,
  created_at_ms INTEGER NOT NULL,
  finished_at_ms INTEGER
) STRICT;

CREATE INDEX upgrades_by_machine ON upgrades (machine_id, created_at_ms);

-- One row per step that was begun: intent before the act, result after it.
CREATE TABLE upgrade_steps (
  upgrade_id TEXT NOT NULL REFERENCES upgrades (id) ON DELETE CASCADE,
  position INTEGER NOT NULL CHECK (position >= 0),
  name TEXT NOT NULL,
  intent_at_ms INTEGER NOT NULL,
  result TEXT CHECK (result IN ('done', 'failed', 'undone', 'undo-failed')),
  duration_us INTEGER,
  PRIMARY KEY (upgrade_id, position)
) STRICT;
