//! The components' files, and whether the host could run them with their grants.

use std::sync::Arc;

use componentd_config::Manifest;
use componentd_core::capability::{Capability, ServiceContext};
use componentd_core::clients::Clients;
use componentd_core::error::StartError;

use super::finding::Finding;
use crate::host;

pub(super) async fn look(manifest: &Manifest, capabilities: &[Arc<dyn Capability>], clients: &Clients) -> Vec<Finding> {
    let loader = match host::checking_loader(manifest, capabilities) {
        Ok(loader) => loader,
        Err(error) => {
            let place = manifest.source.place(&["host", "instances"]);
            return vec![Finding::wrong("engine", &place, error.to_string(), "lower `instances`, or raise the limit")];
        }
    };
    let mut findings = Vec::new();
    for (name, spec) in &manifest.services {
        let about = format!("component of {name}");
        let place = manifest.source.place(&["services", name, "component"]);
        findings.push(match host::check_component(&loader, clients, &ServiceContext { manifest, name, spec }).await {
            Ok(digest) => Finding::well(about, &place, format!("{} {digest}", spec.component.display())),
            Err(StartError::Load { place, source }) => {
                Finding::wrong(about, &place, source.to_string(), "`componentd check` says whether it is mended")
            }
            Err(error) => {
                Finding::wrong(about, &place, error.to_string(), "`componentd check` says whether it is mended")
            }
        });
    }
    findings
}
