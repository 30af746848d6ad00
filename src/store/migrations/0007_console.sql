-- What pages for people ask for: somebody's own purchases, newest first.
CREATE INDEX purchases_by_person ON purchases (issuer, subject, id);
