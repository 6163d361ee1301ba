//! Where a service may send requests, in words. The values of headers are secrets, and are not shown.

use componentd_config::Origin;
use componentd_core::verdict::{Right, Verdict};

use crate::{HttpGrant, address};

/// How actions are written.
pub(crate) const ACTIONS: &[&str] = &["GET https://host/path"];

pub(crate) fn rights(grants: &[HttpGrant]) -> Vec<Right> {
    let right = |grant: &HttpGrant| {
        let private = if grant.private { ", also at a private address" } else { "" };
        Right::new("send", format!("{}{}{private}", grant.origin, with_headers(grant)))
    };
    grants.iter().map(right).collect()
}

/// The method is the component's to choose.
pub(crate) fn explain(grants: &[HttpGrant], action: &[&str]) -> Option<Verdict> {
    let [method, url] = *action else { return None };
    method.parse::<http::Method>().ok()?;
    let uri: http::Uri = url.parse().ok()?;
    let origin = Origin::of(&uri)?;
    let Some((index, grant)) = grants.iter().enumerate().find(|(_, grant)| grant.origin == origin) else {
        return Some(Verdict::Denied(format!("no `grants.http` has the origin {origin}")));
    };
    if !grant.private && address::is_private_literal(&uri) {
        return Some(Verdict::Denied(format!(
            "{origin} is a private address: `grants.http.{index}.private` is not true"
        )));
    }
    let where_to = match (origin.internal_service(), grant.private) {
        (Some(service), _) => format!("; `{service}` answers it within this host"),
        (None, true) => "; its address may be a private one".to_owned(),
        (None, false) => "; its address must be a public one when it is looked up".to_owned(),
    };
    let headers = with_headers(grant);
    Some(Verdict::Allowed(format!("`grants.http.{index}.origin` is {origin}{headers}{where_to}")))
}

/// Which headers the host adds.
fn with_headers(grant: &HttpGrant) -> String {
    let names: Vec<&str> = grant.headers.keys().map(http::HeaderName::as_str).collect();
    if names.is_empty() { String::new() } else { format!(", with the host's own {}", names.join(", ")) }
}
