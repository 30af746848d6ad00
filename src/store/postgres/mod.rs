//! PostgreSQL, 15 and later: how it is reached, and how several replicas share it.

mod address;
pub(in crate::store) mod cells;
mod connection;
mod engine;
mod failure;
mod listening;
mod schema;

pub use address::{Address, AddressParts};
pub(in crate::store) use connection::{Connection, is_away};
pub(in crate::store) use engine::Postgres;
pub(in crate::store) use listening::Listening;

use crate::store::error::StoreError;

/// The server's own clock, as an expression.
pub(in crate::store) const NOW: &str = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
/// Where replicas tell each other the number of the newest event.
const CHANNEL: &str = "numbers_gateway";

/// A connection for reading one state after the other.
pub(in crate::store) fn open_for_reading(address: &Address) -> Result<Connection, StoreError> {
    let connection = Connection::open(address)?;
    // What is written beside the writer may be lost by a crash of the server, and nobody waits for it.
    connection.script("SET synchronous_commit = off")?;
    Ok(connection)
}
