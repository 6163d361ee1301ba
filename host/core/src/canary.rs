//! A version that gets a share of the requests before it goes live.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use componentd_config::Affinity;
use http::HeaderMap;
use http::header::COOKIE;

use crate::deployment::Deployment;
use crate::digest::Digest;

/// The version, and who gets it.
pub struct Canary {
    /// The version, which is not live yet.
    pub deployment: Arc<Deployment>,
    /// From 1 to 99.
    percent: u64,
    turn: AtomicU64,
}

impl Canary {
    /// Gives the deployment `percent` of the requests, from 1 to 99.
    pub fn new(deployment: Arc<Deployment>, percent: u8) -> Self {
        Self { deployment, percent: percent.into(), turn: AtomicU64::new(0) }
    }

    /// Whether a request with these headers is the canary's. A client that they tell apart has the same version each time.
    pub fn takes(&self, headers: &HeaderMap) -> bool {
        let affinity = self.deployment.spec.swap.affinity.as_ref();
        match affinity.and_then(|affinity| client(affinity, headers)) {
            Some(client) => self.place_of(client) < self.percent,
            None => self.takes_turn(),
        }
    }

    /// Whether the next one is the canary's. Spread evenly: with 10 %, every tenth turn.
    pub fn takes_turn(&self) -> bool {
        self.turn.fetch_add(1, Ordering::Relaxed) * self.percent % 100 < self.percent
    }

    /// From 0 to 99, the same on every host and after a restart. The version is part of it, so that another one is not tried
    /// on the same clients.
    fn place_of(&self, client: &[u8]) -> u64 {
        let version = self.deployment.version.digest().hex();
        Digest::of(&[version.as_bytes(), client].concat()).number() % 100
    }
}

/// What tells the client apart, if the request has it.
fn client<'a>(affinity: &Affinity, headers: &'a HeaderMap) -> Option<&'a [u8]> {
    match affinity {
        Affinity::Header(name) => headers.get(name).map(http::HeaderValue::as_bytes),
        Affinity::Cookie(name) => cookie(name, headers).map(str::as_bytes),
    }
}

fn cookie<'a>(name: &str, headers: &'a HeaderMap) -> Option<&'a str> {
    let all = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, "a=1; session=of=one; b=2".parse().unwrap());
        headers.append(COOKIE, "Session=other".parse().unwrap());
        assert_eq!(cookie("session", &headers), Some("of=one"));
        assert_eq!((cookie("Session", &headers), cookie("b", &headers)), (Some("other"), Some("2")));
        assert_eq!(cookie("sess", &headers), None);
    }
}
