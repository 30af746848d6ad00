-- What pages for people ask for: somebody's own purchases, newest first; what a month was charged and what is held in it.
CREATE INDEX purchases_by_person ON purchases (issuer, subject, id);
CREATE INDEX ledger_by_kind ON ledger (month, kind, team, amount_micros);
