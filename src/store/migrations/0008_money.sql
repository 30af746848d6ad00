-- Owned numbers as a mirror of upstream's rows, and money that recurs. Months are written 2026-11.

CREATE TABLE owned_rows (
    number        TEXT    NOT NULL,
    -- Empty where upstream does not say.
    message_type  TEXT    NOT NULL,
    guid          TEXT    NOT NULL,
    -- 0, but for further rows that are quite the same.
    twin          INTEGER NOT NULL,
    -- Upstream's order; numbers are left out.
    position      INTEGER NOT NULL,
    -- An OwnedNumber as JSON.
    listing       TEXT    NOT NULL,
    country       TEXT    NOT NULL,
    number_type   TEXT    NOT NULL,
    -- The registration's status, and since when it is that, as far as anybody looked.
    status        TEXT,
    status_us     INTEGER,
    -- Whose it is and where it came from, as purchases and known_numbers have it. No team is the empty text.
    team          TEXT    NOT NULL,
    origin        TEXT    NOT NULL,
    purchase_id   TEXT,
    -- The monthly price: of the quote, or of upstream's list. Nothing where nobody said one.
    monthly_micros INTEGER,
    currency      TEXT,
    price_basis   TEXT,
    -- What a 1st takes, in the money of the budgets.
    fee_micros    INTEGER,
    -- The last month that was charged.
    paid_month    TEXT    NOT NULL,
    -- When a list showed it first; nothing while none has.
    since_us      INTEGER,
    -- While lists lack it: when one showed it last, and since when none does.
    seen_us       INTEGER,
    lacking_us    INTEGER,
    -- When it had left the account.
    gone_us       INTEGER,
    PRIMARY KEY (number, message_type, guid, twin)
) STRICT;

-- What was bought until now, as it was booked; upstream's next list brings the rest.
INSERT INTO owned_rows (number, message_type, guid, twin, position, listing, country, number_type, team, origin,
    purchase_id, monthly_micros, currency, price_basis, fee_micros, paid_month)
SELECT p.number, p.message_type, '', 0, 0,
    '{"dedicated_number":"' || p.number || '","type":"' || p.message_type || '","country":"' || p.country || '"}',
    p.country, '',
    coalesce((SELECT k.team FROM known_numbers k WHERE k.number = p.number AND k.gone_us IS NULL), p.team),
    coalesce((SELECT k.origin FROM known_numbers k WHERE k.number = p.number AND k.gone_us IS NULL), 'bought'),
    p.id, p.monthly_micros, p.currency, 'quote', (p.monthly_micros + 5000) / 10000 * 10000,
    coalesce((SELECT max(l.month) FROM ledger l WHERE l.purchase_id = p.id), '2026-11')
FROM purchases p WHERE p.holds_number = 1 AND p.state IN ('bought', 'bought_late');
DROP TABLE owned_numbers;

-- A page of one owner in its order, and what every reservation adds up, from the indexes alone.
CREATE INDEX owned_rows_by_team ON owned_rows (team, number, message_type, guid, twin, fee_micros, gone_us) WHERE gone_us IS NULL;
CREATE INDEX owned_rows_by_position ON owned_rows (position) WHERE gone_us IS NULL AND lacking_us IS NULL;
CREATE INDEX owned_rows_by_paid_month ON owned_rows (paid_month, team, number, twin, fee_micros, gone_us) WHERE gone_us IS NULL;

-- When the newest complete list was read.
ALTER TABLE account ADD COLUMN scanned_us INTEGER;

-- An entry may be about a number that nobody bought here, or about no number at all.
CREATE TABLE ledger_anew (
    id            INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at_us         INTEGER NOT NULL,
    month         TEXT    NOT NULL,
    -- Who pays: a team, or (suspense).
    team          TEXT    NOT NULL,
    purchase_id   TEXT    REFERENCES purchases (id),
    kind          TEXT    NOT NULL,
    amount_micros INTEGER NOT NULL,
    currency      TEXT    NOT NULL,
    -- Empty where nobody knows.
    country       TEXT    NOT NULL,
    number        TEXT,
    message_type  TEXT,
    guid          TEXT,
    adjustment_id TEXT
) STRICT;
INSERT INTO ledger_anew (id, at_us, month, team, purchase_id, kind, amount_micros, currency, country, number, message_type)
SELECT l.id, l.at_us, l.month, l.team, l.purchase_id, l.kind, l.amount_micros, l.currency, l.country, p.number, p.message_type
FROM ledger l LEFT JOIN purchases p ON p.id = l.purchase_id ORDER BY l.id;
DROP TABLE ledger;
ALTER TABLE ledger_anew RENAME TO ledger;
CREATE INDEX ledger_by_month ON ledger (month, team, amount_micros);
CREATE INDEX ledger_by_kind ON ledger (month, kind, team, amount_micros);
CREATE INDEX ledger_by_purchase ON ledger (purchase_id);
CREATE INDEX ledger_by_number ON ledger (number, kind, month);
CREATE UNIQUE INDEX ledger_by_adjustment ON ledger (adjustment_id) WHERE adjustment_id IS NOT NULL;
-- Each row of upstream's pays for each month once, whoever comes first.
CREATE UNIQUE INDEX one_renewal_a_month ON ledger (number, message_type, guid, month) WHERE kind = 'renewal';
CREATE TRIGGER ledger_entries_are_never_changed BEFORE UPDATE ON ledger
    BEGIN SELECT RAISE(ABORT, 'ledger entries are never changed'); END;
CREATE TRIGGER ledger_entries_are_never_deleted BEFORE DELETE ON ledger
    BEGIN SELECT RAISE(ABORT, 'ledger entries are never deleted'); END;
CREATE TRIGGER ledger_entries_are_only_appended BEFORE INSERT ON ledger
    WHEN EXISTS (SELECT 1 FROM ledger WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, 'ledger entries are only appended'); END;
