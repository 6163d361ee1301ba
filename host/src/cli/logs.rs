//! `componentd logs`: what a service of a running host has logged, and logs.

use std::io::{self, IsTerminal};

use componentd_admin::api::{LogsQuery, Lost};
use componentd_config as config;
use componentd_telemetry::{Line, text};

use super::CommandError;
use super::arguments::AdminArguments;
use super::print::print;
use super::remote::client;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_lines_are_told_from_what_a_component_calls_lost() {
        assert_eq!(readable(r#"{"lost":3}"#, false), "(3 lines are missing: they came faster than they were read)");
        let line = readable(r#"{"timestamp":"2026-11-28T11:44:20.770Z","level":"INFO","message":"m","lost":3}"#, false);
        assert_eq!(line, "11:44:20.770 INFO  m lost=3");
    }
}
