//! What was really sold and really received: for assertions, and for waiting without sleeping.

use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State, rejection::QueryRejection};
use serde::Deserialize;
use serde_json::{Value, json};

use super::clock::Month;
use super::complaint::Complaint;
use super::control::{Answer, Simulation, parameters};
use super::journal::{Journal, Operation};
use super::money::Micros;
use super::sale::{Charge, Sale};
use super::state::World;

/// How long a ledger call waits unless told, and at most.
const USUAL_WAIT_MS: u64 = 5_000;
const LONGEST_WAIT_MS: u64 = 60_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    /// Only requests of this operation, in the answer and in the counts that are waited for.
    operation: Option<Operation>,
    /// Only requests after this one.
    #[serde(default)]
    after: u64,
    #[serde(default)]
    wait_requests: u64,
    #[serde(default)]
    wait_answered: u64,
    #[serde(default)]
    wait_sales: u64,
    #[serde(default)]
    wait_held: u64,
    timeout_ms: Option<u64>,
}

impl Question {
    fn can_be_answered(&self, world: &World) -> bool {
        let sales = u64::try_from(world.account.sales.len()).unwrap_or(u64::MAX);
        world.journal.received(self.operation) >= self.wait_requests
            && world.journal.finished(self.operation) >= self.wait_answered
            && sales >= self.wait_sales
            && world.held >= self.wait_held
    }
}

pub(super) async fn ledger(
    State(shared): Simulation,
    query: Result<Query<Question>, QueryRejection>,
) -> Answer {
    let question = parameters(query)?;
    let wait = Duration::from_millis(question.timeout_ms.unwrap_or(USUAL_WAIT_MS).min(LONGEST_WAIT_MS));
    let in_time = shared.wait_until(|world| question.can_be_answered(world), wait).await;
    Ok(Json(shared.with(|world| {
        let sales = world.account.sales.iter().map(|sale| shown_sale(sale, &world.journal));
        json!({
            "now": world.clock.now(),
            "timed_out": !in_time,
            "balance": world.account.balance,
            "held": world.held,
            "sales": sales.collect::<Value>(),
            "charges": world.account.charges,
            "registrations": world.account.submissions,
            "requests": world.journal.after(question.after, question.operation),
            "requests_received": world.journal.received(question.operation),
            "requests_forgotten": world.journal.forgotten(),
        })
    })))
}

/// A sale with the number of buy requests that named its number, sold or not.
fn shown_sale(sale: &Sale, journal: &Journal) -> Value {
    let mut shown = json!(sale);
    if let Some(fields) = shown.as_object_mut() {
        fields.insert("attempts".to_owned(), journal.attempts(&sale.number).into());
    }
    shown
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Billing {
    month: String,
}

pub(super) async fn invoice(
    State(shared): Simulation,
    query: Result<Query<Billing>, QueryRejection>,
) -> Answer {
    let month: Month =
        parameters(query)?.month.parse().map_err(|reason: String| Complaint::new("month", reason))?;
    Ok(Json(shared.with(|world| {
        let lines: Vec<&Charge> =
            world.account.charges.iter().filter(|charge| Month::of(charge.at) == month).collect();
        let total = lines.iter().fold(Micros::ZERO, |total, line| total + line.amount);
        json!({
            "month": month.to_string(),
            "currency": world.settings.currency,
            "lines": lines,
            "total": total,
        })
    })))
}
