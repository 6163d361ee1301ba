//! What a manifest says of Postgres.

use std::path::PathBuf;

use componentd_config::kinds as of;
use componentd_config::values::{Duration, backend_url, nonempty};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

/// The Postgres server.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PostgresBackend {
    /// `postgres://user:password@host:port`; the database is each grant's own. `?sslmode=require` asks for TLS.
    #[serde(deserialize_with = "url")]
    #[schemars(with = "of::PostgresUrl")]
    pub url: url::Url,
    /// Whom components are to the server. With `own` the host makes a role for each grant, which has rights to the tables of
    /// its database and to nothing else; its user needs `CREATEROLE` for that, and owns the databases. With `shared` they
    /// are the user of `url`.
    #[serde(default)]
    pub roles: Roles,
}

/// Whom components are to the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Roles {
    /// The user of `url`.
    #[default]
    Shared,
    /// Each grant has a role, which the host makes.
    Own,
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
    /// `write`, or only `read`, which needs `roles = "own"` of the server.
    #[serde(default)]
    pub access: Access,
    /// How long they may take together, with waiting for other hosts that apply theirs. Past it the server is told to end the
    /// statement that runs; files that were applied stay so.
    #[serde(default = "PostgresGrant::migration_timeout")]
    pub migration_timeout: Duration,
    /// Connections at the same time; further calls wait for one. The outbox of a service that publishes has one more.
    #[serde(default = "PostgresGrant::connections")]
    #[schemars(range(min = 1))]
    pub connections: u32,
}

/// What a component may do with the rows of a database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// It reads them.
    Read,
    /// It reads and writes them.
    #[default]
    Write,
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
