-- What a machine was asked to do before the host went down: taking it down is the host's doing, and at boot it is to be as
-- its operator wanted it.
ALTER TABLE machines ADD COLUMN before_shutdown TEXT
  CHECK (before_shutdown IN ('stopped', 'running', 'paused', 'suspended'));
