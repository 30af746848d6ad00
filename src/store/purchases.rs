//! Purchases as rows. A row moves by [`step`] alone, which asks the state machine and names the version it saw.

use crate::domain::money::Money;
use crate::domain::number::DedicatedNumber;
use crate::domain::order::Receipt;
use crate::domain::principal::{Person, TeamId};
use crate::domain::purchase::{MessageType, Purchase, PurchaseId, Requester, State, Step};
use crate::domain::registration::RegistrationData;
use crate::store::error::StoreError;
use crate::store::session::{Param, Row, Session, only_json};
use crate::store::tx::Tx;

const COLUMNS: &str = "id, number, message_type, issuer, subject, name, on_behalf_of, team, reference,
    max_price_micros, quote, quote_digest, rule, policy_digest, state, code, explanation, version, attempts,
    created_us, updated_us, receipt";

fn read(row: &mut Row<'_>) -> Result<Purchase, StoreError> {
    Ok(Purchase {
        id: row.parsed()?,
        number: row.parsed()?,
        message_type: row.parsed()?,
        requester: requester(row)?,
        reference: row.optional_text()?,
        max_price: row.optional_int()?.map(Money::from_micros),
        quote: row.json()?,
        quote_digest: row.digest()?,
        rule: row.text()?,
        policy_digest: row.digest()?,
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

/// Who asked, from the columns issuer, subject, name, `on_behalf_of`, team.
pub(super) fn requester(row: &mut Row<'_>) -> Result<Requester, StoreError> {
    Ok(Requester {
        person: Person { issuer: row.text()?, subject: row.text()? },
        name: row.optional_text()?,
        on_behalf_of: row.optional_text()?,
        team: row.parsed()?,
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

/// The purchase that has the number taken.
pub fn active_for(session: &Session<'_>, number: &DedicatedNumber) -> Result<Option<Purchase>, StoreError> {
    let statement = format!("SELECT {COLUMNS} FROM purchases WHERE number = $1 AND holds_number = 1");
    session.query_first(&statement, &[number.as_str().into()], read)
}

/// Which purchases a list shows.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only of these teams; nothing means all.
    pub teams: Option<Vec<TeamId>>,
    /// Only in this state.
    pub state: Option<State>,
    /// Only older than this one.
    pub before: Option<PurchaseId>,
}

/// Purchases, newest first, at most `limit`.
pub fn list(session: &Session<'_>, filter: &Filter, limit: i64) -> Result<Vec<Purchase>, StoreError> {
    let before = filter.before.map(|id| id.to_string());
    let mut params: Vec<Param<'_>> =
        vec![before.as_deref().into(), filter.state.map(State::as_str).into(), limit.into()];
    let teams = match &filter.teams {
        None => String::new(),
        Some(teams) => {
            let places: Vec<String> = (4..4 + teams.len()).map(|place| format!("${place}")).collect();
            params.extend(teams.iter().map(|team| Param::from(team.as_str())));
            format!("AND team IN ({})", places.join(", "))
        }
    };
    let statement = format!(
        "SELECT {COLUMNS} FROM purchases
         WHERE ($1 IS NULL OR id < $1) AND ($2 IS NULL OR state = $2) {teams} ORDER BY id DESC LIMIT $3"
    );
    session.query(&statement, &params, read)
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
    const COUNTED: &str = "state NOT IN ('approved', 'failed', 'not_bought', 'cancelled')";
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

/// The team of every number that a purchase has bought.
pub fn teams_of_bought(session: &Session<'_>) -> Result<Vec<(DedicatedNumber, TeamId)>, StoreError> {
    session.query("SELECT number, team FROM purchases WHERE state IN ('bought', 'bought_late')", &[], |row| {
        Ok((row.parsed()?, row.parsed()?))
    })
}

/// Writes a new purchase.
pub fn insert(
    tx: &mut Tx<'_>,
    purchase: &Purchase,
    registration_data: Option<&RegistrationData>,
) -> Result<(), StoreError> {
    let (id, requester) = (purchase.id.to_string(), &purchase.requester);
    let quote = serde_json::to_string(&purchase.quote)?;
    tx.execute_one(
        "INSERT INTO purchases (id, number, message_type, issuer, subject, name, on_behalf_of, team, reference,
             max_price_micros, quote, quote_digest, country, currency, monthly_micros, rule, policy_digest, state, version, attempts,
             holds_number, created_us, updated_us)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
             $22, $23)",
        &[
            (&id).into(),
            purchase.number.as_str().into(),
            purchase.message_type.as_str().into(),
            (&requester.person.issuer).into(),
            (&requester.person.subject).into(),
            requester.name.as_deref().into(),
            requester.on_behalf_of.as_deref().into(),
            requester.team.as_str().into(),
            purchase.reference.as_deref().into(),
            purchase.max_price.map(Money::micros).into(),
            (&quote).into(),
            (&purchase.quote_digest).into(),
            purchase.quote.country.as_str().into(),
            purchase.quote.currency.as_str().into(),
            purchase.quote.monthly.micros().into(),
            (&purchase.rule).into(),
            (&purchase.policy_digest).into(),
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

/// What a step leaves behind beside the new state.
#[derive(Clone, Debug, Default)]
pub struct Trace<'a> {
    /// A code of the API.
    pub code: Option<&'static str>,
    /// A sentence for people.
    pub explanation: Option<String>,
    /// Upstream's answer.
    pub receipt: Option<&'a Receipt>,
    /// The day that a reservation counts against.
    pub reserved_day: Option<&'a str>,
    /// The monthly price that a reservation counts as a recurring fee: the newest quote's.
    pub monthly: Option<Money>,
}

/// Moves a purchase one step. The purchase in hand is brought along; `Conflict` when it was moved meanwhile.
pub fn step(
    tx: &mut Tx<'_>,
    purchase: &mut Purchase,
    step: Step,
    trace: Trace<'_>,
) -> Result<(), StoreError> {
    let state = purchase.state.after(step)?;
    let attempts = purchase.attempts + i64::from(step == Step::Claim);
    let receipt = trace.receipt.map(serde_json::to_string).transpose()?;
    let at = tx.at();
    tx.execute_one(
        "UPDATE purchases SET state = $1, code = $2, explanation = $3, version = version + 1, attempts = $4,
             holds_number = $5, updated_us = $6, receipt = coalesce($7, receipt),
             reserved_day = coalesce($8, reserved_day), monthly_micros = coalesce($9, monthly_micros)
         WHERE id = $10 AND version = $11",
        &[
            state.as_str().into(),
            trace.code.into(),
            trace.explanation.as_deref().into(),
            attempts.into(),
            state.is_active().into(),
            at.into(),
            receipt.as_deref().into(),
            trace.reserved_day.into(),
            trace.monthly.map(Money::micros).into(),
            (&purchase.id.to_string()).into(),
            purchase.version.into(),
        ],
    )?;
    purchase.state = state;
    purchase.code = trace.code.map(ToOwned::to_owned);
    purchase.explanation = trace.explanation;
    purchase.version += 1;
    purchase.attempts = attempts;
    purchase.updated_at = at;
    purchase.receipt = trace.receipt.cloned().or_else(|| purchase.receipt.take());
    Ok(())
}

/// The numbers that were booked at or after a moment.
pub fn bought_since(session: &Session<'_>, since: jiff::Timestamp) -> Result<Vec<String>, StoreError> {
    session.query(
        "SELECT number FROM purchases WHERE state = 'bought' AND updated_us >= $1",
        &[since.into()],
        crate::store::session::only_text,
    )
}
