//! Purchases as rows.

mod list;
mod reconciled;
mod step;

use jiff::Timestamp;

use crate::domain::approval::ApprovalTerms;
use crate::domain::country::Country;
use crate::domain::money::Money;
use crate::domain::number::DedicatedNumber;
use crate::domain::principal::{Person, TeamId};
use crate::domain::purchase::{MessageType, Purchase, PurchaseId, State};
use crate::domain::registration::RegistrationData;
use crate::store::error::StoreError;
use crate::store::requester;
use crate::store::session::{Param, Row, Session, only_json, only_text};
use crate::store::tx::Tx;

pub(super) use list::sighted;
pub use list::{Filter, Sight, list, waiting};
pub use reconciled::{Holder, are_none, free_number, holders, suspects, unsettled};
pub use step::{Redecided, Trace, redecide, step};

const COLUMNS: &str = "id, number, message_type, issuer, subject, name, roles, email, actor_issuer,
    actor_subject, on_behalf_of, team, reference, max_price_micros, quote, quote_digest, rule, policy_digest, terms, round,
    decide_by_us, approved_until_us, state, code, explanation, version, attempts, created_us, updated_us, receipt";

fn read(row: &mut Row<'_>) -> Result<Purchase, StoreError> {
    Ok(Purchase {
        id: row.parsed()?,
        number: row.parsed()?,
        message_type: row.parsed()?,
        requester: requester::read(row)?,
        reference: row.optional_text()?,
        max_price: row.optional_int()?.map(Money::from_micros),
        quote: row.json()?,
        quote_digest: row.digest()?,
        rule: row.text()?,
        policy_digest: row.digest()?,
        terms: row.optional_json()?,
        round: row.int()?,
        decide_by: row.optional_time()?,
        approved_until: row.optional_time()?,
        state: row.parsed()?,
        code: row.optional_text()?,
        explanation: row.optional_text()?,
        version: row.int()?,
        attempts: row.int()?,
        created_at: row.time()?,
        updated_at: row.time()?,
        receipt: row.optional_json()?,
    })
}

/// One purchase.
pub fn find(session: &Session<'_>, id: PurchaseId) -> Result<Option<Purchase>, StoreError> {
    let statement = format!("SELECT {COLUMNS} FROM purchases WHERE id = $1");
    session.query_first(&statement, &[(&id.to_string()).into()], read)
}

/// The newest purchase of a person for a number and type that [answers a repeat](State::answers_a_repeat): one that
/// came to nothing must not hide an earlier one that is under way or bought.
pub fn repeat_of(
    session: &Session<'_>,
    person: &Person,
    number: &DedicatedNumber,
    message_type: MessageType,
) -> Result<Option<Purchase>, StoreError> {
    let silent = State::ALL.into_iter().filter(|state| !state.answers_a_repeat());
    let silent = silent.map(|state| format!("'{state}'")).collect::<Vec<_>>().join(", ");
    let statement = format!(
        "SELECT {COLUMNS} FROM purchases
         WHERE issuer = $1 AND subject = $2 AND number = $3 AND message_type = $4 AND state NOT IN ({silent})
         ORDER BY id DESC LIMIT 1"
    );
    let params: [Param<'_>; 4] = [
        (&person.issuer).into(),
        (&person.subject).into(),
        number.as_str().into(),
        message_type.as_str().into(),
    ];
    session.query_first(&statement, &params, read)
}

/// The newest purchase of a person for a number and type that people rejected at or after a moment.
pub fn rejected_since(
    session: &Session<'_>,
    person: &Person,
    number: &DedicatedNumber,
    message_type: MessageType,
    since: Timestamp,
) -> Result<Option<Purchase>, StoreError> {
    let statement = format!(
        "SELECT {COLUMNS} FROM purchases
         WHERE issuer = $1 AND subject = $2 AND number = $3 AND message_type = $4 AND state = 'rejected'
             AND updated_us >= $5
         ORDER BY id DESC LIMIT 1"
    );
    let params: [Param<'_>; 5] = [
        (&person.issuer).into(),
        (&person.subject).into(),
        number.as_str().into(),
        message_type.as_str().into(),
        since.into(),
    ];
    session.query_first(&statement, &params, read)
}

/// The purchase that has the number taken.
pub fn active_for(session: &Session<'_>, number: &DedicatedNumber) -> Result<Option<Purchase>, StoreError> {
    let statement = format!("SELECT {COLUMNS} FROM purchases WHERE number = $1 AND holds_number = 1");
    session.query_first(&statement, &[number.as_str().into()], read)
}

/// Purchases of a state, oldest first, at most `limit`.
pub fn oldest(session: &Session<'_>, state: State, limit: i64) -> Result<Vec<Purchase>, StoreError> {
    let statement = format!("SELECT {COLUMNS} FROM purchases WHERE state = $1 ORDER BY id LIMIT $2");
    session.query(&statement, &[state.as_str().into(), limit.into()], read)
}

/// How many purchases stand in each state that has any.
pub fn count_by_state(session: &Session<'_>) -> Result<Vec<(State, i64)>, StoreError> {
    session.query("SELECT state, count(*) FROM purchases GROUP BY state", &[], |row| {
        Ok((row.parsed()?, row.int()?))
    })
}

