//! How the servers behind the capabilities are written in a manifest.

use serde::{Deserialize, Deserializer, de};

use super::values::text;

/// The text itself stays out of the message: a URL may hold a password.
pub(super) fn brokers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    text(deserializer, "brokers in quotes, as in \"kafka-1:9092,kafka-2:9092\"", |text| {
        if text.contains("://") {
            return Err("is a URL: write host:port without `…://`, as in kafka:9092".to_owned());
        }
        if text.split(',').map(str::trim).all(is_broker) {
            return Ok(text.to_owned());
        }
        Err("must be brokers as host:port, as in kafka:9092, several with commas between".to_owned())
    })
}

/// Without a port it is Kafka's own.
fn is_broker(text: &str) -> bool {
    let (host, port) = text.rsplit_once(':').unwrap_or((text, "9092"));
    !host.is_empty() && !host.contains(['/', '@', ' ']) && port.parse::<u16>().is_ok_and(|port| port != 0)
}

pub(super) fn postgres_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<url::Url, D::Error> {
    backend_url(deserializer, &["postgres", "postgresql"])
}

pub(super) fn redis_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<url::Url, D::Error> {
    backend_url(deserializer, &["redis"])
}

/// The URL itself stays out of the message: it may hold a password.
fn backend_url<'de, D: Deserializer<'de>>(deserializer: D, schemes: &[&str]) -> Result<url::Url, D::Error> {
    let url: Option<url::Url> = String::deserialize(deserializer)?.parse().ok();
    url.filter(|url| schemes.contains(&url.scheme()) && url.has_host())
        .ok_or_else(|| de::Error::custom(format!("must be {}://user:password@host:port", schemes[0])))
}
