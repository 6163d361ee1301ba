//! The databases of the grants: whether each is there and lets the host in, and how far its migrations are.

use futures_util::future::join_all;

use super::finding::Finding;
use super::{PATIENCE, no_answer};
use crate::capability::postgres::{Examination, examine};
use crate::config::{Manifest, PostgresBackend, PostgresGrant};

pub async fn look(manifest: &Manifest) -> Vec<Finding> {
    let Some(backend) = &manifest.backends.postgres else { return Vec::new() };
    let grants = manifest.services.iter().flat_map(|(service, spec)| {
        spec.grants.postgres.iter().map(move |(alias, grant)| (service.as_str(), alias.as_str(), grant))
    });
    let looks = grants.map(|(service, alias, grant)| look_at(manifest, backend, service, alias, grant));
    join_all(looks).await
}

async fn look_at(
    manifest: &Manifest,
    backend: &PostgresBackend,
    service: &str,
    alias: &str,
    grant: &PostgresGrant,
) -> Finding {
    let about = format!("database {} of {service}", grant.database);
    let place = manifest.source.place(&["services", service, "grants", "postgres", alias]);
    let publishes = manifest.services[service].grants.kafka.is_some();
    let looked = tokio::time::timeout(PATIENCE, examine(backend, service, grant, publishes, PATIENCE)).await;
    match looked {
        Err(_) => no_answer(about, &place),
        Ok(Examination::Absent(absence)) => Finding::wrong(about, &place, absence.reason, absence.mend),
        Ok(Examination::Unmigratable(error)) => Finding::wrong(about, &place, error.reason(), error.mend()),
        Ok(Examination::NoRight { user, database }) => {
            let grant = format!("GRANT CREATE ON DATABASE \"{database}\" TO \"{user}\"");
            Finding::wrong(about, &place, format!("{user} may create no schema in it, which migrations need"), grant)
        }
        Ok(Examination::Well { version, applied, pending }) => {
            let migrations = match (applied, pending) {
                (0, 0) => String::new(),
                (applied, 0) => format!(", {applied} migrations applied"),
                (applied, pending) => format!(", {applied} migrations applied, {pending} to come at the next start"),
            };
            Finding::well(about, &place, format!("PostgreSQL {version}{migrations}"))
        }
    }
}
