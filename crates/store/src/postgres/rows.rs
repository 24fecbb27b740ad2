//! Rows on their way to PostgreSQL: a statement takes many as an array for each column.

/// One column of many rows.
pub(super) fn column<'a, R, T>(rows: &[&'a R], value: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(|row| value(row)).collect()
}
