//! Text on its way to PostgreSQL, which has no character 0: U+FFFD takes its place.

use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, accepts, to_sql_checked};

use crate::error::BoxError;

/// A text, whatever it holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a>(pub(super) &'a str);

impl ToSql for Text<'_> {
    fn to_sql(&self, of: &Type, out: &mut BytesMut) -> Result<IsNull, BoxError> {
        if self.0.contains('\0') {
            return self.0.replace('\0', "\u{FFFD}").to_sql(of, out);
        }
        self.0.to_sql(of, out)
    }

    accepts!(TEXT);
    to_sql_checked!();
}

/// The text of what may be missing.
pub(super) fn optional(text: Option<&String>) -> Option<Text<'_>> {
    text.map(|text| Text(text))
}
