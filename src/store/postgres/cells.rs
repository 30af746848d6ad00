//! Values and cells as PostgreSQL has them.
//!
//! Statements are prepared with the kinds of their parameters, so that the planner never has to guess one. Sums of
//! BIGINT come back as NUMERIC and comparisons as BOOL; both are read as the whole numbers that they are in SQLite.

use std::error::Error;

use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, private::BytesMut};

use crate::store::error::StoreError;
use crate::store::session::Param;

type Failed = Box<dyn Error + Sync + Send>;

/// The kind that a parameter is declared with.
pub(super) const fn kind(param: &Param<'_>) -> Type {
    match param {
        Param::Int(_) => Type::INT8,
        Param::Text(_) => Type::TEXT,
        Param::Blob(_) => Type::BYTEA,
    }
}

impl ToSql for Param<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Failed> {
        match self {
            Self::Int(value) => value.to_sql(kind, out),
            Self::Text(value) => value.to_sql(kind, out),
            Self::Blob(value) => value.to_sql(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn to_sql_checked(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Failed> {
        match self {
            Self::Int(value) => value.to_sql_checked(kind, out),
            Self::Text(value) => value.to_sql_checked(kind, out),
            Self::Blob(value) => value.to_sql_checked(kind, out),
        }
    }
}

/// A whole number of whatever kind.
struct Whole(i64);

impl<'r> FromSql<'r> for Whole {
    fn from_sql(kind: &Type, raw: &'r [u8]) -> Result<Self, Failed> {
        Ok(Self(match *kind {
            Type::INT8 => i64::from_sql(kind, raw)?,
            Type::INT4 => i64::from(i32::from_sql(kind, raw)?),
            Type::BOOL => i64::from(bool::from_sql(kind, raw)?),
            _ => numeric(raw)?,
        }))
    }

    fn accepts(kind: &Type) -> bool {
        matches!(*kind, Type::INT8 | Type::INT4 | Type::BOOL | Type::NUMERIC)
    }
}

/// NUMERIC on the wire: how many digits of base 10,000, the weight of the first, sign, scale, digits.
fn numeric(raw: &[u8]) -> Result<i64, Failed> {
    const NEGATIVE: i16 = 0x4000;
    let words: Vec<i16> =
        raw.chunks_exact(2).map(|pair| pair.try_into().map(i16::from_be_bytes)).collect::<Result<_, _>>()?;
    let [_, weight, sign, _, digits @ ..] = words.as_slice() else { return Err("a short NUMERIC".into()) };
    if *sign != 0 && *sign != NEGATIVE {
        return Err("a NUMERIC that is no number".into());
    }
    let places = usize::try_from(i32::from(*weight) + 1).unwrap_or(0);
    if digits.len() > places {
        return Err("a NUMERIC that is not whole".into());
    }
    let digits = digits.iter().copied().chain(std::iter::repeat(0)).take(places);
    let value = digits.fold(0_i128, |value, digit| value.saturating_mul(10_000) + i128::from(digit));
    Ok(i64::try_from(if *sign == NEGATIVE { -value } else { value })?)
}

fn cell<'r, T: FromSql<'r>>(row: &'r Row, place: usize) -> Result<Option<T>, StoreError> {
    row.try_get::<_, Option<T>>(place).map_err(StoreError::corrupt)
}

/// A number, or nothing.
pub(in crate::store) fn int(row: &Row, place: usize) -> Result<Option<i64>, StoreError> {
    Ok(cell::<Whole>(row, place)?.map(|Whole(value)| value))
}

/// A text, or nothing.
pub(in crate::store) fn text(row: &Row, place: usize) -> Result<Option<String>, StoreError> {
    cell(row, place)
}

/// Bytes.
pub(in crate::store) fn blob(row: &Row, place: usize) -> Result<Vec<u8>, StoreError> {
    cell(row, place)?.ok_or_else(|| StoreError::corrupt("nothing where bytes belong"))
}

#[cfg(test)]
mod tests {
    use super::numeric;

    fn wire(words: &[i16]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn sums_are_read_as_whole_numbers_or_not_at_all() {
        let read = |words: &[i16]| numeric(&wire(words)).ok();
        assert_eq!(read(&[0, 0, 0, 0]), Some(0));
        assert_eq!(read(&[1, 0, 0, 0, 42]), Some(42));
        assert_eq!(read(&[2, 1, 0, 0, 2, 710]), Some(20_710));
        assert_eq!(read(&[1, 1, 0x4000, 0, 3]), Some(-30_000), "zeros at the end are left out on the wire");
        assert_eq!(read(&[5, 4, 0, 0, 922, 3372, 368, 5477, 5807]), Some(i64::MAX));
        assert_eq!(read(&[5, 4, 0, 0, 922, 3372, 368, 5477, 5808]), None, "too large");
        assert_eq!(read(&[2, 0, 0, 1, 1, 5000]), None, "1.5");
        assert_eq!(read(&[0, 0, -16384, 0]), None, "not a number");
        assert_eq!(read(&[1]), None);
    }
}
