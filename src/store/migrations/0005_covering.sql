-- What every reservation adds up or counts, read from the index alone.
DROP INDEX ledger_by_month;
CREATE INDEX ledger_by_month ON ledger (month, team, amount_micros);
DROP INDEX purchases_by_day;
CREATE INDEX purchases_by_day ON purchases (reserved_day, state, team, issuer, subject);
CREATE INDEX purchases_that_recur ON purchases (number, id, team, monthly_micros) WHERE holds_number = 1;
