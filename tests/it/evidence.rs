//! The invariants of the protocol, checked on the database and on what upstream saw, after every test.

use std::collections::BTreeMap;
use std::path::Path;

use crate::database;
use numbers_gateway::app::{EvidenceSource, verify_evidence};
use numbers_gateway::domain::canonical::Digest;
use numbers_gateway::domain::money::Money;
use rusqlite::Connection;
use serde_json::Value;

/// What a month may cost, in micro-units: of each team, and of all.
pub struct Limits {
    teams: BTreeMap<String, i64>,
    organisation: Option<i64>,
}

impl Limits {
    /// As a stage's configuration says.
    pub fn of(configuration: &str) -> Self {
        let configuration: toml::Table = configuration.parse().unwrap();
        let spend = |budget: Option<&toml::Value>| {
            let amount = budget?.get("spend_per_month")?.as_str()?;
            amount.parse::<Money>().ok().map(Money::micros)
        };
        let teams = configuration["teams"].as_table().unwrap().iter();
        Self {
            teams: teams.filter_map(|(id, team)| Some((id.clone(), spend(team.get("budget"))?))).collect(),
            organisation: spend(configuration.get("budget")),
        }
    }
}

/// Panics with the first invariant that does not hold.
pub fn check(database: &Path, upstream: &Value, limits: &Limits) {
    audit_verify_finds_no_fault(database);
    let connection = database::open(database);
    // One snapshot, also while a gateway is at work.
    connection.execute_batch("BEGIN").unwrap();
    chain_is_whole(&connection);
    every_transition_has_its_event(&connection);
    one_active_purchase_per_number(&connection);
    holds_are_posted_or_released_once_or_their_purchase_is_open(&connection);
    no_buy_without_an_attempt(&connection, upstream);
    no_registration_without_an_intent(&connection, upstream);
    no_hold_above_a_limit(&connection, limits);
    what_was_sent_is_what_was_decided(&connection);
}

/// I4, when nothing is under way: what upstream sold is bought, open, or known to have come without a purchase; and what
/// is bought was sold, once.
pub fn every_sale_is_known(database: &Path, upstream: &Value) {
    let unknown = unknown_sales(database, upstream);
    assert!(unknown.is_empty(), "sold, and nobody knows: {unknown:?}");
    let connection = database::open(database);
    let (bought, sold) = (in_states(&connection, "'bought', 'bought_late'"), sales(upstream));
    for number in &sold {
        assert_eq!(sold.iter().filter(|sold| *sold == number).count(), 1, "{number} was sold twice");
    }
    for number in &bought {
        assert!(sold.contains(number), "{number} is booked and was never sold");
    }
    let under_way = in_states(&connection, "'reserved', 'dispatching'");
    assert!(under_way.is_empty(), "under way, with nobody to end it: {under_way:?}");
}

/// What upstream sold and the database has no word of.
pub fn unknown_sales(database: &Path, upstream: &Value) -> Vec<String> {
    let connection = database::open(database);
    let mut known = in_states(&connection, "'bought', 'bought_late', 'unknown', 'needs_attention'");
    known.extend(rows(
        &connection,
        "SELECT number FROM known_numbers WHERE origin IN ('preexisting', 'orphan', 'assigned')",
        |row| row.get::<_, String>(0),
    ));
    let mut sold = sales(upstream);
    sold.retain(|number| !known.contains(number));
    sold
}

fn sales(upstream: &Value) -> Vec<String> {
    let sales = upstream["sales"].as_array().unwrap().iter();
    sales.map(|sale| sale["number"].as_str().unwrap().to_owned()).collect()
}

fn in_states(connection: &Connection, states: &str) -> Vec<String> {
    let sql = format!("SELECT number FROM purchases WHERE state IN ({states})");
    rows(connection, &sql, |row| row.get(0))
}

