//! What this machine has.

use std::num::NonZero;
use std::thread::available_parallelism;

use engine::LoadOptions;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, System};

/// Main memory, as far as this process may use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) total_bytes: u64,
    /// What could be had now, files in the page cache included.
    pub(crate) available_bytes: u64,
}

impl Memory {
    /// Asks the operating system, if it tells; a container's limit counts where there is one.
    pub(crate) fn now() -> Option<Self> {
        let mut system = System::new().ok()?;
        system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        let mut memory = Self {
            total_bytes: system.total_memory(),
            available_bytes: system.available_memory(),
        };
        if let Some(limits) = system
            .cgroup_limits()
            .filter(|limits| limits.total_memory > 0)
        {
            // Its pages of files can be taken back, so only what processes hold is gone.
            let left = limits.total_memory.saturating_sub(limits.rss);
            memory.total_bytes = memory.total_bytes.min(limits.total_memory);
            memory.available_bytes = memory.available_bytes.min(left);
        }
        (memory.total_bytes > 0).then_some(memory)
    }
}

/// How many threads wanted to run in the last minute, on average, if the system tells.
pub(crate) fn load() -> Option<f64> {
    System::load_average().ok().map(|load| load.one)
}

/// The processor and what of it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Processor {
    /// The maker's name of it, if it is told.
    pub(crate) name: Option<String>,
    /// Cores, if they are told apart from threads.
    pub(crate) num_cores: Option<usize>,
    /// Threads that this process may run at once: as many compute.
    pub(crate) num_threads: usize,
    /// The instruction set that the kernels use.
    pub(crate) isa: &'static str,
    /// Vector instructions that are here, used or not.
    pub(crate) features: Vec<&'static str>,
}

impl Processor {
    pub(crate) fn here() -> Self {
        let name = System::new().ok().and_then(|mut system| {
            system.refresh_cpu_list(CpuRefreshKind::nothing());
            let name = system.cpus().first()?.brand().trim().to_owned();
            (!name.is_empty()).then_some(name)
        });
        Self {
            name,
            num_cores: System::physical_core_count().ok(),
            num_threads: available_parallelism().map_or(1, NonZero::get),
            isa: LoadOptions::default().isa.name(),
            features: features(),
        }
    }

    /// Whether the kernels run without vector instructions, many times slower.
    pub(crate) fn is_scalar(&self) -> bool {
        self.isa == "scalar"
    }
}

#[cfg(target_arch = "x86_64")]
fn features() -> Vec<&'static str> {
    let mut features = Vec::new();
    macro_rules! look_for {
        ($($feature:tt)*) => {
            $(if std::arch::is_x86_feature_detected!($feature) {
                features.push($feature);
            })*
        };
    }
    look_for!("avx2" "fma" "f16c" "avxvnni" "avx512f" "avx512bw" "avx512vnni" "avx512bf16");
    features
}

#[cfg(target_arch = "aarch64")]
fn features() -> Vec<&'static str> {
    let mut features = Vec::new();
    macro_rules! look_for {
        ($($feature:tt)*) => {
            $(if std::arch::is_aarch64_feature_detected!($feature) {
                features.push($feature);
            })*
        };
    }
    look_for!("neon" "dotprod" "i8mm" "bf16" "sve");
    features
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn features() -> Vec<&'static str> {
    Vec::new()
}
