-- Evidence that can be searched by who did it, and that no statement changes, whichever way it is worded.

-- Who: a subject, or "gateway:" and the part of the gateway.
DROP TRIGGER audit_events_are_never_changed;
ALTER TABLE audit_events ADD COLUMN actor TEXT NOT NULL DEFAULT '';
UPDATE audit_events SET actor =
    coalesce(json_extract(body, '$.actor.person.subject'), 'gateway:' || json_extract(body, '$.actor.gateway'), '');
CREATE TRIGGER audit_events_are_never_changed BEFORE UPDATE ON audit_events
    BEGIN SELECT RAISE(ABORT, 'audit events are never changed'); END;

-- INSERT OR REPLACE deletes what is in its way without asking the triggers of DELETE, unless the connection has
-- recursive_triggers, and a stranger's has not. So what is in the way is looked for first.
CREATE TRIGGER audit_events_are_only_appended BEFORE INSERT ON audit_events
    WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM audit_events)
    BEGIN SELECT RAISE(ABORT, 'audit events are only appended'); END;
CREATE TRIGGER ledger_entries_are_only_appended BEFORE INSERT ON ledger
    WHEN EXISTS (SELECT 1 FROM ledger WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, 'ledger entries are only appended'); END;

-- Personal values are erased and never changed.
CREATE TRIGGER personal_values_are_never_changed BEFORE UPDATE ON personal_values
    BEGIN SELECT RAISE(ABORT, 'personal values are never changed'); END;
CREATE TRIGGER personal_values_are_never_replaced BEFORE INSERT ON personal_values
    WHEN EXISTS (SELECT 1 FROM personal_values WHERE rowid = NEW.rowid OR (seq = NEW.seq AND field = NEW.field))
    BEGIN SELECT RAISE(ABORT, 'personal values are never changed'); END;

CREATE TRIGGER policies_are_never_changed BEFORE UPDATE ON policies
    BEGIN SELECT RAISE(ABORT, 'policies are never changed'); END;
CREATE TRIGGER policies_are_never_deleted BEFORE DELETE ON policies
    BEGIN SELECT RAISE(ABORT, 'policies are never deleted'); END;
CREATE TRIGGER policies_are_never_replaced BEFORE INSERT ON policies
    WHEN EXISTS (SELECT 1 FROM policies WHERE rowid = NEW.rowid OR digest = NEW.digest)
    BEGIN SELECT RAISE(ABORT, 'policies are never changed'); END;

-- Which database this is.
CREATE TRIGGER the_gateway_is_never_changed BEFORE UPDATE OF one, database_id ON gateway
    BEGIN SELECT RAISE(ABORT, 'a database keeps its identity'); END;
CREATE TRIGGER the_gateway_is_never_deleted BEFORE DELETE ON gateway
    BEGIN SELECT RAISE(ABORT, 'a database keeps its identity'); END;
CREATE TRIGGER the_gateway_is_never_replaced BEFORE INSERT ON gateway WHEN EXISTS (SELECT 1 FROM gateway)
    BEGIN SELECT RAISE(ABORT, 'a database keeps its identity'); END;
