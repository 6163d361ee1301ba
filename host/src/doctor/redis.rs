//! Redis: whether it answers, and lets the host read what the grants name.

use super::PATIENCE;
use super::finding::Finding;
use crate::capability::redis::Redis;
use crate::config::{Manifest, RedisBackend};

const CORRECT: &str = "start Redis there, or correct `url` under [backends.redis]";

pub async fn look(manifest: &Manifest) -> Vec<Finding> {
    let Some(backend) = &manifest.backends.redis else { return Vec::new() };
    let place = manifest.source.place(&["backends", "redis", "url"]);
    let redis = match Redis::new(backend) {
        Ok(redis) => redis,
        Err(error) => return vec![Finding::wrong("redis", &place, error.to_string(), CORRECT)],
    };
    if let Err(away) = redis.look(PATIENCE).await {
        return vec![Finding::wrong("redis", &place, away.reason, away.mend)];
    }
    let mut findings = vec![Finding::well("redis", &place, format!("answers at {}", server(backend)))];
    for (service, spec) in &manifest.services {
        let Some(grant) = &spec.grants.redis else { continue };
        for (index, pattern) in grant.read.iter().enumerate() {
            let about = format!("keys {pattern} of {service}");
            let key = ["services", service, "grants", "redis", "read", &index.to_string()].map(str::to_owned);
            let place = manifest.source.place(&key.each_ref().map(String::as_str));
            findings.extend(
                redis
                    .may_read(pattern, PATIENCE)
                    .await
                    .err()
                    .map(|away| Finding::wrong(about, &place, away.reason, away.mend)),
            );
        }
    }
    findings
}

/// The URL without its password.
fn server(backend: &RedisBackend) -> String {
    let url = &backend.url;
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port().unwrap_or(6379))
}
