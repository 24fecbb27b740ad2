//! Why a view over borrowed memory could not be made.

/// The memory handed to a view does not have the size its shape asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// A buffer is longer or shorter than its shape.
    #[error("{buffer}: {actual} elements where the shape asks for {expected}")]
    Length {
        /// Which buffer.
        buffer: &'static str,
        /// What it holds.
        actual: usize,
        /// What it should hold.
        expected: usize,
    },
    /// The rows cannot be that long.
    #[error("rows of {cols} columns: the length must be a positive multiple of {multiple}")]
    Columns {
        /// The length that was asked for.
        cols: usize,
        /// What it must be a multiple of.
        multiple: usize,
    },
    /// The size in bytes does not fit the address space.
    #[error("a matrix of {rows} x {cols} is too large to address")]
    TooLarge {
        /// Number of rows.
        rows: usize,
        /// Number of columns.
        cols: usize,
    },
}

/// `Ok` if a buffer has exactly the expected length.
pub(crate) fn check_length(
    buffer: &'static str,
    actual: usize,
    expected: usize,
) -> Result<(), ShapeError> {
    if actual == expected {
        Ok(())
    } else {
        Err(ShapeError::Length {
            buffer,
            actual,
            expected,
        })
    }
}

/// `Ok` if `cols` is a positive multiple of `multiple`.
pub(crate) fn check_columns(cols: usize, multiple: usize) -> Result<(), ShapeError> {
    if cols > 0 && cols.is_multiple_of(multiple) {
        Ok(())
    } else {
        Err(ShapeError::Columns { cols, multiple })
    }
}
