//! Logs: for people on a terminal, as JSON lines everywhere else, on standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Sets up the log of this process. `filter` is in the syntax of `tracing_subscriber::EnvFilter`: `info`, or
/// `info,componentd=debug,guest=trace`, where `guest` is what components log.
///
/// # Errors
/// The filter cannot be understood.
pub fn start(filter: &str) -> Result<(), tracing_subscriber::filter::ParseError> {
    let filter = EnvFilter::builder().parse(filter)?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        log.with_target(false).init();
    } else {
        log.json().flatten_event(true).with_current_span(true).with_span_list(false).init();
    }
    Ok(())
}
