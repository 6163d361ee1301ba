//! The commands that ask a running host, by its admin port.

use std::path::Path;

use http::Method;
use serde_json::Value;

use super::CommandError;
use super::arguments::{AdminArguments, HostArguments};
use crate::admin::client::AdminClient;
use crate::artifact;
use crate::config::AdminAccess;
use crate::digest::short;
use crate::error::StartError;

pub(super) async fn status(arguments: &AdminArguments) -> Result<(), CommandError> {
    let services = client(&arguments.host)?.ask(Method::GET, "/services", Vec::new()).await?;
    show(&services, arguments.json, |service| {
        let ready = if service["ready"] == true { "ready" } else { "not ready" };
        let (calls, failures) = (&service["invocations"], &service["failures"]);
        format!(
            "{:<20} {}  {ready}  {calls} calls, {failures} failed",
            text(&service["name"]),
            short(text(&service["version"]))
        )
    });
    Ok(())
}

pub(super) async fn swap(arguments: &AdminArguments, service: &str, component: &Path) -> Result<(), CommandError> {
    let client = client(&arguments.host)?;
    let bytes = artifact::read_bytes(component).await.map_err(|e| StartError::File(Box::new(e)))?;
    eprintln!("{service}: checking, compiling, probing {} …", component.display());
    let swapped = client.ask(Method::POST, &format!("/services/{service}/versions"), bytes).await?;
    show(&swapped, arguments.json, live);
    Ok(())
}

pub(super) async fn rollback(
    arguments: &AdminArguments,
    service: &str,
    version: Option<&str>,
) -> Result<(), CommandError> {
    let to = version.map(|version| format!("?to={version}")).unwrap_or_default();
    let path = format!("/services/{service}/rollback{to}");
    let swapped = client(&arguments.host)?.ask(Method::POST, &path, Vec::new()).await?;
    show(&swapped, arguments.json, live);
    Ok(())
}

pub(super) async fn history(arguments: &AdminArguments, service: &str) -> Result<(), CommandError> {
    let entries =
        client(&arguments.host)?.ask(Method::GET, &format!("/services/{service}/history"), Vec::new()).await?;
    show(&entries, arguments.json, |entry| {
        let (at, by) = (text(&entry["at"]), text(&entry["by"]));
        format!("{at}  {}  by {by:<8}  {}", short(text(&entry["version"])), outcome(&entry["outcome"]))
    });
    Ok(())
}

pub(super) async fn ready(host: &HostArguments) -> Result<(), CommandError> {
    client(host)?.ask(Method::GET, "/readyz", Vec::new()).await.map_err(CommandError::NotReady)?;
    println!("ready");
    Ok(())
}

pub(super) fn client(host: &HostArguments) -> Result<AdminClient, CommandError> {
    let HostArguments { admin, token, manifest } = host;
    let access = AdminAccess::find(admin.as_deref(), token.as_deref(), manifest.as_deref())?;
    Ok(AdminClient::new(access))
}

/// A line for each, or for the only one.
fn show(value: &Value, json: bool, line: impl Fn(&Value) -> String) {
    if json {
        println!("{value}");
        return;
    }
    match value.as_array() {
        Some(values) => values.iter().for_each(|value| println!("{}", line(value))),
        None => println!("{}", line(value)),
    }
}

fn live(swapped: &Value) -> String {
    format!("{}: {} is live", text(&swapped["service"]), short(text(&swapped["version"])))
}

fn outcome(outcome: &Value) -> String {
    if let Some(rejected) = outcome.get("rejected") {
        return format!("rejected, not {}: {}", text(&rejected["step"]), text(&rejected["reason"]));
    }
    match outcome.get("rolled-back") {
        Some(rolled_back) => format!("rolled back: {}", text(&rolled_back["reason"])),
        None => text(outcome).to_owned(),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
