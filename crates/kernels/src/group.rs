//! Packed weights: rows in groups, so that each vector lane belongs to a row.

use crate::error::{ShapeError, check_columns, check_length};
use crate::mxfp4::BLOCK;

/// Rows of a group: the lanes of a 256-bit register.
pub(crate) const GROUP: usize = 8;

/// Groups start at cache lines, if the first one does.
const ALIGNMENT: usize = 64;

/// Bytes of a group of rows of `cols`, where a block of them takes `block_bytes`.
pub(crate) fn group_bytes(cols: usize, block_bytes: usize) -> Option<usize> {
    (cols / BLOCK)
        .checked_mul(block_bytes)?
        .checked_next_multiple_of(ALIGNMENT)
}

/// A matrix in groups of rows; what a group holds is its format's affair.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Groups<'a> {
    bytes: &'a [u8],
    group_bytes: usize,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
}

impl<'a> Groups<'a> {
    /// A view of `bytes` as `[rows, cols]`, where a block of a group takes `block_bytes`.
    pub(crate) fn new(
        bytes: &'a [u8],
        rows: usize,
        cols: usize,
        block_bytes: usize,
    ) -> Result<Self, ShapeError> {
        check_columns(cols, BLOCK)?;
        let too_large = ShapeError::TooLarge { rows, cols };
        let group_bytes = group_bytes(cols, block_bytes).ok_or(too_large)?;
        let expected = group_bytes
            .checked_mul(rows.div_ceil(GROUP))
            .ok_or(too_large)?;
        check_length("packed weights", bytes.len(), expected)?;
        Ok(Self {
            bytes,
            group_bytes,
            rows,
            cols,
        })
    }

    /// The bytes of group `i`.
    ///
    /// # Panics
    /// If there is no such group.
    pub(crate) fn group(self, i: usize) -> &'a [u8] {
        &self.bytes[i * self.group_bytes..][..self.group_bytes]
    }
}
