//! The `freeway` command.
#![forbid(unsafe_code)]

fn main() {}
