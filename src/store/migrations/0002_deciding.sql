-- People decide, money freezes, numbers have a past. Teams in `deciding_teams` are written ' growth finance ', or '*'.

-- The requester's roles, which a rule may ask about again when the price moves: a JSON array.
ALTER TABLE purchases ADD COLUMN roles TEXT NOT NULL DEFAULT '[]';
ALTER TABLE purchases ADD COLUMN email TEXT;
ALTER TABLE purchases ADD COLUMN actor_issuer TEXT;
ALTER TABLE purchases ADD COLUMN actor_subject TEXT;
-- What the rule asked for when it decided: ApprovalTerms as JSON. Nothing where the rule allowed.
ALTER TABLE purchases ADD COLUMN terms TEXT;
ALTER TABLE purchases ADD COLUMN deciding_teams TEXT;
-- Setup and one month, of the newest quote.
ALTER TABLE purchases ADD COLUMN total_micros INTEGER NOT NULL DEFAULT 0;
ALTER TABLE purchases ADD COLUMN round INTEGER NOT NULL DEFAULT 1;
ALTER TABLE purchases ADD COLUMN decide_by_us INTEGER;
ALTER TABLE purchases ADD COLUMN approved_until_us INTEGER;

ALTER TABLE registrations ADD COLUMN roles TEXT NOT NULL DEFAULT '[]';
ALTER TABLE registrations ADD COLUMN email TEXT;
ALTER TABLE registrations ADD COLUMN actor_issuer TEXT;
ALTER TABLE registrations ADD COLUMN actor_subject TEXT;
ALTER TABLE registrations ADD COLUMN terms TEXT;
ALTER TABLE registrations ADD COLUMN deciding_teams TEXT;
ALTER TABLE registrations ADD COLUMN round INTEGER NOT NULL DEFAULT 1;
ALTER TABLE registrations ADD COLUMN decide_by_us INTEGER;
ALTER TABLE registrations ADD COLUMN approved_until_us INTEGER;

-- Who approved what, in which round. A new price begins a new round, and the old rows count no more.
CREATE TABLE approvals (
    target_kind   TEXT    NOT NULL,
    target_id     TEXT    NOT NULL,
    round         INTEGER NOT NULL,
    issuer        TEXT    NOT NULL,
    subject       TEXT    NOT NULL,
    name          TEXT,
    email         TEXT,
    -- JSON arrays.
    roles         TEXT    NOT NULL,
    teams         TEXT    NOT NULL,
    at_us         INTEGER NOT NULL,
    PRIMARY KEY (target_kind, target_id, round, issuer, subject)
) STRICT;

-- What people say became of something that no list can settle.
CREATE TABLE resolutions (
    target_kind   TEXT    NOT NULL,
    target_id     TEXT    NOT NULL,
    issuer        TEXT    NOT NULL,
    subject       TEXT    NOT NULL,
    email         TEXT,
    outcome       TEXT    NOT NULL,
    at_us         INTEGER NOT NULL,
    PRIMARY KEY (target_kind, target_id, issuer, subject)
) STRICT;

-- Buying stopped: for all, or for one team.
CREATE TABLE freezes (
    id            TEXT    NOT NULL PRIMARY KEY,
    team          TEXT,
    -- by_hand, or what made the gateway stop by itself.
    cause         TEXT    NOT NULL,
    reason        TEXT    NOT NULL,
    created_by    TEXT    NOT NULL,
    created_us    INTEGER NOT NULL,
    lifted_by     TEXT,
    lifted_us     INTEGER
) STRICT;
CREATE INDEX freezes_in_force ON freezes (lifted_us, team);

-- Where each owned number came from: bought, preexisting, orphan or assigned.
CREATE TABLE known_numbers (
    number        TEXT    NOT NULL PRIMARY KEY,
    origin        TEXT    NOT NULL,
    team          TEXT,
    purchase_id   TEXT,
    since_us      INTEGER NOT NULL,
    -- When a complete list lacked it.
    gone_us       INTEGER
) STRICT;

-- Whose account the credentials open, as seen first; and when the first complete list was read.
CREATE TABLE account (
    one           INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    user_id       TEXT,
    listed_us     INTEGER
) STRICT;
