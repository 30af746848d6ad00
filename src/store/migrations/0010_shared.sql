-- What replicas share beside purchases: how long ago one read ClickSend's list, and what a person has used of a limit.

-- When the newest complete list began to be read, by the clock that all who use the database share.
ALTER TABLE account ADD COLUMN scanned_shared_us INTEGER;

CREATE TABLE allowances (
    name    TEXT    NOT NULL,
    issuer  TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    -- When the bucket is full again.
    full_us INTEGER NOT NULL,
    PRIMARY KEY (name, issuer, subject)
) STRICT;
