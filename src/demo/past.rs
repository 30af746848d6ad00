//! What an earlier demo with the same data directory bought: the simulator hears of it before the gateway starts.
//!
//! Otherwise it would offer numbers that the gateway's books have bought already.

use serde_json::json;

use super::DemoError;
use super::caller::{As, Caller};
use crate::clock::Clock;
use crate::config::Config;
use crate::store::{Session, Store, StoreError, purchases};

/// Sells the simulator's account the numbers that the database knows as bought, or as perhaps bought; whether anything was
/// ever asked for there.
pub(super) async fn retell(
    caller: &Caller,
    simulator: &str,
    config: &Config,
    clock: Clock,
) -> Result<bool, DemoError> {
    // Closed again at once: the gateway opens it as its only server.
    let store = Store::open(&crate::app::database(config)?, clock).map_err(crate::app::StartError::from)?;
    let (numbers, has_past) = store.read(sold).await.map_err(crate::app::StartError::from)?;
    drop(store);
    let tell = async |control: &str, body| {
        caller.post(&format!("{simulator}/_simulator/{control}"), As::Nobody, Some(&body)).await?.or_refused()
    };
    let balance = caller.get(&format!("{simulator}/_simulator/ledger"), As::Nobody).await?.or_refused()?;
    for number in &numbers {
        tell("sell", json!({ "number": number })).await?;
    }
    if !numbers.is_empty() {
        tell("balance", json!({ "balance": balance.text("/balance") })).await?;
    }
    Ok(has_past)
}

fn sold(session: &Session<'_>) -> Result<(Vec<String>, bool), StoreError> {
    let numbers = purchases::holders(session)?.into_iter().map(|holder| holder.number).collect();
    Ok((numbers, !purchases::are_none(session)?))
}
