//! One connection as the rest of the store sees it: statements in, cells out, no engine in sight.
//!
//! Statements number their parameters `$1, $2 …` as PostgreSQL does, use only the three kinds of cell that every engine
//! has, and no word that only one of them understands. That keeps one text per statement. What an engine does with it
//! stands in `sqlite::cells` and `postgres::cells`.

use jiff::Timestamp;
use serde::de::DeserializeOwned;

use crate::domain::canonical::Digest;
use crate::store::error::StoreError;
use crate::store::{postgres, sqlite};

/// A connection, inside a transaction or reading a snapshot.
pub struct Session<'c> {
    link: Link<'c>,
}

/// The engine behind a session.
#[derive(Clone, Copy)]
pub(super) enum Link<'c> {
    Sqlite(&'c rusqlite::Connection),
    Postgres(&'c postgres::Connection),
    /// The server is not there: every statement says so.
    Nowhere,
}

/// A value for a statement. What is not there has a kind all the same, because PostgreSQL wants to know it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Param<'v> {
    Int(Option<i64>),
    Text(Option<&'v str>),
    Blob(&'v [u8]),
}

impl From<i64> for Param<'_> {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}

impl From<bool> for Param<'_> {
    fn from(value: bool) -> Self {
        Self::Int(Some(i64::from(value)))
    }
}

impl From<Timestamp> for Param<'_> {
    fn from(value: Timestamp) -> Self {
        Self::Int(Some(value.as_microsecond()))
    }
}

impl From<Option<Timestamp>> for Param<'_> {
    fn from(value: Option<Timestamp>) -> Self {
        value.map(Timestamp::as_microsecond).into()
    }
}

impl<'v> From<&'v str> for Param<'v> {
    fn from(value: &'v str) -> Self {
        Self::Text(Some(value))
    }
}

impl<'v> From<&'v String> for Param<'v> {
    fn from(value: &'v String) -> Self {
        Self::Text(Some(value))
    }
}

impl<'v> From<&'v Digest> for Param<'v> {
    fn from(value: &'v Digest) -> Self {
        Self::Blob(value.as_bytes())
    }
}

impl<'v> From<Option<&'v str>> for Param<'v> {
    fn from(value: Option<&'v str>) -> Self {
        Self::Text(value)
    }
}

impl From<Option<i64>> for Param<'_> {
    fn from(value: Option<i64>) -> Self {
        Self::Int(value)
    }
}

/// The cells of one row, taken one after the other in the order of the statement's columns.
pub(super) struct Row<'r> {
    cells: Cells<'r>,
    next: usize,
}

#[derive(Clone, Copy)]
enum Cells<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r tokio_postgres::Row),
}

impl<'r> Row<'r> {
    pub(super) const fn of_sqlite(row: &'r rusqlite::Row<'r>) -> Self {
        Self { cells: Cells::Sqlite(row), next: 0 }
    }

    pub(super) const fn of_postgres(row: &'r tokio_postgres::Row) -> Self {
        Self { cells: Cells::Postgres(row), next: 0 }
    }

    fn advance(&mut self) -> (Cells<'r>, usize) {
        let place = self.next;
        self.next += 1;
        (self.cells, place)
    }

    pub(super) fn int(&mut self) -> Result<i64, StoreError> {
        self.optional_int()?.ok_or_else(|| StoreError::corrupt("nothing where a number belongs"))
    }

    pub(super) fn optional_int(&mut self) -> Result<Option<i64>, StoreError> {
        match self.advance() {
            (Cells::Sqlite(row), place) => Ok(row.get(place)?),
            (Cells::Postgres(row), place) => postgres::cells::int(row, place),
        }
    }

    pub(super) fn text(&mut self) -> Result<String, StoreError> {
        self.optional_text()?.ok_or_else(|| StoreError::corrupt("nothing where a text belongs"))
    }

    /// A text of whatever bytes: for rows that somebody else may have written. PostgreSQL keeps none but UTF-8.
    pub(super) fn lossy_text(&mut self) -> Result<String, StoreError> {
        match self.advance() {
            (Cells::Sqlite(row), place) => {
                let bytes = row.get_ref(place)?.as_bytes().map_err(StoreError::corrupt)?;
                Ok(String::from_utf8_lossy(bytes).into_owned())
            }
            (Cells::Postgres(row), place) => postgres::cells::text(row, place)?
                .ok_or_else(|| StoreError::corrupt("nothing where a text belongs")),
        }
    }

