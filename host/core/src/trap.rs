//! How a component trapped, as its author wants to read it.

use std::fmt::{self, Display, Formatter};

use wasmtime::WasmBacktrace;

/// Deeper frames say how the toolchain got to the component's own code.
const MAX_FRAMES: usize = 16;
/// What panicking itself calls: the frames above the one that panicked.
const PANICKING: &[&str] = &[
    "core::panicking::",
    "std::panicking::",
    "std::process::abort",
    "std::sys::",
    "std::rt::",
    "__rust",
    "rust_",
    "abort",
];

/// A trap, and what the component said of it.
#[derive(Debug)]
pub struct Trap {
    error: wasmtime::Error,
    /// The message of a panic, which is on stderr before the trap.
    panic: Option<String>,
}

impl Trap {
    /// A trap with the message of the panic before it, if there was one.
    pub fn new(error: wasmtime::Error, panic: Option<String>) -> Self {
        Self { error, panic }
    }

    /// Whether the component itself ended, as it does after a panic.
    fn is_abort(&self) -> bool {
        self.error.downcast_ref() == Some(&wasmtime::Trap::UnreachableCodeReached)
    }

    /// The calls that led to it, the last one first, a line each.
    pub fn backtrace(&self) -> Option<String> {
        let backtrace = self.error.downcast_ref::<WasmBacktrace>()?;
        let names = backtrace.frames().iter().map(|frame| match frame.func_name() {
            Some(name) => format!("{:#}", rustc_demangle::demangle(name)),
            None => format!("function {} of {}", frame.func_index(), frame.module().name().unwrap_or("a module")),
        });
        Some(shortened(names.collect()))
    }
}

/// From the frame that matters on, and not to the very end.
fn shortened(names: Vec<String>) -> String {
    let is_panicking = |name: &&String| PANICKING.iter().any(|prefix| name.starts_with(prefix));
    let own = names.iter().take_while(is_panicking).count();
    // If all of it is panicking, it is better than nothing.
    let kept = if own < names.len() { &names[own..] } else { &names[..] };
    let mut lines: Vec<String> = kept.iter().take(MAX_FRAMES).map(|name| format!("at {name}")).collect();
    if kept.len() > MAX_FRAMES {
        lines.push(format!("and {} more", kept.len() - MAX_FRAMES));
    }
    lines.join("\n")
}

impl Display for Trap {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // The outer ones are the backtrace.
        let cause = self.error.root_cause();
        match &self.panic {
            Some(panic) if self.is_abort() => write!(f, "the component panicked: {panic}"),
            Some(said) => write!(f, "the component trapped: {cause}; before that it wrote of a panic: {said}"),
            None => write!(f, "the component trapped: {cause}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backtrace_begins_where_the_component_panicked_and_is_short() {
        let mut names = vec!["core::panicking::panic_fmt".to_owned(), "hello::greet".to_owned()];
        assert_eq!(shortened(names.clone()), "at hello::greet");
        names.extend((0..20).map(|n| format!("f{n}")));
        let lines = shortened(names);
        assert_eq!(lines.lines().count(), MAX_FRAMES + 1);
        assert!(lines.ends_with("\nand 5 more"), "{lines}");
    }
}
