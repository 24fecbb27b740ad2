//! The Harmony format.
#![forbid(unsafe_code)]
