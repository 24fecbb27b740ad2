//! Memory whose size a file or a caller decides: asked for politely.

use crate::EngineError;

/// `len` default values (zeros, for numbers), or an error instead of an abort; `purpose` is named
/// in it.
pub(crate) fn allocate<T: Clone + Default>(
    len: usize,
    purpose: &'static str,
) -> Result<Vec<T>, EngineError> {
    let mut values = Vec::new();
    values
        .try_reserve_exact(len)
        .map_err(|_| EngineError::OutOfMemory {
            bytes: (len as u64).saturating_mul(size_of::<T>() as u64),
            purpose,
        })?;
    values.resize(len, T::default());
    Ok(values)
}
