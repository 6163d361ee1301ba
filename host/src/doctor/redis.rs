//! Redis: whether it answers, and lets the host read and write what the grants name.

use componentd_capability_redis::{self as redis, Absence, RedisBackend, RedisClient, RedisGrant, Rights};
use componentd_config::{KeyPattern, Manifest};

use super::PATIENCE;
use super::finding::Finding;

const CORRECT: &str = "start Redis there, or correct `url` under [backends.redis]";

pub(super) async fn look(manifest: &Manifest) -> Vec<Finding> {
    let Some(backend): Option<RedisBackend> = manifest.backend(redis::NAME).and_then(|section| section.read().ok())
    else {
        return Vec::new();
    };
    let place = manifest.source.place(&["backends", "redis", "url"]);
    let redis = match RedisClient::new(&backend) {
        Ok(redis) => redis,
        Err(error) => return vec![Finding::wrong("redis", &place, error.to_string(), CORRECT)],
    };
    if let Err(away) = redis.look(PATIENCE).await {
        return vec![Finding::wrong("redis", &place, away.reason, away.mend)];
    }
    let mut findings = vec![Finding::well("redis", &place, format!("answers at {}", server(&backend)))];
    match Rights::new(&backend, PATIENCE).await {
        Ok(mut rights) => findings.extend(denied(manifest, &mut rights).await),
        Err(away) => findings.push(Finding::wrong("redis", &place, away.reason, away.mend)),
    }
    findings
}

/// The patterns of the grants that the server's own rights do not cover.
async fn denied(manifest: &Manifest, rights: &mut Rights) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in manifest.services.keys() {
        let grant = manifest.grant(service, redis::NAME).and_then(|section| section.read().ok());
        let Some(RedisGrant { read, write }) = grant else { continue };
        for (index, pattern) in read.iter().enumerate() {
            let may = rights.read(pattern).await;
            findings.extend(may.err().map(|away| of_pattern(manifest, service, "read", index, pattern, away)));
        }
        for (index, pattern) in write.iter().enumerate() {
            let may = rights.write(pattern).await;
            findings.extend(may.err().map(|away| of_pattern(manifest, service, "write", index, pattern, away)));
        }
    }
    findings
}

fn of_pattern(
    manifest: &Manifest,
    service: &str,
    access: &str,
    index: usize,
    pattern: &KeyPattern,
    away: Absence,
) -> Finding {
    let place = manifest.source.place(&["services", service, "grants", "redis", access, &index.to_string()]);
    Finding::wrong(format!("keys {pattern} of {service}"), &place, away.reason, away.mend)
}

/// The URL without its password.
fn server(backend: &RedisBackend) -> String {
    let url = &backend.url;
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port().unwrap_or(6379))
}
