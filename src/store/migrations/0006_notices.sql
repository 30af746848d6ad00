-- Notices about events: who wants which, what waits to be sent, what was given up, and what is said once.

CREATE TABLE notice_subscriptions (
    subscriber    TEXT    NOT NULL,
    kind          TEXT    NOT NULL,
    PRIMARY KEY (subscriber, kind)
) STRICT;

-- The outbox: a row for each event and subscriber, from the commit of the event until it is delivered.
CREATE TABLE notices (
    seq           INTEGER NOT NULL REFERENCES audit_events (seq),
    subscriber    TEXT    NOT NULL,
    kind          TEXT    NOT NULL,
    created_us    INTEGER NOT NULL,
    attempts      INTEGER NOT NULL DEFAULT 0,
    -- When it is tried next. Nothing is tried any more once it is dead.
    next_us       INTEGER NOT NULL,
    dead_us       INTEGER,
    -- What was sent by the first attempt, so that every later one says the same.
    body          TEXT,
    last_error    TEXT,
    PRIMARY KEY (seq, subscriber)
) STRICT;
CREATE INDEX notices_by_subscriber ON notices (subscriber, dead_us, next_us);

-- What is said once: a budget's threshold in a month, a request whose time runs out.
CREATE TABLE reminders (
    what          TEXT    NOT NULL PRIMARY KEY,
    at_us         INTEGER NOT NULL
) STRICT;
