//! `componentd logs`: what a service of a running host has logged, and logs.

use std::io::{self, IsTerminal};

use serde_json::Value;

use super::CommandError;
use super::arguments::AdminArguments;
use super::print::print;
use super::remote::client;
use crate::config;
use crate::telemetry::{Line, text};

pub(super) async fn run(arguments: &AdminArguments, service: &str, follow: bool) -> Result<(), CommandError> {
    let colours = io::stdout().is_terminal() && config::may_colour();
    let query = if follow { "?follow=true" } else { "" };
    let mut lines = client(&arguments.host)?.lines(&format!("/services/{service}/logs{query}")).await?;
    while let Some(line) = lines.next().await? {
        let shown = if arguments.json { line } else { readable(&line, colours) };
        print(format!("{shown}\n").as_bytes())?;
    }
    Ok(())
}

/// As the host's own log is on a terminal.
fn readable(line: &str, colours: bool) -> String {
    let Ok(line) = serde_json::from_str::<Line>(line) else { return line.to_owned() };
    match line.get("lost").and_then(Value::as_u64) {
        Some(lost) => format!("({lost} lines are missing: they came faster than they were read)"),
        None => text(&line, colours),
    }
}
