-- The first schema. Times are microseconds since 1970, money is micro-units, ids are UUIDs in text, JSON is text.

CREATE TABLE gateway (
    one           INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    database_id   TEXT    NOT NULL,
    created_us    INTEGER NOT NULL
) STRICT;

-- Evidence. The body is RFC 8785 JSON; hash = SHA-256(previous hash, body).
CREATE TABLE audit_events (
    seq           INTEGER NOT NULL PRIMARY KEY,
    at_us         INTEGER NOT NULL,
    action        TEXT    NOT NULL,
    target_kind   TEXT    NOT NULL,
    target_id     TEXT    NOT NULL,
    body          TEXT    NOT NULL,
    previous_hash BLOB    NOT NULL,
    hash          BLOB    NOT NULL
) STRICT;
CREATE INDEX audit_events_by_target ON audit_events (target_kind, target_id, seq);
CREATE TRIGGER audit_events_are_never_changed BEFORE UPDATE ON audit_events
    BEGIN SELECT RAISE(ABORT, 'audit events are never changed'); END;
CREATE TRIGGER audit_events_are_never_deleted BEFORE DELETE ON audit_events
    BEGIN SELECT RAISE(ABORT, 'audit events are never deleted'); END;

-- What the commitments in the events stand for, until it is erased.
CREATE TABLE personal_values (
    seq           INTEGER NOT NULL REFERENCES audit_events (seq),
    field         TEXT    NOT NULL,
    salt          BLOB    NOT NULL,
    value         TEXT    NOT NULL,
    PRIMARY KEY (seq, field)
) STRICT;

-- Each policy that was ever in force, once.
CREATE TABLE policies (
    digest        BLOB    NOT NULL PRIMARY KEY,
    rules         TEXT    NOT NULL,
    loaded_us     INTEGER NOT NULL
) STRICT;

CREATE TABLE purchases (
    id            TEXT    NOT NULL PRIMARY KEY,
    number        TEXT    NOT NULL,
    message_type  TEXT    NOT NULL,
    issuer        TEXT    NOT NULL,
    subject       TEXT    NOT NULL,
    name          TEXT,
    on_behalf_of  TEXT,
    team          TEXT    NOT NULL,
    reference     TEXT,
    max_price_micros INTEGER,
    quote         TEXT    NOT NULL,
    quote_digest  BLOB    NOT NULL,
    country       TEXT    NOT NULL,
    currency      TEXT    NOT NULL,
    monthly_micros INTEGER NOT NULL,
    rule          TEXT    NOT NULL,
    policy_digest BLOB    NOT NULL,
    state         TEXT    NOT NULL,
    code          TEXT,
    explanation   TEXT,
    version       INTEGER NOT NULL,
    attempts      INTEGER NOT NULL,
    -- Whether the number is taken by this purchase.
    holds_number  INTEGER NOT NULL,
    -- The day, in the budget's time zone, on which it counts against the day limits.
    reserved_day  TEXT,
    created_us    INTEGER NOT NULL,
    updated_us    INTEGER NOT NULL,
    receipt       TEXT
) STRICT;
CREATE UNIQUE INDEX one_active_purchase_per_number ON purchases (number) WHERE holds_number = 1;
CREATE INDEX purchases_by_requester ON purchases (issuer, subject, number, message_type, id);
CREATE INDEX purchases_by_state ON purchases (state, id);
CREATE INDEX purchases_by_team ON purchases (team, id);
CREATE INDEX purchases_by_day ON purchases (reserved_day);

-- What must reach upstream with the buy and nobody else: registration_data as JSON.
CREATE TABLE purchase_registration_data (
    purchase_id   TEXT    NOT NULL PRIMARY KEY REFERENCES purchases (id),
    value         TEXT    NOT NULL
) STRICT;

-- One row for each buy that may have been sent. Written before the first byte.
CREATE TABLE attempts (
    id            TEXT    NOT NULL PRIMARY KEY,
    purchase_id   TEXT    NOT NULL REFERENCES purchases (id),
    instance      TEXT    NOT NULL,
    claimed_us    INTEGER NOT NULL,
    -- The guids that the number's rows had in the list of owned numbers before: JSON array.
    baseline      TEXT    NOT NULL,
    outcome       TEXT,
    outcome_us    INTEGER
) STRICT;
CREATE INDEX attempts_by_purchase ON attempts (purchase_id);

CREATE TABLE idempotency_keys (
    issuer        TEXT    NOT NULL,
    subject       TEXT    NOT NULL,
    route         TEXT    NOT NULL,
    key           TEXT    NOT NULL,
    fingerprint   BLOB    NOT NULL,
    target_id     TEXT    NOT NULL,
    PRIMARY KEY (issuer, subject, route, key)
) STRICT;

-- Holds and posts. What a month has used is the sum of its rows.
CREATE TABLE ledger (
    id            INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at_us         INTEGER NOT NULL,
    month         TEXT    NOT NULL,
    team          TEXT    NOT NULL,
    purchase_id   TEXT    NOT NULL REFERENCES purchases (id),
    kind          TEXT    NOT NULL,
    amount_micros INTEGER NOT NULL,
    currency      TEXT    NOT NULL,
    country       TEXT    NOT NULL
) STRICT;
CREATE INDEX ledger_by_month ON ledger (month, team);
CREATE INDEX ledger_by_purchase ON ledger (purchase_id);
CREATE TRIGGER ledger_entries_are_never_changed BEFORE UPDATE ON ledger
    BEGIN SELECT RAISE(ABORT, 'ledger entries are never changed'); END;
CREATE TRIGGER ledger_entries_are_never_deleted BEFORE DELETE ON ledger
    BEGIN SELECT RAISE(ABORT, 'ledger entries are never deleted'); END;

-- The account's numbers as the newest complete list showed them.
CREATE TABLE owned_numbers (
    position      INTEGER NOT NULL PRIMARY KEY,
    number        TEXT    NOT NULL,
    listing       TEXT    NOT NULL
) STRICT;
CREATE INDEX owned_numbers_by_number ON owned_numbers (number);
CREATE TABLE owned_currency (
    one           INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    block         TEXT    NOT NULL
) STRICT;

CREATE TABLE registrations (
    id            TEXT    NOT NULL PRIMARY KEY,
    number_type   TEXT    NOT NULL,
    country       TEXT    NOT NULL,
    issuer        TEXT    NOT NULL,
    subject       TEXT    NOT NULL,
    name          TEXT,
    on_behalf_of  TEXT,
    team          TEXT    NOT NULL,
    reference     TEXT,
    form_digest   BLOB    NOT NULL,
    form          TEXT    NOT NULL,
    rule          TEXT    NOT NULL,
    policy_digest BLOB    NOT NULL,
    state         TEXT    NOT NULL,
    code          TEXT,
    explanation   TEXT,
    version       INTEGER NOT NULL,
    instance      TEXT,
    created_us    INTEGER NOT NULL,
    updated_us    INTEGER NOT NULL
) STRICT;
CREATE INDEX registrations_by_form ON registrations (form_digest, created_us);
CREATE INDEX registrations_by_state ON registrations (state, id);
