//! Whether an origin can be reached: its name, a connection, and TLS where its scheme asks for it. No request is sent.

use std::time::Duration;

use tower_service::Service;
use wasmtime_wasi_http::Error;

use super::address;
use super::attempt::Attempt;
use super::client::connector;
use super::config::HttpGrant;
use super::failure::{causes, meaning};
use super::resolver::Resolver;

/// Why an origin cannot be reached.
pub struct Unreachable {
    /// What kept it from being reached, mostly in the words of the system or of TLS.
    pub reason: String,
    /// What to do about it, as the second half of a sentence.
    pub mend: &'static str,
}

/// Connects as a request of a component would.
///
/// # Errors
/// What keeps it from that, within `limit`.
pub async fn reach(grant: &HttpGrant, limit: Duration) -> Result<(), Unreachable> {
    let uri: http::Uri = grant.origin.to_string().parse().expect("an origin is a URI");
    if !grant.private && address::is_private_literal(&uri) {
        let reason = "it is at a private address, and `private = true` is not granted".to_owned();
        return Err(Unreachable { reason, mend: mend(Some(&Error::DestinationIpProhibited)) });
    }
    let mut connector = connector(Resolver { private: grant.private });
    let attempt = Attempt::new(Some(limit));
    match tokio::time::timeout(limit, attempt.scope(connector.call(uri))).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(unreachable(&*error)),
        Err(_) => {
            let reason = format!("no answer within {limit:?}");
            Err(Unreachable { reason, mend: mend(Some(&attempt.timed_out())) })
        }
    }
}

/// The deepest cause says most, and the most specific of them what mends it.
fn unreachable(error: &(dyn std::error::Error + 'static)) -> Unreachable {
    let reason = causes(error).last().map_or_else(|| error.to_string(), ToString::to_string);
    Unreachable { reason, mend: mend(causes(error).find_map(meaning).as_ref()) }
}

fn mend(error: Option<&Error>) -> &'static str {
    match error {
        Some(Error::DnsError { .. }) => "correct the name, or enter it in DNS",
        Some(Error::DnsTimeout) => "see the DNS servers of this machine (/etc/resolv.conf), or correct the name",
        Some(Error::DestinationIpProhibited) => "write `private = true` beside the origin if it is meant to be there",
        Some(Error::ConnectionRefused) => "start its server, or correct the port",
        Some(Error::TlsCertificateError) => {
            "give its server a certificate for this name that a public authority has signed, or correct the name"
        }
        Some(Error::TlsProtocolError | Error::TlsAlertReceived { .. }) => {
            "correct the port to one that speaks TLS, or write http:// for one that does not"
        }
        Some(Error::ConnectionTimeout | Error::DestinationIpUnroutable) => {
            "see its server, and the routes and firewalls between, or correct the origin"
        }
        _ => "see the log of its server, or correct the origin",
    }
}
