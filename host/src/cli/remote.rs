//! The commands that ask a running host, by its admin port.

use std::path::Path;

use componentd_admin::api::{Component, Entry, Outcome, ReadinessStatus, RollbackQuery, Service, Swapped};
use componentd_admin::client::{AdminClient, AdminError};
use componentd_config::{AdminAccess, Said};
use componentd_core::artifact;
use componentd_core::digest::short;
use componentd_core::error::StartError;
use serde::Serialize;

use super::CommandError;
use super::arguments::{AdminArguments, HostArguments};

pub(super) async fn status(arguments: &AdminArguments) -> Result<(), CommandError> {
    let services = client(&arguments.host)?.services().await?;
    show(arguments, &services, services.iter().map(service));
    Ok(())
}

pub(super) async fn swap(arguments: &AdminArguments, service: &str, component: &Path) -> Result<(), CommandError> {
    let client = client(&arguments.host)?;
    let bytes = artifact::read_bytes(component).await.map_err(|e| StartError::File(Box::new(e)))?;
    eprintln!("{service}: checking, compiling, probing {} …", component.display());
    let swapped = client.upload(service, Component(bytes)).await?;
    show(arguments, &swapped, [live(&swapped)]);
    Ok(())
}

pub(super) async fn rollback(
    arguments: &AdminArguments,
    service: &str,
    version: Option<&str>,
) -> Result<(), CommandError> {
    let query = RollbackQuery { to: version.map(str::to_owned) };
    let swapped = client(&arguments.host)?.rollback(service, &query).await?;
    show(arguments, &swapped, [live(&swapped)]);
    Ok(())
}

pub(super) async fn history(arguments: &AdminArguments, service: &str) -> Result<(), CommandError> {
    let entries = client(&arguments.host)?.history(service).await?;
    show(arguments, &entries, entries.iter().map(entry));
    Ok(())
}

pub(super) async fn ready(host: &HostArguments) -> Result<(), CommandError> {
    let readiness = client(host)?.readiness().await.map_err(CommandError::NotReady)?;
    if readiness.status != ReadinessStatus::Ready {
        return Err(CommandError::NotReady(AdminError::Refused(readiness.missing.join("; "))));
    }
    println!("ready");
    Ok(())
}

pub(super) fn client(host: &HostArguments) -> Result<AdminClient, CommandError> {
    let access = AdminAccess::find(Said {
        url: host.admin.as_deref(),
        token: host.token.as_deref(),
        manifest: host.manifest.as_deref(),
        ca: host.ca.as_deref(),
        certificate: host.certificate.as_deref(),
        key: host.key.as_deref(),
    })?;
    Ok(AdminClient::new(access).map_err(AdminError::from)?)
}

/// The answer as it came, or as lines for people.
fn show(arguments: &AdminArguments, answer: &impl Serialize, lines: impl IntoIterator<Item = String>) {
    if arguments.json {
        println!("{}", serde_json::to_string(answer).expect("what was JSON can be written as JSON"));
    } else {
        lines.into_iter().for_each(|line| println!("{line}"));
    }
}

fn service(Service { name, version, ready, invocations, failures, .. }: &Service) -> String {
    let ready = if *ready { "ready" } else { "not ready" };
    format!("{name:<20} {}  {ready}  {invocations} calls, {failures} failed", short(version))
}

fn live(Swapped { service, version }: &Swapped) -> String {
    format!("{service}: {} is live", short(version))
}

fn entry(Entry { at, version, by, outcome }: &Entry) -> String {
    let outcome = match outcome {
        Outcome::Live => "live".to_owned(),
        Outcome::Rejected { step, reason } => format!("rejected, not {step}: {reason}"),
        Outcome::RolledBack { reason } => format!("rolled back: {reason}"),
    };
    format!("{at}  {}  by {by:<8}  {outcome}", short(version))
}
