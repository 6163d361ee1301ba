//! What a manifest says of Postgres.

use std::path::PathBuf;

use componentd_config::kinds as of;
use componentd_config::values::{Duration, backend_url, nonempty};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

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
    /// How long they may take together, with waiting for other hosts that apply theirs. Past it the server is told to end the
    /// statement that runs; files that were applied stay so.
    #[serde(default = "PostgresGrant::migration_timeout")]
    pub migration_timeout: Duration,
    /// Connections at the same time; further calls wait for one. The outbox of a service that publishes has one more.
    #[serde(default = "PostgresGrant::connections")]
    #[schemars(range(min = 1))]
    pub connections: u32,
}

impl PostgresGrant {
    /// Enough to rewrite or to index a table of some gigabytes. More should be said.
    fn migration_timeout() -> Duration {
        Duration(std::time::Duration::from_secs(600))
    }

    /// Three services stay well below the 100 connections of an untuned Postgres.
    fn connections() -> u32 {
        10
    }
}

fn url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<url::Url, D::Error> {
    backend_url(deserializer, &["postgres", "postgresql"])
}
