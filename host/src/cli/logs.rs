//! `componentd logs`: what a service of a running host has logged, and logs.

use std::io::{self, IsTerminal};

use super::CommandError;
use super::arguments::AdminArguments;
use super::print::print;
use super::remote::client;
use crate::admin::api::{LogsQuery, Lost};
use crate::config;
use crate::telemetry::{Line, text};

pub(super) async fn run(arguments: &AdminArguments, service: &str, follow: bool) -> Result<(), CommandError> {
    let colours = io::stdout().is_terminal() && config::may_colour();
    let mut lines = client(&arguments.host)?.logs(service, &LogsQuery { follow }).await?;
    while let Some(line) = lines.next().await? {
        let shown = if arguments.json { line } else { readable(&line, colours) };
        print(format!("{shown}\n").as_bytes())?;
    }
    Ok(())
}

/// As the host's own log is on a terminal.
fn readable(line: &str, colours: bool) -> String {
    if let Ok(Lost { lost }) = serde_json::from_str(line) {
        return format!("({lost} lines are missing: they came faster than they were read)");
    }
    serde_json::from_str::<Line>(line).map_or_else(|_| line.to_owned(), |line| text(&line, colours))
}
