//! The gpt-oss inference engine.
#![forbid(unsafe_code)]
