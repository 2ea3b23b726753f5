-- Whoever writes in a guest whose filesystems are frozen waits: so it is on disk, before the guest is asked, until when
-- they may be.
ALTER TABLE machines ADD COLUMN freeze TEXT CHECK (freeze IS NULL OR json_valid(freeze));