/// How many reservations of a day count against a day limit: of one person, or of one team. What certainly was
/// not bought is given back.
pub fn reserved_on(session: &Session<'_>, day: &str, whose: &Whose<'_>) -> Result<i64, StoreError> {
    // What is bought or may be. Without the states that hold money or a number, none counts.
    const COUNTED: &str =
        "state IN ('reserved', 'dispatching', 'unknown', 'needs_attention', 'bought', 'bought_late')";
    match whose {
        Whose::Person(person) => session.query_int(
            &format!(
                "SELECT count(*) FROM purchases WHERE reserved_day = $1 AND {COUNTED} AND issuer = $2 AND subject = $3"
            ),
            &[day.into(), (&person.issuer).into(), (&person.subject).into()],
        ),
        Whose::Team(team) => session.query_int(
            &format!("SELECT count(*) FROM purchases WHERE reserved_day = $1 AND {COUNTED} AND team = $2"),
            &[day.into(), team.as_str().into()],
        ),
    }
}

/// Whose reservations are counted.
#[derive(Clone, Copy, Debug)]
pub enum Whose<'a> {
    /// One requester's.
    Person(&'a Person),
    /// A whole team's.
    Team(&'a TeamId),
}

/// The registration data that goes out with the buy.
pub fn registration_data(
    session: &Session<'_>,
    id: PurchaseId,
) -> Result<Option<RegistrationData>, StoreError> {
    session.query_first(
        "SELECT value FROM purchase_registration_data WHERE purchase_id = $1",
        &[(&id.to_string()).into()],
        only_json,
    )
}

/// The numbers that a team has bought in a country.
pub fn bought_in(session: &Session<'_>, team: &TeamId, country: Country) -> Result<Vec<String>, StoreError> {
    session.query(
        "SELECT number FROM purchases
         WHERE team = $1 AND country = $2 AND holds_number = 1 AND state IN ('bought', 'bought_late')
         ORDER BY id DESC LIMIT 1000",
        &[team.as_str().into(), country.as_str().into()],
        only_text,
    )
}

/// Writes a new purchase.
pub fn insert(
    tx: &mut Tx<'_>,
    purchase: &Purchase,
    registration_data: Option<&RegistrationData>,
) -> Result<(), StoreError> {
    let (id, requester) = (purchase.id.to_string(), &purchase.requester);
    let quote = serde_json::to_string(&purchase.quote)?;
    let terms = purchase.terms.as_ref().map(serde_json::to_string).transpose()?;
    let deciding = purchase.terms.as_ref().map(|terms| deciding_teams(terms, &requester.team));
    let roles = serde_json::to_string(&requester.roles)?;
    let [issuer, subject, name, roles, email, actor_issuer, actor_subject, on_behalf_of, team] =
        requester::params(requester, &roles);
    tx.execute_one(
        "INSERT INTO purchases (id, number, message_type, issuer, subject, name, roles, email, actor_issuer,
             actor_subject, on_behalf_of, team, reference, max_price_micros, quote, quote_digest, country, currency, monthly_micros,
             total_micros, rule, policy_digest, terms, deciding_teams, round, decide_by_us, approved_until_us, state, version,
             attempts, holds_number, created_us, updated_us)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
             $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33)",
        &[
            (&id).into(),
            purchase.number.as_str().into(),
            purchase.message_type.as_str().into(),
            issuer,
            subject,
            name,
            roles,
            email,
            actor_issuer,
            actor_subject,
            on_behalf_of,
            team,
            purchase.reference.as_deref().into(),
            purchase.max_price.map(Money::micros).into(),
            (&quote).into(),
            (&purchase.quote_digest).into(),
            purchase.quote.country.as_str().into(),
            purchase.quote.currency.as_str().into(),
            purchase.quote.monthly.micros().into(),
            purchase.quote.price().total().micros().into(),
            (&purchase.rule).into(),
            (&purchase.policy_digest).into(),
            terms.as_deref().into(),
            deciding.as_deref().into(),
            purchase.round.into(),
            purchase.decide_by.into(),
            purchase.approved_until.into(),
            purchase.state.as_str().into(),
            purchase.version.into(),
            purchase.attempts.into(),
            purchase.state.is_active().into(),
            purchase.created_at.into(),
            purchase.updated_at.into(),
        ],
    )?;
    if let Some(data) = registration_data {
        tx.execute_one(
            "INSERT INTO purchase_registration_data (purchase_id, value) VALUES ($1, $2)",
            &[(&id).into(), (&serde_json::to_string(data)?).into()],
        )?;
    }
    Ok(())
}

/// The numbers that were booked at or after a moment, and have not left the account since.
pub fn bought_since(session: &Session<'_>, since: Timestamp) -> Result<Vec<String>, StoreError> {
    session.query(
        "SELECT number FROM purchases WHERE state = 'bought' AND holds_number = 1 AND updated_us >= $1",
        &[since.into()],
        only_text,
    )
}

/// The teams whose approvers may look: `' finance growth '`, or `*` for every team's.
pub(super) fn deciding_teams(terms: &ApprovalTerms, of: &TeamId) -> String {
    terms.deciding_teams(of).map_or_else(
        || "*".to_owned(),
        |teams| teams.iter().fold(" ".to_owned(), |text, team| format!("{text}{team} ")),
    )
}
