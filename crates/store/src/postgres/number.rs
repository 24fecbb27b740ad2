//! Numbers that PostgreSQL has no type for go as the next wider one.

use tokio_postgres::Row;

use super::failure::Failure;
use crate::StoreError;

pub(super) fn optional_wide(number: Option<u32>) -> Option<i64> {
    number.map(i64::from)
}

pub(super) fn u32_at(row: &Row, column: usize) -> Result<u32, Failure> {
    narrow(row.try_get::<_, i64>(column)?)
}

pub(super) fn optional_u32_at(row: &Row, column: usize) -> Result<Option<u32>, Failure> {
    let number = row.try_get::<_, Option<i64>>(column)?;
    number.map(narrow).transpose()
}

pub(super) fn u16_at(row: &Row, column: usize) -> Result<u16, Failure> {
    narrow(row.try_get::<_, i32>(column)?)
}

pub(super) fn optional_u16_at(row: &Row, column: usize) -> Result<Option<u16>, Failure> {
    let number = row.try_get::<_, Option<i32>>(column)?;
    number.map(narrow).transpose()
}

pub(super) fn u64_at(row: &Row, column: usize) -> Result<u64, Failure> {
    narrow(row.try_get::<_, i64>(column)?)
}

/// What was written by somebody else may be out of range.
fn narrow<From, To: TryFrom<From, Error = std::num::TryFromIntError>>(
    number: From,
) -> Result<To, Failure> {
    To::try_from(number).map_err(|error| StoreError::Database(error.into()).into())
}
