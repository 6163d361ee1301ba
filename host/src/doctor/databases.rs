//! The databases of the grants: whether each is there and lets the host in, and how far its migrations are.

use componentd_capability_kafka as kafka;
use componentd_capability_postgres as postgres;
use componentd_capability_postgres::{Examination, PostgresBackend, PostgresGrant, examine};
use componentd_config::Manifest;
use futures_util::future::join_all;

use super::finding::Finding;
use super::{PATIENCE, no_answer};

pub(super) async fn look(manifest: &Manifest) -> Vec<Finding> {
    let Some(backend) = manifest.backend(postgres::NAME).and_then(|section| section.read().ok()) else {
        return Vec::new();
    };
    let mut grants = Vec::new();
    for service in manifest.services.keys() {
        let of_service =
            manifest.grant(service, postgres::NAME).and_then(|section| postgres::read(&section, service).ok());
        grants.extend(of_service.into_iter().flatten().map(|(alias, grant)| (service, alias, grant)));
    }
    let looks = grants.iter().map(|(service, alias, grant)| look_at(manifest, &backend, service, alias, grant));
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
    let publishes = manifest.grant(service, kafka::NAME).is_some();
    let looked = tokio::time::timeout(PATIENCE, examine(backend, service, grant, publishes, PATIENCE)).await;
    match looked {
        Err(_) => no_answer(about, &place),
        Ok(Examination::Absent(absence)) => Finding::wrong(about, &place, absence.reason, absence.mend),
        Ok(Examination::Unmigratable(error)) => Finding::wrong(about, &place, error.reason(), error.mend()),
        Ok(Examination::NoRight { user, database }) => {
            let grant = format!("GRANT CREATE ON DATABASE \"{database}\" TO \"{user}\"");
            Finding::wrong(about, &place, format!("{user} may create no schema in it, which migrations need"), grant)
        }
        Ok(Examination::NoRoles { user, mend }) => {
            Finding::wrong(about, &place, format!("{user} may make no role for this grant"), mend)
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
