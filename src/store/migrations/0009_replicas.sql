-- Several processes on one database. What became of a claim is told of that claim alone, so each has a name.

-- When it was claimed, by the clock that all who use the database share.
ALTER TABLE attempts ADD COLUMN shared_us INTEGER NOT NULL DEFAULT 0;
ALTER TABLE registrations ADD COLUMN claim TEXT;
UPDATE registrations SET claim = id WHERE state = 'dispatching';
ALTER TABLE registrations ADD COLUMN shared_us INTEGER NOT NULL DEFAULT 0;