fn rows<T>(
    connection: &Connection,
    sql: &str,
    read: impl Fn(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Vec<T> {
    let mut statement = connection.prepare(sql).unwrap();
    statement.query_map([], |row| read(row)).unwrap().map(Result::unwrap).collect()
}

/// I7, by the gateway's own eyes; the other checks are made by eyes that share nothing with it.
fn audit_verify_finds_no_fault(database: &Path) {
    let head = Some(database.with_file_name("audit-head")).filter(|head| head.is_file());
    // It waits, and a test may be in the middle of its runtime.
    let location = database::location(database);
    let verify = || verify_evidence(EvidenceSource::Database(&location), head.as_deref());
    let report = std::thread::scope(|scope| scope.spawn(verify).join()).unwrap().unwrap();
    assert!(report.whole, "{report}");
}

/// I7, first half: no gap, every link follows from the one before.
fn chain_is_whole(connection: &Connection) {
    let mut previous = vec![0; 32];
    let links = rows(connection, "SELECT seq, body, hash FROM audit_events ORDER BY seq", |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, Vec<u8>>(2)?))
    });
    for (expected, (sequence, body, hash)) in (1..).zip(links) {
        assert_eq!(sequence, expected, "a gap in the evidence");
        assert_eq!(Digest::of(&[&previous, body.as_bytes()]).as_bytes(), hash.as_slice(), "event {sequence}");
        previous = hash;
    }
}

/// I7, second half: as many events of its steps as a purchase or a registration has versions. What tells of no version
/// is a remark.
fn every_transition_has_its_event(connection: &Connection) {
    for kind in ["purchase", "registration"] {
        let counted = rows(
            connection,
            &format!(
                "SELECT t.id, t.version, (SELECT count(*) FROM audit_events a
                                          WHERE a.target_kind = '{kind}' AND a.target_id = t.id
                                          AND (a.action = '{kind}.submitted' OR a.body ->> '$.details.version' IS NOT NULL))
                 FROM {kind}s t"
            ),
            |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)),
        );
        for (id, version, events) in counted {
            assert_eq!(version, events, "{kind} {id}");
        }
    }
}

/// I6.
fn one_active_purchase_per_number(connection: &Connection) {
    let taken = rows(
        connection,
        "SELECT number FROM purchases
         WHERE state IN ('reserved', 'dispatching', 'unknown', 'needs_attention')
             OR (state IN ('bought', 'bought_late') AND holds_number = 1)",
        |row| row.get::<_, String>(0),
    );
    let mut once = taken.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), taken.len(), "{taken:?}");
}

/// I5.
fn holds_are_posted_or_released_once_or_their_purchase_is_open(connection: &Connection) {
    let holds = rows(
        connection,
        "SELECT l.purchase_id, p.state, sum(l.amount_micros) FROM ledger l JOIN purchases p ON p.id = l.purchase_id
         WHERE l.kind IN ('hold', 'release') GROUP BY l.purchase_id",
        |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?)),
    );
    for (purchase, state, held) in holds {
        let open = ["dispatching", "unknown", "needs_attention"].contains(&state.as_str());
        assert_eq!(held > 0, open, "purchase {purchase} is {state} and holds {held}");
        assert!(held >= 0, "purchase {purchase} gave back more than it held");
    }
}

/// I1 and I2: upstream received at most one buy for each attempt row, and none without.
fn no_buy_without_an_attempt(connection: &Connection, upstream: &Value) {
    let mut attempts: BTreeMap<String, i64> = BTreeMap::new();
    for number in rows(
        connection,
        "SELECT p.number FROM attempts a JOIN purchases p ON p.id = a.purchase_id
         WHERE a.outcome IS NULL OR a.outcome <> 'not_sent'",
        |row| row.get::<_, String>(0),
    ) {
        *attempts.entry(number).or_default() += 1;
    }
    for request in upstream["requests"].as_array().unwrap() {
        if request["operation"] != "buy" {
            continue;
        }
        let path = request["path"].as_str().unwrap();
        let number = path.rsplit('/').next().unwrap().replace("%2B", "+");
        let left = attempts.entry(number.clone()).or_default();
        *left -= 1;
        assert!(*left >= 0, "upstream received more buys of {number} than were claimed");
    }
}

