//! The origins that components may call: names, connections and TLS, and services of this host.

use componentd_capability_http::{self as http, HttpGrant, Unreachable};
use componentd_config::Manifest;
use futures_util::future::join_all;

use super::PATIENCE;
use super::finding::Finding;

pub(super) async fn look(manifest: &Manifest) -> Vec<Finding> {
    let mut grants = Vec::new();
    for service in manifest.services.keys() {
        let of_service: Option<Vec<HttpGrant>> =
            manifest.grant(service, http::NAME).and_then(|section| section.read().ok());
        grants.extend(of_service.into_iter().flatten().enumerate().map(|(index, grant)| (service, index, grant)));
    }
    join_all(grants.iter().map(|(service, index, grant)| look_at(manifest, service, *index, grant))).await
}

async fn look_at(manifest: &Manifest, service: &str, index: usize, grant: &HttpGrant) -> Finding {
    let about = format!("origin {} of {service}", grant.origin);
    let index = index.to_string();
    let place = manifest.source.place(&["services", service, "grants", "http", &index, "origin"]);
    if grant.origin.internal_service().is_some() {
        // A manifest that names a service that is not there is refused before.
        return Finding::well(about, &place, "a service of this host");
    }
    match http::reach(grant, PATIENCE).await {
        Ok(()) => Finding::well(about, &place, "can be connected to"),
        Err(Unreachable { reason, mend }) => Finding::wrong(about, &place, reason, mend),
    }
}
