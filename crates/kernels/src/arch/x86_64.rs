//! x86-64.

mod avx2;