    pub(super) fn optional_text(&mut self) -> Result<Option<String>, StoreError> {
        match self.advance() {
            (Cells::Sqlite(row), place) => Ok(row.get(place)?),
            (Cells::Postgres(row), place) => postgres::cells::text(row, place),
        }
    }

    pub(super) fn blob(&mut self) -> Result<Vec<u8>, StoreError> {
        match self.advance() {
            (Cells::Sqlite(row), place) => Ok(row.get(place)?),
            (Cells::Postgres(row), place) => postgres::cells::blob(row, place),
        }
    }

    pub(super) fn time(&mut self) -> Result<Timestamp, StoreError> {
        Timestamp::from_microsecond(self.int()?).map_err(StoreError::corrupt)
    }

    pub(super) fn optional_time(&mut self) -> Result<Option<Timestamp>, StoreError> {
        self.optional_int()?.map(Timestamp::from_microsecond).transpose().map_err(StoreError::corrupt)
    }

    pub(super) fn digest(&mut self) -> Result<Digest, StoreError> {
        Digest::from_bytes(&self.blob()?).ok_or_else(|| StoreError::corrupt("a digest has 32 bytes"))
    }

    pub(super) fn parsed<T>(&mut self) -> Result<T, StoreError>
    where
        T: std::str::FromStr,
        T::Err: std::fmt::Display,
    {
        self.text()?.parse().map_err(StoreError::corrupt)
    }

    pub(super) fn json<T: DeserializeOwned>(&mut self) -> Result<T, StoreError> {
        Ok(serde_json::from_str(&self.text()?)?)
    }

    pub(super) fn optional_json<T: DeserializeOwned>(&mut self) -> Result<Option<T>, StoreError> {
        Ok(self.optional_text()?.map(|text| serde_json::from_str(&text)).transpose()?)
    }
}

/// A row of one text.
pub(super) fn only_text(row: &mut Row<'_>) -> Result<String, StoreError> {
    row.text()
}

/// A row of one text of whatever bytes.
pub(super) fn only_lossy_text(row: &mut Row<'_>) -> Result<String, StoreError> {
    row.lossy_text()
}

/// A row of one text that is a value.
pub(super) fn only_parsed<T>(row: &mut Row<'_>) -> Result<T, StoreError>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    row.parsed()
}

/// A row of bytes.
pub(super) fn only_blob(row: &mut Row<'_>) -> Result<Vec<u8>, StoreError> {
    row.blob()
}

/// A row of one JSON text.
pub(super) fn only_json<T: DeserializeOwned>(row: &mut Row<'_>) -> Result<T, StoreError> {
    row.json()
}

/// A row of one time, or none.
pub(super) fn only_optional_time(row: &mut Row<'_>) -> Result<Option<Timestamp>, StoreError> {
    row.optional_time()
}

/// A row of one integer.
pub(super) fn only_int(row: &mut Row<'_>) -> Result<i64, StoreError> {
    row.int()
}

impl<'c> Session<'c> {
    pub(super) const fn new(link: Link<'c>) -> Self {
        Self { link }
    }

    /// Whether the database is a file of ours.
    pub(super) const fn is_of_a_file(&self) -> bool {
        matches!(self.link, Link::Sqlite(_))
    }

    /// Every row, as `read` makes of it. Statements that can return many rows carry a LIMIT.
    pub(super) fn query<T>(
        &self,
        statement: &str,
        params: &[Param<'_>],
        read: impl FnMut(&mut Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        match self.link {
            Link::Sqlite(connection) => sqlite::cells::query(connection, statement, params, read),
            Link::Postgres(connection) => connection.query(statement, params, read),
            Link::Nowhere => Err(nowhere()),
        }
    }

    /// The first row, if there is one.
    pub(super) fn query_first<T>(
        &self,
        statement: &str,
        params: &[Param<'_>],
        read: impl FnMut(&mut Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.query(statement, params, read)?.into_iter().next())
    }

    /// A single number: a count or a sum.
    pub(super) fn query_int(&self, statement: &str, params: &[Param<'_>]) -> Result<i64, StoreError> {
        self.query_first(statement, params, only_int)?.ok_or_else(|| StoreError::corrupt("no row"))
    }

    /// Changes rows; how many.
    pub(super) fn execute(&self, statement: &str, params: &[Param<'_>]) -> Result<usize, StoreError> {
        match self.link {
            Link::Sqlite(connection) => sqlite::cells::execute(connection, statement, params),
            Link::Postgres(connection) => connection.execute(statement, params),
            Link::Nowhere => Err(nowhere()),
        }
    }
}

fn nowhere() -> StoreError {
    StoreError::Unavailable("there is no connection to the database".to_owned())
}
