//! The vector code, one folder per architecture. Deleting one only loses speed.

#[cfg(target_arch = "x86_64")]
mod x86_64;
