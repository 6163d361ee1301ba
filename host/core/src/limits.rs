//! What an instance may take in memory, and the bounds that a component can run into.

use std::time::Duration;

use componentd_config as config;
use wasmtime::ResourceLimiter;
use wasmtime::component::ResourceTableError;

use crate::metrics::Outcome;

/// Entries over all tables of an instance. A component of a common toolchain has one function table of some thousands.
const MAX_TABLE_ELEMENTS: usize = 100_000;

/// A bound that a guest ran into, as its trap's cause.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitExceeded {
    /// Linear memory, over all core modules of the instance; the bound in bytes.
    #[error("the component needs more than {0} bytes of linear memory (limits.memory)")]
    Memory(usize),
    /// Table entries, over all core modules of the instance; the bound.
    #[error("the component needs more than {0} table entries")]
    Table(usize),
    /// Handles that the instance has; the bound.
    #[error("the component holds more than {0} handles (limits.handles)")]
    Handles(u32),
    /// Processor time of the invocation; the bound.
    #[error("the component has used up its processor time of {0:?} (limits.cpu)")]
    Cpu(Duration),
}

impl LimitExceeded {
    /// What it is among the measurements. Tables and handles are memory as well.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Memory(_) | Self::Table(_) | Self::Handles(_) => Outcome::Memory,
            Self::Cpu(_) => Outcome::Cpu,
        }
    }
}

impl LimitExceeded {
    /// The bound that has ended a call, by its error.
    pub fn of(error: &wasmtime::Error, limits: &config::Limits) -> Option<Self> {
        let is_full = matches!(error.downcast_ref(), Some(ResourceTableError::Full));
        if is_full || error.root_cause().to_string().ends_with(HANDLES) {
            return Some(Self::Handles(limits.handles));
        }
        error.downcast_ref().cloned()
    }
}

/// What Wasmtime says, with no type of its own, where [`wasmtime::Store::set_max_component_handles`] are taken.
const HANDLES: &str = "store handle limit exceeded";

/// Counts the linear memory and table entries of one instance, over all its core modules.
#[derive(Debug)]
pub struct MemoryLimiter {
    max_memory: usize,
    memory: usize,
    table_elements: usize,
}

impl MemoryLimiter {
    /// A limiter for a new instance, by `limits.memory`.
    pub fn new(limits: &config::Limits) -> Self {
        Self { max_memory: limits.memory.0, memory: 0, table_elements: 0 }
    }

    /// Whether so much is used up that another invocation in this instance could run out of it.
    pub fn is_short(&self) -> bool {
        self.memory > self.max_memory / 2
    }
}

impl ResourceLimiter for MemoryLimiter {
    /// A trap, not a failed `memory.grow`: allocators answer that with an abort, which hides the cause.
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.memory = self.memory - current + desired;
        if self.memory > self.max_memory { Err(LimitExceeded::Memory(self.max_memory).into()) } else { Ok(true) }
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.table_elements = self.table_elements - current + desired;
        if self.table_elements > MAX_TABLE_ELEMENTS {
            return Err(LimitExceeded::Table(MAX_TABLE_ELEMENTS).into());
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_memory_among_the_measurements() {
        let mut limiter = MemoryLimiter::new(&config::Limits::default());
        assert!(limiter.table_growing(0, MAX_TABLE_ELEMENTS, None).unwrap());
        let error = limiter.table_growing(MAX_TABLE_ELEMENTS, MAX_TABLE_ELEMENTS + 1, None).unwrap_err();
        assert_eq!(error.downcast_ref::<LimitExceeded>().unwrap().outcome(), Outcome::Memory);
    }
}