/// I3: at every hold, the month's holds and posts with this one are within the team's limit and the organisation's.
fn no_hold_above_a_limit(connection: &Connection, limits: &Limits) {
    let mut used: BTreeMap<(String, Option<String>), i64> = BTreeMap::new();
    let entries =
        rows(connection, "SELECT month, team, kind, amount_micros FROM ledger ORDER BY id", |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, String>(2)?,
                row.get::<_, i64>(3)?,
            ))
        });
    for (month, team, kind, amount) in entries {
        let budgets = [(Some(team.clone()), limits.teams.get(&team).copied()), (None, limits.organisation)];
        for (whose, limit) in budgets {
            let sum = used.entry((month.clone(), whose.clone())).or_default();
            *sum += amount;
            if let Some(limit) = limit.filter(|_| kind == "hold") {
                assert!(*sum <= limit, "{month}: a hold made {sum} of {limit} micros for {whose:?}");
            }
        }
    }
}

/// I9: each claim names the number and the type that were submitted, and there is one attempt for each; where the rule
/// wanted people, there is an approval of the round that was bought; nobody approved their own request.
fn what_was_sent_is_what_was_decided(connection: &Connection) {
    let wrong = rows(
        connection,
        "SELECT p.id FROM purchases p JOIN audit_events a ON a.target_id = p.id AND a.action = 'purchase.intent'
         WHERE instr(a.body, '\"' || p.number || '\"') = 0 OR instr(a.body, '\"' || p.message_type || '\"') = 0
         UNION ALL
         SELECT p.id FROM purchases p WHERE (SELECT count(*) FROM attempts t WHERE t.purchase_id = p.id)
           <> (SELECT count(*) FROM audit_events a WHERE a.target_id = p.id AND a.action = 'purchase.intent')
         UNION ALL
         SELECT p.id FROM purchases p WHERE p.terms IS NOT NULL AND p.attempts > 0 AND NOT EXISTS
           (SELECT 1 FROM approvals b WHERE b.target_id = p.id AND b.round = p.round)
         UNION ALL
         SELECT p.id FROM purchases p JOIN approvals b ON b.target_id = p.id
         WHERE (b.issuer, b.subject) IN ((p.issuer, p.subject), (p.actor_issuer, p.actor_subject))",
        |row| row.get::<_, String>(0),
    );
    assert!(wrong.is_empty(), "sent and not as decided: {wrong:?}");
}

/// I1 and I2 of registrations: what upstream received of each content, somebody had claimed and not given back.
fn no_registration_without_an_intent(connection: &Connection, upstream: &Value) {
    let claimed = rows(
        connection,
        "SELECT r.form,
             (SELECT count(*) FROM audit_events a WHERE a.target_id = r.id AND a.action = 'registration.intent')
           - (SELECT count(*) FROM audit_events a WHERE a.target_id = r.id AND a.action = 'registration.not_sent')
         FROM registrations r",
        |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)),
    );
    let mut left: BTreeMap<String, i64> = BTreeMap::new();
    for (form, count) in claimed {
        assert!((0..=1).contains(&count), "sent {count} times: {form}");
        *left.entry(content(&form)).or_default() += count;
    }
    let requests = upstream["requests"].as_array().unwrap().iter();
    for request in requests.filter(|request| request["operation"] == "register") {
        let sent = content(request["body"].as_str().unwrap());
        // What is not known any more may be one whose form was erased.
        let known = if left.contains_key(&sent) { sent } else { ERASED.to_owned() };
        let left = left.entry(known).or_default();
        *left -= 1;
        assert!(*left >= 0, "upstream received more registrations than were claimed: {request}");
    }
}

/// What an erased form is.
const ERASED: &str = "";

/// A form, whatever the order of its fields.
fn content(form: &str) -> String {
    serde_json::from_str(form).map_or_else(|_| ERASED.to_owned(), |form: Value| form.to_string())
}
