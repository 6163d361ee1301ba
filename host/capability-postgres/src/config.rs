//! What a manifest says of Postgres.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use componentd_config::kinds as of;
use componentd_config::values::{backend_url, nonempty};

/// The Postgres server.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PostgresBackend {
    /// `postgres://user:password@host:port`; the database is each grant's own. `?sslmode=require` asks for TLS.
    #[serde(deserialize_with = "url")]
    #[schemars(with = "of::PostgresUrl")]
    pub url: url::Url,
}

/// A database that the component opens by this alias.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PostgresGrant {
    /// Its name on the server.
    #[serde(deserialize_with = "nonempty")]
    #[schemars(with = "of::Text")]
    pub database: String,
    /// A folder of `NNNN_name.sql` files, which the host applies once each, in order, before the service is called.
    #[schemars(with = "Option<of::Path>")]
    pub migrations: Option<PathBuf>,
    /// Connections at the same time; further calls wait for one. The outbox of a service that publishes has one more.
    #[serde(default = "PostgresGrant::connections")]
    #[schemars(range(min = 1))]
    pub connections: u32,
}

impl PostgresGrant {
    /// Three services stay well below the 100 connections of an untuned Postgres.
    fn connections() -> u32 {
        10
    }
}

fn url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<url::Url, D::Error> {
    backend_url(deserializer, &["postgres", "postgresql"])
}
