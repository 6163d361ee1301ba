//! What a service's invocations may take, what they share, and how another version takes over.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::affinity::Affinity;
use super::kinds as of;
use super::probe::Probe;
use super::values::{Bytes, Canary, Duration, optional};

/// What an invocation shares with those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// An instance serves one invocation after the other, never two at a time, and none after a trap. What a component
    /// keeps in its memory is there for the next one.
    #[default]
    Reuse,
    /// Each invocation has an instance of its own.
    Request,
}

/// Bounds of one invocation, and of how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Limits {
    /// Linear memory in total, at most `4GiB`.
    pub memory: Bytes,
    /// Processor time inside the component, in steps of a millisecond.
    pub cpu: Duration,
    /// From when a request is whole to the end of its invocation; then 504. What it waits for is in it: a place among the
    /// running, servers, and services of this host, which have what is left of it.
    pub timeout: Duration,
    /// For one call of Postgres, Redis or Kafka. Keep it below `timeout`, so that a component can still answer.
    pub call_timeout: Duration,
    /// Invocations at the same time, at most `instances` of `[host]`. One of a component with several linear memories counts as
    /// so many.
    #[schemars(range(min = 1))]
    pub concurrency: usize,
    /// Invocations that wait for their turn; further ones are answered with 503.
    pub queue: usize,
    /// How deep services of this host may call each other for one request, by `http://<service>.internal`. What would go deeper
    /// fails: it is mostly a circle.
    #[schemars(range(min = 1))]
    pub hops: u32,
    /// The largest response body.
    pub response: Bytes,
    /// What the arguments or the result of one call of a capability may take in the host: rows, values, bodies.
    pub transfer: Bytes,
    /// What one invocation may log, on standard output and error and by `wasi:logging`; further lines are dropped, which is
    /// said once. A line counts 256 bytes beside its text, and is cut at 16 KiB.
    pub log: Bytes,
    /// What all invocations of the service may log in a second, with what the host has to say of their requests to others.
    pub log_rate: Bytes,
    /// Requests to other servers and services that one invocation may have under way, to the end of the response; a further
    /// one fails with `connection-limit-reached`.
    #[schemars(range(min = 1))]
    pub requests: usize,
    /// The same, for all invocations of the service.
    #[schemars(range(min = 1))]
    pub service_requests: usize,
    /// Handles that one instance has at a time: requests, bodies, fields, whatever else the host or the component itself keeps
    /// for them. A component that takes one more traps.
    #[schemars(range(min = 1))]
    pub handles: u32,
    /// Rows of one query.
    #[schemars(range(min = 1))]
    pub rows: usize,
    /// Invocations that one instance serves, one after the other, where `isolation` is `reuse`.
    #[schemars(range(min = 1))]
    pub reuse: u32,
}

/// How another version takes over.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Swap {
    /// What a new version must answer before it goes live: a path, for any 2xx, or `{ path, status, body-contains }`. Choose
    /// one that no other component would answer so. For services with `http`.
    pub probe: Option<Probe>,
    /// A share of the requests that a new version gets first, as in `10% for 60s`.
    pub canary: Option<Canary>,
    /// What keeps a client on one version during a canary: `header:<name>` or `cookie:<name>`. Requests without it are
    /// spread one by one.
    #[serde(deserialize_with = "optional")]
    #[schemars(with = "Option<of::Affinity>")]
    pub affinity: Option<Affinity>,
    /// How long what the old version has begun may take; the rest is cut.
    pub drain: Duration,
    /// The share of failures (traps, timeouts, limits, 5xx) past which the host goes back to the old version, after
    /// three at the least.
    #[schemars(range(min = 0, max = 1))]
    pub failure_rate: f64,
    /// The new version is watched for so many invocations,
    pub watch_requests: u64,
    /// and for so long, whichever ends first.
    pub watch: Duration,
}

impl Default for Swap {
    /// A failure in five is no accident; a hundred invocations show it, and after a minute it is old news.
    fn default() -> Self {
        Self {
            probe: None,
            canary: None,
            affinity: None,
            drain: Duration(std::time::Duration::from_secs(30)),
            failure_rate: 0.2,
            watch_requests: 100,
            watch: Duration(std::time::Duration::from_secs(60)),
        }
    }
}

impl Default for Limits {
    /// Generous for JSON services, far from what would hurt the host: 64 invocations of 64 MiB are 4 GiB at the worst.
    fn default() -> Self {
        Self {
            memory: Bytes(64 << 20),
            cpu: Duration(std::time::Duration::from_millis(200)),
            timeout: Duration(std::time::Duration::from_secs(10)),
            call_timeout: Duration(std::time::Duration::from_secs(3)),
            concurrency: 64,
            queue: 256,
            hops: 8,
            response: Bytes(8 << 20),
            transfer: Bytes(16 << 20),
            log: Bytes(64 << 10),
            log_rate: Bytes(4 << 20),
            requests: 16,
            service_requests: 256,
            handles: 1_000,
            rows: 10_000,
            reuse: 1_000,
        }
    }
}
