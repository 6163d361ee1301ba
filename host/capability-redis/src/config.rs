//! What a manifest says of Redis.

use componentd_config::values::backend_url;
use componentd_config::{KeyPattern, kinds as of};
use schemars::JsonSchema;
use serde::Deserialize;

/// The Redis server.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RedisBackend {
    /// `redis://user:password@host:port/database`, where the database is a number. Without TLS.
    #[serde(deserialize_with = "url")]
    #[schemars(with = "of::RedisUrl")]
    pub url: url::Url,
}

/// Keys of Redis.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RedisGrant {
    /// Keys that may be read.
    #[serde(default)]
    pub read: Vec<KeyPattern>,
    /// Keys that may be written. That does not include reading.
    #[serde(default)]
    pub write: Vec<KeyPattern>,
}

fn url<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<url::Url, D::Error> {
    backend_url(deserializer, &["redis"])
}
