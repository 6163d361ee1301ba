//! Host names become addresses, and those that are not granted are left out.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::Name;
use tower_service::Service;

use super::address::is_public;
use super::attempt::Attempt;

/// Leaves out addresses that are not of the internet unless they are granted.
#[derive(Clone, Copy)]
pub(super) struct Resolver {
    pub private: bool,
}

/// Why a name has no address to connect to.
#[derive(Debug, thiserror::Error)]
pub(super) enum ResolveError {
    #[error("the host name cannot be resolved: {0}")]
    Lookup(io::Error),
    #[error("the host name has no address outside private networks, and the grant does not say `private = true`")]
    Prohibited,
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = ResolveError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ResolveError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ResolveError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (private, attempt) = (self.private, Attempt::current());
        Box::pin(async move {
            attempt.is_resolving(true);
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            attempt.is_resolving(false);
            let found = found.map_err(ResolveError::Lookup)?;
            let allowed: Vec<SocketAddr> = found.filter(|at| private || is_public(at.ip())).collect();
            if allowed.is_empty() { Err(ResolveError::Prohibited) } else { Ok(allowed.into_iter()) }
        })
    }
}
