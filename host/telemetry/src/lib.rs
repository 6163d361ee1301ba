//! The log: for people on a terminal, as JSON lines everywhere else, on standard error. What services have logged last is
//! kept for the admin port. Nobody who logs waits for whoever reads it.

#![warn(missing_docs, unreachable_pub)]

mod layer;
mod line;
mod recent;
mod text;
mod writer;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal};
use std::time::Duration;

use clap::ValueEnum;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry};

pub use self::line::Line;
pub use self::recent::{Batch, RECENT, Ring};
pub use self::text::text;
pub use self::writer::DROPPED;

/// What a line of the log looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One short line, for people.
    Text,
    /// A JSON object, for programs.
    Json,
}

impl Format {
    /// People read a terminal, programs the rest.
    pub fn usual() -> Self {
        if io::stderr().is_terminal() { Self::Text } else { Self::Json }
    }
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter cannot be understood.
    #[error("COMPONENTD_LOG={filter}: {source}")]
    Filter {
        /// As it was given.
        filter: String,
        /// Where it is wrong.
        source: ParseError,
    },
    /// The system has no descriptor or no thread for the writer.
    #[error("the log cannot be written: {0}; let the process have more open files and threads")]
    Writer(#[from] io::Error),
}

/// Sets up the log of this process. `filter` is in the syntax of `tracing_subscriber::EnvFilter`: `info`, or
/// `info,componentd=debug,guest=trace`, where `guest` is what components log. What panics is logged as well.
///
/// # Errors
/// See [`LogError`].
pub fn start(filter: &str, format: Format) -> Result<(), LogError> {
    let wrong = |source| LogError::Filter { filter: filter.to_owned(), source };
    let parsed = EnvFilter::builder().parse(filter).map_err(wrong)?;
    let log = layer::Log::new(format);
    writer::start(move |dropped| log.of_dropped(dropped))?;
    Registry::default().with(parsed).with(log).init();
    std::panic::set_hook(Box::new(|panic| {
        let backtrace = Backtrace::capture();
        let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
        tracing::error!(backtrace, "the host has panicked: {panic}");
    }));
    Ok(())
}

/// Waits until all is written that was logged, but not for longer than `limit`: whoever reads it may stand still.
pub fn flush(limit: Duration) {
    writer::QUEUE.flush(limit);
}

/// Writes a line that stands alone, for a person, behind all that was logged. [`flush`] waits for it.
pub fn say(line: &str) {
    writer::QUEUE.push(line);
}
