-- The price that money was held for: what is estimated is estimated by it. A Quote as JSON.
ALTER TABLE attempts ADD COLUMN quote TEXT;
