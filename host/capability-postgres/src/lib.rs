//! Postgres: the databases that a service is granted, as `componentd:postgres/client`.

#![warn(missing_docs, unreachable_pub)]

mod absence;
mod arguments;
mod bindings;
mod bounds;
mod calendar;
mod client;
mod config;
mod databases;
mod examination;
mod explain;
mod interface;
mod ledger;
mod login;
mod migration;
mod migration_error;
mod migration_failure;
mod migration_files;
mod numeric;
mod outbox;
mod owner;
mod password;
mod plain;
mod pool;
mod refusal;
mod role;
mod rows;
mod session;
mod sql_type;

use std::any::TypeId;
use std::collections::BTreeMap;
use std::sync::Arc;

use componentd_capability_kafka as kafka;
use componentd_capability_kafka::brokers::KafkaBackend;
use componentd_config::{ConfigError, Forms, Section, form};
use componentd_core::capability::{About, Capability, Client, HostContext, Needs, NoServer, Package, ServiceContext};
use componentd_core::grant::Grant;
use componentd_core::state::State;
use componentd_core::view::Has;
use wasmtime::component::Linker;

use self::bindings::componentd::postgres::client as wit;
use self::client::Database;
pub use self::config::{Access, PostgresBackend, PostgresGrant, Roles};
use self::databases::Databases;
pub use self::examination::{Examination, examine};
use crate::outbox::OutboxMetrics;

/// The capability, and its key in a manifest.
pub struct Postgres;
/// The key of this capability, of its server under `[backends]` and of its grants.
pub const NAME: &str = "postgres";

/// What the pools of all services are made with.
struct Server {
    postgres: PostgresBackend,
    /// Where what transactions publish is sent to.
    kafka: Option<KafkaBackend>,
    metrics: OutboxMetrics,
}

/// The grants of a service, by alias.
pub type PostgresGrants = BTreeMap<String, PostgresGrant>;

impl Capability for Postgres {
    fn about(&self) -> About {
        About {
            name: NAME,
            packages: &[Package { name: "componentd:postgres", version: "0.1.0", interfaces: &["client"] }],
            needs: Some(Needs {
                interface: "componentd:postgres/client",
                example: "grants.postgres.<alias> = { database = \"…\" }",
            }),
            server: Some("url = \"postgres://…\""),
        }
    }

    fn forms(&self) -> Forms {
        let mut grant = form::<PostgresGrants>();
        grant.insert("propertyNames".to_owned(), serde_json::json!({ "title": "alias" }));
        grant.insert("default".to_owned(), serde_json::json!({}));
        Forms { name: NAME, backend: Some(form::<PostgresBackend>()), grant: Some(grant) }
    }

    fn actions(&self) -> &'static [&'static str] {
        explain::ACTIONS
    }

    fn add_to_linker(&self, linker: &mut Linker<State>) -> wasmtime::Result<()> {
        wit::add_to_linker::<State, Has<Databases>>(linker, State::view::<Databases>)
    }

    /// A database is a pool, and nothing of a connection. A transaction ends with its invocation.
    fn lasting(&self) -> Vec<TypeId> {
        vec![TypeId::of::<Database>()]
    }

    fn client(&self, host: HostContext<'_>) -> Result<Arc<dyn Client>, ConfigError> {
        let metrics = OutboxMetrics::new(host.metrics);
        let Some(section) = host.backend else { return Ok(Arc::new(NoServer(|service| grants(service).map(drop)))) };
        let postgres: PostgresBackend = section.read()?;
        let usable = client::options(&postgres, "postgres", std::time::Duration::ZERO);
        usable.map_err(|e| section.error(&["url"], format!("cannot be used: {e}; correct it")))?;
        let kafka = host.manifest.backend(kafka::NAME).map(|section| section.read()).transpose()?;
        Ok(Arc::new(Server { postgres, kafka, metrics }))
    }
}

impl Client for Server {
    fn grant(&self, service: &ServiceContext<'_>) -> Result<Option<Arc<dyn Grant>>, ConfigError> {
        let grants = grants(service)?;
        if self.postgres.roles == Roles::Shared {
            refuse_limits(service, grants.iter().flatten())?;
        }
        Ok(grants.map(|grants| Arc::new(Databases::new(self, service, grants)) as Arc<dyn Grant>))
    }
}

/// Where components are the host's user, a grant cannot give less than that user may.
fn refuse_limits<'a>(
    service: &ServiceContext<'_>,
    grants: impl IntoIterator<Item = (&'a String, &'a PostgresGrant)>,
) -> Result<(), ConfigError> {
    let limited = grants.into_iter().find(|(_, grant)| grant.access == Access::Read);
    let (Some((alias, _)), Some(section)) = (limited, service.grant(NAME)) else { return Ok(()) };
    let reason = "needs `roles = \"own\"` under [backends.postgres]: components that share a role may all do the same";
    Err(section.error(&[alias, "access"], reason))
}

/// Those of a service, if it has any.
fn grants(service: &ServiceContext<'_>) -> Result<Option<PostgresGrants>, ConfigError> {
    let grants = service.grant(NAME).map(|section| read(&section, service.name)).transpose()?;
    Ok(grants.filter(|grants| !grants.is_empty()))
}

/// The grants of this service, checked.
///
/// # Errors
/// They are not as they must be.
pub fn read(section: &Section<'_>, service: &str) -> Result<PostgresGrants, ConfigError> {
    let mut grants: PostgresGrants = section.read()?;
    // What a database has seen is kept by service, so two folders of one service would be taken for one.
    let mut folders = BTreeMap::new();
    for (alias, grant) in &mut grants {
        if grant.connections == 0 {
            return Err(section.error(&[alias, "connections"], "must be at least 1"));
        }
        let Some(folder) = grant.migrations.take().map(|folder| section.folder().join(folder)) else { continue };
        if folders.insert(grant.database.clone(), folder.clone()).is_some_and(|other| other != folder) {
            let database = &grant.database;
            let reason = format!("another grant of `{service}` has a folder for {database:?}: put all into one");
            return Err(section.error(&[alias, "migrations"], reason));
        }
        grant.migrations = Some(folder);
    }
    Ok(grants)
}
