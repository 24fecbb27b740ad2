//! SIMD kernels and their scalar oracles.
