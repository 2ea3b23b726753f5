-- Two who edit the same machine must notice one another: its document has a revision, which what it does just now does
-- not change. Labels are the operator's own order among machines, and may change while they run.
ALTER TABLE machines ADD COLUMN revision INTEGER NOT NULL DEFAULT 1 CHECK (revision > 0);
ALTER TABLE machines ADD COLUMN labels TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(labels));
