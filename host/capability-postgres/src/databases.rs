//! The databases of one service: its pools, their migrations, and the relays of what it publishes.

use std::collections::BTreeMap;
use std::time::Duration;

use componentd_capability_kafka as kafka;
use componentd_capability_kafka::KafkaGrant;
use componentd_capability_kafka::brokers::KafkaBackend;
use componentd_core::capability::ServiceContext;
use componentd_core::grant::{Background, Grant, Unprepared, Unusable};
use componentd_core::verdict::{Right, Verdict};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::client::Database;
use super::migration_error::MigrationError;
use super::role::Role;
use super::{PostgresGrant, PostgresGrants, Roles, Server, explain, migration_files};
use crate::outbox::{OutboxLabels, OutboxMetrics, Relay};

/// How long the end of a host waits for the server to end what was given up.
const LAST_ENDS: Duration = Duration::from_secs(5);

/// What one service may do with Postgres.
pub(super) struct Databases {
    service: String,
    /// By alias: what is granted, and the pool for it.
    databases: BTreeMap<String, (PostgresGrant, Database)>,
    /// Where it publishes to, if it may.
    publishes: Option<(KafkaBackend, OutboxMetrics)>,
}

impl Databases {
    /// Pools for all grants of a service; none connects before it is used.
    pub(crate) fn new(server: &Server, service: &ServiceContext<'_>, grants: PostgresGrants) -> Self {
        let kafka_grant = service.grant(kafka::NAME).and_then(|section| section.read::<KafkaGrant>().ok());
        let topics = kafka_grant.map(|grant| grant.produce).unwrap_or_default();
        let with_pool = |(alias, grant): (String, PostgresGrant)| {
            let role =
                (server.postgres.roles == Roles::Own).then(|| Role::new(service.name, &alias, &grant, topics.clone()));
            let pool = Database::new(&server.postgres, &grant, &service.spec.limits, role);
            (alias, (grant, pool))
        };
        let databases = grants.into_iter().map(with_pool).collect();
        let kafka = server.kafka.clone().filter(|_| service.grant(kafka::NAME).is_some());
        let publishes = kafka.map(|kafka| (kafka, server.metrics.clone()));
        Self { service: service.name.to_owned(), databases, publishes }
    }

    pub(crate) fn find(&self, alias: &str) -> Option<Database> {
        self.databases.get(alias).map(|(_, database)| database.clone())
    }

    /// One for each database that the service publishes from.
    fn relays(&self) -> Result<Vec<Relay>, Unusable> {
        let Some((kafka, metrics)) = &self.publishes else { return Ok(Vec::new()) };
        let relay = |(alias, (_, database)): (&String, &(_, Database))| {
            let labels = OutboxLabels { service: self.service.clone(), database: alias.clone() };
            let (pool, committed) = database.outbox();
            Relay::new(kafka, pool, committed, labels, metrics.clone())
        };
        let relays: Result<_, _> = self.databases.iter().map(relay).collect();
        relays.map_err(|e| Unusable { backend: kafka::NAME, key: "brokers", reason: e.to_string() })
    }
}

impl Grant for Databases {
    fn rights(&self) -> Vec<Right> {
        self.databases.iter().map(|(alias, (grant, _))| explain::right(alias, grant)).collect()
    }

    fn explain(&self, action: &[&str]) -> Option<Verdict> {
        let database = |alias: &str| self.databases.get(alias).map(|(grant, _)| grant.database.clone());
        explain::explain(database, action)
    }

    /// Whether the migrations are files that can be applied.
    fn check(&self) -> Result<(), Unprepared> {
        for (alias, (grant, _)) in &self.databases {
            let Some(folder) = &grant.migrations else { continue };
            migration_files::read(folder)
                .map_err(|error| unprepared(vec![alias.clone(), "migrations".to_owned()], error))?;
        }
        Ok(())
    }

    /// Applies the migrations that each database has not seen, and makes the outbox where one is used. Those before one that
    /// fails stay applied.
    fn prepare(&self) -> BoxFuture<'_, Result<(), Unprepared>> {
        async {
            for (alias, (grant, database)) in &self.databases {
                let migrated = database.migrate(&self.service, grant, self.publishes.is_some()).await;
                migrated.map_err(|error| unprepared(vec![alias.clone()], error))?;
            }
            Ok(())
        }
        .boxed()
    }

    fn shared(&self) -> Vec<String> {
        self.databases.values().map(|(grant, _)| grant.database.clone()).collect()
    }

    fn absent(&self, timeout: Duration) -> BoxFuture<'_, Vec<String>> {
        async move {
            let looks = self.databases.values().map(|(_, database)| database.absent(timeout));
            join_all(looks).await.into_iter().flatten().map(|absence| absence.to_string()).collect()
        }
        .boxed()
    }

    fn background(&self) -> Result<Vec<Background>, Unusable> {
        let run = |relay: Relay| -> Background { Box::new(|stop| relay.run(stop).boxed()) };
        let ends = |(_, database): &(PostgresGrant, Database)| -> Background {
            let database = database.clone();
            Box::new(|stop| beside(database, stop).boxed())
        };
        let relays = self.relays()?.into_iter().map(run);
        Ok(relays.chain(self.databases.values().map(ends)).collect())
    }
}

/// From when versions with this grant are called: what those of before could publish is over. At their end, what was given
/// up ends on the server too.
async fn beside(database: Database, stop: CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        forgotten = database.forget_topics() => if let Err(error) = forgotten {
            warn!(%error, "the server keeps, until the next start, what versions of before could publish to");
        },
    }
    stop.cancelled().await;
    let _ = tokio::time::timeout(LAST_ENDS, database.quiet()).await;
}

fn unprepared(key: Vec<String>, error: MigrationError) -> Unprepared {
    Unprepared {
        key,
        is_absence: matches!(error, MigrationError::NoFolder { .. }),
        is_away: matches!(error, MigrationError::Unreachable(_)),
        source: Box::new(error),
    }
}
