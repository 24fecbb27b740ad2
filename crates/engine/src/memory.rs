//! Memory whose size a file or a caller decides: asked for politely.

use std::{fmt, ops::Deref};

use memmap2::{Mmap, MmapMut};

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

/// Bytes from which on an allocation of its own, in huge pages, is worth while.
const MIN_HUGE_BYTES: usize = 4 << 20;

/// Many bytes that are written once. On Linux they lie in huge pages where the system has them:
/// weights are read at random places, and with pages of 4 KiB the processor would spend a tenth
/// of its time looking up where they are.
pub(crate) enum HugeBytes {
    Heap(Vec<u8>),
    Mapped(Mmap),
}

impl HugeBytes {
    /// `len` bytes that `fill` writes; `purpose` is named in the error.
    ///
    /// # Errors
    /// [`EngineError::OutOfMemory`].
    pub(crate) fn new(
        len: usize,
        purpose: &'static str,
        fill: impl FnOnce(&mut [u8]),
    ) -> Result<HugeBytes, EngineError> {
        if len < MIN_HUGE_BYTES {
            let mut bytes = allocate(len, purpose)?;
            fill(&mut bytes);
            return Ok(HugeBytes::Heap(bytes));
        }
        let out_of_memory = |_| EngineError::OutOfMemory {
            bytes: len as u64,
            purpose,
        };
        let mut bytes = MmapMut::map_anon(len).map_err(out_of_memory)?;
        // A hint: where it is not heard, pages are small.
        #[cfg(target_os = "linux")]
        let _ = bytes.advise(memmap2::Advice::HugePage);
        fill(&mut bytes);
        Ok(HugeBytes::Mapped(
            bytes.make_read_only().map_err(out_of_memory)?,
        ))
    }
}

impl Deref for HugeBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            HugeBytes::Heap(bytes) => bytes,
            HugeBytes::Mapped(map) => map,
        }
    }
}

impl fmt::Debug for HugeBytes {
    /// Not the bytes: nobody wants to see gigabytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HugeBytes({})", self.len())
    }
}
