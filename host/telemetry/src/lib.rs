//! The log: for people on a terminal, as JSON lines everywhere else, on standard error. What services have logged last is
//! kept for the admin port.

#![warn(missing_docs, unreachable_pub)]

mod layer;
mod line;
mod recent;
mod text;

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry};

pub use self::line::Line;
pub use self::recent::{Batch, RECENT, Ring};
pub use self::text::text;

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
        if std::io::stderr().is_terminal() { Self::Text } else { Self::Json }
    }
}

/// Sets up the log of this process. `filter` is in the syntax of `tracing_subscriber::EnvFilter`: `info`, or
/// `info,componentd=debug,guest=trace`, where `guest` is what components log.
///
/// # Errors
/// The filter cannot be understood.
pub fn start(filter: &str, format: Format) -> Result<(), ParseError> {
    let filter = EnvFilter::builder().parse(filter)?;
    Registry::default().with(filter).with(layer::Log::new(format)).init();
    Ok(())
}
