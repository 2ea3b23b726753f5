-- Subscribers resume by sequence. AUTOINCREMENT keeps a number from being given twice after old rows were
-- removed; a rolled back transaction gives its number back, so the sequence has no gaps.
CREATE TABLE events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  type TEXT NOT NULL,
  subject TEXT NOT NULL,
  time_ms INTEGER NOT NULL,
  data TEXT NOT NULL CHECK (json_valid(data))
) STRICT;
