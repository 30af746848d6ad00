//! Statements and cells as SQLite has them.

use rusqlite::{CachedStatement, Connection, Statement};

use crate::store::error::StoreError;
use crate::store::session::{Param, Row};

/// Every row, as `read` makes of it.
pub(in crate::store) fn query<T>(
    connection: &Connection,
    statement: &str,
    params: &[Param<'_>],
    mut read: impl FnMut(&mut Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut prepared = prepare(connection, statement)?;
    bind(&mut prepared, params)?;
    let mut rows = prepared.raw_query();
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(&mut Row::of_sqlite(row))?);
    }
    Ok(found)
}

/// Changes rows; how many.
pub(in crate::store) fn execute(
    connection: &Connection,
    statement: &str,
    params: &[Param<'_>],
) -> Result<usize, StoreError> {
    let mut prepared = prepare(connection, statement)?;
    bind(&mut prepared, params)?;
    Ok(prepared.raw_execute()?)
}

/// SQLite would read `$2` as a name and number it by its first use; `?2` is the same number everywhere. No statement of
/// ours has a dollar sign for anything else.
fn prepare<'c>(connection: &'c Connection, statement: &str) -> Result<CachedStatement<'c>, StoreError> {
    Ok(connection.prepare_cached(&statement.replace('$', "?"))?)
}

fn bind(prepared: &mut Statement<'_>, params: &[Param<'_>]) -> Result<(), StoreError> {
    for (index, param) in (1..).zip(params) {
        match param {
            Param::Int(value) => prepared.raw_bind_parameter(index, value)?,
            Param::Text(value) => prepared.raw_bind_parameter(index, value)?,
            Param::Blob(value) => prepared.raw_bind_parameter(index, value)?,
        }
    }
    Ok(())
}
