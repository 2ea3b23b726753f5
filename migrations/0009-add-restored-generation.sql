-- A program that was exec'ed cannot be gone back from to the source itself: the guest is brought back in an
-- instance of its own, which a restarted daemon must tell from one that has not run yet.
ALTER TABLE upgrades ADD COLUMN restored_generation INTEGER CHECK (restored_generation > target_generation);
