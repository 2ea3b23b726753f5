-- What a machine may run on is not a part of what it is: it changes with every upgrade. The build that stood in
-- its document was what it started on, so it is the default now.
ALTER TABLE machines ADD COLUMN builds TEXT NOT NULL
  DEFAULT '{"default":null,"pin":null,"deny":[]}' CHECK (json_valid(builds));
UPDATE machines
  SET builds = json_object('default', spec ->> '$.build', 'pin', NULL, 'deny', json_array());
