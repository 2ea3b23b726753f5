-- What preflight said of an upgrade stays with it: an operator asks afterwards why it was not begun, or what he
-- had been told of one that went wrong.
ALTER TABLE upgrades ADD COLUMN findings TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(findings));
