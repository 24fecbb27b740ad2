//! Some columns of a row-major matrix, to be written: what one thread owns of a result.
//!
//! Threads that share the outputs of a product own columns of `[n, outputs]`, which are no slice.
//! Views are split as slices are, so that no element can be reached through two of them.
#![expect(
    unsafe_code,
    reason = "the borrow checker knows slices, not columns of a matrix"
)]

use std::marker::PhantomData;
use std::ptr::NonNull;
use std::slice;

/// Columns of a matrix: for each of `rows` rows the same `cols` adjacent elements.
#[derive(Debug)]
pub struct ColumnsMut<'a, T = f32> {
    /// The first column of the first row.
    first: NonNull<T>,
    /// Elements from one row to the next.
    stride: usize,
    rows: usize,
    cols: usize,
    borrow: PhantomData<&'a mut [T]>,
}

// SAFETY: a view is the only way to its elements, as a `&mut [T]` is.
unsafe impl<T: Send> Send for ColumnsMut<'_, T> {}

impl<'a, T> ColumnsMut<'a, T> {
    /// All columns of `matrix` `[rows, width]`.
    ///
    /// # Panics
    /// If the length is no multiple of a positive `width`.
    pub fn new(matrix: &'a mut [T], width: usize) -> Self {
        assert!(
            width > 0 && matrix.len().is_multiple_of(width),
            "{} elements are no whole number of rows of {width}",
            matrix.len()
        );
        Self {
            rows: matrix.len() / width,
            cols: width,
            stride: width,
            first: NonNull::from(matrix).cast(),
            borrow: PhantomData,
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The elements of row `j`.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&mut self, j: usize) -> &mut [T] {
        assert!(j < self.rows, "row {j} of {} rows", self.rows);
        // SAFETY: the row is within the matrix, its columns are this view's alone, and `self` is
        // borrowed for as long as the slice lives.
        unsafe { slice::from_raw_parts_mut(self.first.as_ptr().add(j * self.stride), self.cols) }
    }

    /// The columns before `col`, and the others.
    ///
    /// # Panics
    /// If there are fewer than `col` columns.
    pub fn split_at(self, col: usize) -> (Self, Self) {
        assert!(col <= self.cols, "column {col} of {}", self.cols);
        let with = |first, cols| Self {
            first,
            cols,
            ..self
        };
        // Without rows nothing is ever read, but the address could be beyond the allocation.
        let offset = if self.rows == 0 { 0 } else { col };
        // SAFETY: at most one past the last column of the first row, which is within the matrix or
        // one past its end.
        let second = unsafe { self.first.add(offset) };
        (with(self.first, col), with(second, self.cols - col))
    }

    /// Cuts into pieces of `cols` columns; the last may be narrower.
    ///
    /// # Panics
    /// If `cols` is 0.
    pub fn chunks(self, cols: usize) -> impl Iterator<Item = Self> {
        assert!(cols > 0, "pieces of no columns");
        let mut rest = Some(self);
        std::iter::from_fn(move || {
            let all = rest.take().filter(|rest| rest.cols > 0)?;
            let width = cols.min(all.cols);
            let (piece, others) = all.split_at(width);
            rest = Some(others);
            Some(piece)
        })
    }

    /// The same columns, borrowed anew.
    pub fn reborrow(&mut self) -> ColumnsMut<'_, T> {
        ColumnsMut { ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_every_column_once() {
        for (rows, width) in [(0, 3), (1, 1), (3, 10), (4, 7)] {
            for cols in 1..12 {
                let mut matrix = vec![0; rows * width];
                let mut first = 0;
                for mut piece in ColumnsMut::new(&mut matrix, width).chunks(cols) {
                    assert_eq!(piece.rows(), rows);
                    assert_eq!(piece.cols(), cols.min(width - first));
                    for j in 0..rows {
                        for (c, element) in (first..).zip(piece.reborrow().row(j)) {
                            *element += 100 * j + c + 1;
                        }
                    }
                    first += piece.cols();
                }
                assert_eq!(first, width);
                let expected = (0..rows * width).map(|i| 100 * (i / width) + i % width + 1);
                assert!(matrix.into_iter().eq(expected));
            }
        }
    }

    #[test]
    #[should_panic(expected = "row 2 of 2 rows")]
    fn a_row_that_is_not_there_panics() {
        ColumnsMut::new(&mut [0; 6], 3).row(2);
    }

    #[test]
    #[should_panic(expected = "7 elements are no whole number of rows of 3")]
    fn ragged_rows_panic() {
        ColumnsMut::new(&mut [0; 7], 3);
    }
}
