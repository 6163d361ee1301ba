//! Hosts of the guest that misbehaves.

use componentd::Host;

use super::client::Client;
use super::files::guest;
use super::host::{client, start};

/// A host of the guest as the service `guest`, with these further keys of its listener and its table.
pub async fn misbehave(listener: &str, service: &str) -> (Host, Client) {
    let host = start(&manifest(listener, service)).await;
    let client = client(&host, "guest");
    (host, client)
}

/// The table of the service, which others may follow.
pub fn manifest(listener: &str, service: &str) -> String {
    let component = guest("misbehave");
    format!(
        r#"
        [services.guest]
        component = "{component}"
        http = {{ listen = "127.0.0.1:0" {listener} }}
        {service}
        "#
    )
}
