//! PostgreSQL, 15 and later: how it is reached, and how several replicas share it.

mod address;
pub(in crate::store) mod cells;
mod connection;
mod engine;
mod failure;
mod listening;
mod schema;

pub use address::{Address, AddressParts};
pub(in crate::store) use connection::Connection;
pub(in crate::store) use engine::Postgres;
pub(in crate::store) use listening::Listening;

use crate::store::error::StoreError;

/// Where replicas tell each other the number of the newest event.
const CHANNEL: &str = "numbers_gateway";

/// A connection for reading one state after the other.
pub(in crate::store) fn open_for_reading(address: &Address) -> Result<Connection, StoreError> {
    Connection::open(address)
}
