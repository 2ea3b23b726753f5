-- Lists are read in pages, in the order of their rows. A filter for one word goes by an index whose entries are in
-- that order as well, so that a page of a rare state costs no more than one of a common one.
CREATE INDEX machines_by_state ON machines (state);
CREATE INDEX operations_by_machine ON operations (machine_id);
CREATE INDEX operations_by_state ON operations (state);
CREATE INDEX operations_by_kind ON operations (kind);
CREATE INDEX upgrades_by_state ON upgrades (state);
-- The pages of upgrades go by the order of rows, not by time.
CREATE INDEX upgrades_of_machine ON upgrades (machine_id);
