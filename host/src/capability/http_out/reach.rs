//! Whether an origin can be reached: its name, a connection, and TLS where its scheme asks for it. No request is sent.

use std::time::Duration;

use tower_service::Service;

use super::address;
use super::attempt::Attempt;
use super::client::connector;
use super::failure::causes;
use super::resolver::Resolver;
use crate::config::HttpGrant;

/// Connects as a request of a component would.
///
/// # Errors
/// What keeps it from that, in words.
pub async fn reach(grant: &HttpGrant, limit: Duration) -> Result<(), String> {
    let uri: http::Uri = grant.origin.to_string().parse().expect("an origin is a URI");
    if !grant.private && address::literal(&uri).is_some_and(|ip| !address::is_public(ip)) {
        return Err("it is at a private address, and `private = true` is not granted".to_owned());
    }
    let mut connector = connector(Resolver { private: grant.private });
    let connected = Attempt::new(Some(limit)).scope(connector.call(uri)).await;
    connected.map(|_| ()).map_err(|error| {
        let deepest = causes(&*error).last();
        deepest.map_or_else(|| error.to_string(), ToString::to_string)
    })
}
