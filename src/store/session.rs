//! One connection as the rest of the store sees it: statements in, cells out, no engine in sight.
//!
//! Statements number their parameters `$1, $2 …` as PostgreSQL does, and use only the three kinds of cell that
//! every engine has. That keeps one text per statement.

use jiff::Timestamp;
use serde::de::DeserializeOwned;

use crate::domain::canonical::Digest;
use crate::store::error::StoreError;

/// A connection, inside a transaction or reading a snapshot.
pub struct Session<'c> {
    connection: &'c rusqlite::Connection,
}

/// A value for a statement.
#[derive(Clone, Copy, Debug)]
pub(super) enum Param<'v> {
    Null,
    Int(i64),
    Text(&'v str),
    Blob(&'v [u8]),
}

impl From<i64> for Param<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Param<'_> {
    fn from(value: bool) -> Self {
        Self::Int(i64::from(value))
    }
}

impl From<Timestamp> for Param<'_> {
    fn from(value: Timestamp) -> Self {
        Self::Int(value.as_microsecond())
    }
}

impl From<Option<Timestamp>> for Param<'_> {
    fn from(value: Option<Timestamp>) -> Self {
        value.map(Timestamp::as_microsecond).into()
    }
}

impl<'v> From<&'v str> for Param<'v> {
    fn from(value: &'v str) -> Self {
        Self::Text(value)
    }
}

impl<'v> From<&'v String> for Param<'v> {
    fn from(value: &'v String) -> Self {
        Self::Text(value)
    }
}

impl<'v> From<&'v Digest> for Param<'v> {
    fn from(value: &'v Digest) -> Self {
        Self::Blob(value.as_bytes())
    }
}

impl<'v> From<Option<&'v str>> for Param<'v> {
    fn from(value: Option<&'v str>) -> Self {
        value.map_or(Self::Null, Self::Text)
    }
}

impl From<Option<i64>> for Param<'_> {
    fn from(value: Option<i64>) -> Self {
        value.map_or(Self::Null, Self::Int)
    }
}

/// The cells of one row, taken one after the other in the order of the statement's columns.
pub(super) struct Row<'r> {
    row: &'r rusqlite::Row<'r>,
    next: usize,
}

impl Row<'_> {
    fn cell<T: rusqlite::types::FromSql>(&mut self) -> Result<T, StoreError> {
        let value = self.row.get(self.next)?;
        self.next += 1;
        Ok(value)
    }

    pub(super) fn int(&mut self) -> Result<i64, StoreError> {
        self.cell()
    }

    pub(super) fn optional_int(&mut self) -> Result<Option<i64>, StoreError> {
        self.cell()
    }

    pub(super) fn text(&mut self) -> Result<String, StoreError> {
        self.cell()
    }

    /// A text of whatever bytes: for rows that somebody else may have written.
    pub(super) fn lossy_text(&mut self) -> Result<String, StoreError> {
        let cell = self.row.get_ref(self.next)?;
        self.next += 1;
        let bytes = cell.as_bytes().map_err(StoreError::corrupt)?;
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }

    pub(super) fn optional_text(&mut self) -> Result<Option<String>, StoreError> {
        self.cell()
    }

    pub(super) fn blob(&mut self) -> Result<Vec<u8>, StoreError> {
        self.cell()
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
    pub(super) const fn new(connection: &'c rusqlite::Connection) -> Self {
        Self { connection }
    }

    /// Every row, as `read` makes of it. Statements that can return many rows carry a LIMIT.
    pub(super) fn query<T>(
        &self,
        statement: &str,
        params: &[Param<'_>],
        mut read: impl FnMut(&mut Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut prepared = self.prepare(statement)?;
        bind(&mut prepared, params)?;
        let mut rows = prepared.raw_query();
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(read(&mut Row { row, next: 0 })?);
        }
        Ok(found)
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
        let mut prepared = self.prepare(statement)?;
        bind(&mut prepared, params)?;
        Ok(prepared.raw_execute()?)
    }

    /// SQLite would read `$2` as a name and number it by its first use; `?2` is the same number everywhere. No
    /// statement of ours has a dollar sign for anything else.
    fn prepare(&self, statement: &str) -> Result<rusqlite::CachedStatement<'c>, StoreError> {
        Ok(self.connection.prepare_cached(&statement.replace('$', "?"))?)
    }
}

fn bind(prepared: &mut rusqlite::Statement<'_>, params: &[Param<'_>]) -> Result<(), StoreError> {
    for (index, param) in (1..).zip(params) {
        match param {
            Param::Null => prepared.raw_bind_parameter(index, rusqlite::types::Null)?,
            Param::Int(value) => prepared.raw_bind_parameter(index, value)?,
            Param::Text(value) => prepared.raw_bind_parameter(index, value)?,
            Param::Blob(value) => prepared.raw_bind_parameter(index, value)?,
        }
    }
    Ok(())
}
