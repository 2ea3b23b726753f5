-- What an upgrade is to ask of its guest, and has asked, is with the upgrade: a daemon that takes it up has to know what
-- the guest may have been told.
ALTER TABLE upgrades ADD COLUMN guest TEXT NOT NULL
  DEFAULT '{"notify":false,"freeze":false,"reason":null,"acts":[]}' CHECK (json_valid(guest));
