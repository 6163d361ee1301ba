//! The machine code of a component, or why there is none.

use std::time::Duration;

use wasmtime::Engine;

/// Why there is no machine code of a component.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The bytes are none of a component.
    #[error("{0}")]
    Invalid(String),
    /// It took too much processor time.
    #[error("compiling it takes more than {0:?} of processor time (host.compile-time)")]
    Time(Duration),
    /// It took too much memory.
    #[error("compiling it takes more than {0} bytes of memory (host.compile-memory)")]
    Memory(usize),
    /// The compiler itself failed.
    #[error("the compiler failed: {0}")]
    Failed(String),
}

/// Blocks.
pub(super) fn precompile(engine: &Engine, component: &[u8]) -> Result<Vec<u8>, CompileError> {
    engine.precompile_component(component).map_err(|error| CompileError::Invalid(first_line(&format!("{error:#}"))))
}

/// The rest shows the bytes.
pub(super) fn first_line(error: &str) -> String {
    error.lines().next().unwrap_or_default().trim_end_matches(['=', '[']).to_owned()
}
