//! Which instruction set a kernel uses. A vector set is a token type whose private field makes
//! owning a value the proof that this processor has the instructions.

/// An instruction set that this processor has.
///
/// The engine chooses once, at start, and hands it to every call; tests loop over
/// [`Isa::available`]. Results agree between sets up to rounding, and bit for bit within one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// Plain Rust, on every processor.
    Scalar,
    /// x86-64 with AVX2, FMA and F16C.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
}

impl Isa {
    /// The fastest set that this processor has.
    pub fn detect() -> Self {
        Self::available().last().unwrap_or(Self::Scalar)
    }

    /// Every set that this processor has, slowest (scalar) first.
    pub fn available() -> impl Iterator<Item = Self> {
        let scalar = std::iter::once(Self::Scalar);
        #[cfg(target_arch = "x86_64")]
        let all = scalar.chain(Avx2::new().map(Self::Avx2));
        #[cfg(not(target_arch = "x86_64"))]
        let all = scalar;
        all
    }

    /// Its name for logs and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => "avx2",
        }
    }
}

/// Proof that this processor has AVX2, FMA and F16C.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Avx2(());

#[cfg(target_arch = "x86_64")]
impl Avx2 {
    /// The token, if the processor and the operating system support all three.
    pub fn new() -> Option<Self> {
        let supported = std::arch::is_x86_feature_detected!("avx2")
            && std::arch::is_x86_feature_detected!("fma")
            && std::arch::is_x86_feature_detected!("f16c");
        supported.then_some(Self(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalar_comes_first_and_the_best_last() {
        let all: Vec<Isa> = Isa::available().collect();
        assert_eq!(all[0], Isa::Scalar);
        assert_eq!(*all.last().unwrap(), Isa::detect());
        let mut names: Vec<&str> = all.iter().map(|isa| isa.name()).collect();
        names.dedup();
        assert_eq!(names.len(), all.len());
    }
}
