//! What this machine has.

use sysinfo::{MemoryRefreshKind, System};

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
