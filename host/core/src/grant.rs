//! What one service may do with a capability.

use std::any::Any;
use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::verdict::{Right, Verdict};

/// What one service may do.
pub trait Grant: Any + Send + Sync {
    /// Whether the service can be made ready, for all that shows without a server.
    ///
    /// # Errors
    /// It cannot.
    fn check(&self) -> Result<(), Unprepared> {
        Ok(())
    }

    /// Makes ready what the service needs before it is called.
    ///
    /// # Errors
    /// Waiting does not help. What may come back is [`Grant::absent`].
    fn prepare(&self) -> BoxFuture<'_, Result<(), Unprepared>> {
        std::future::ready(Ok(())).boxed()
    }

    /// The names of what [`Grant::prepare`] changes and the same grant of another service may change as well: services take
    /// turns there, in the order of the manifest.
    fn shared(&self) -> Vec<String> {
        Vec::new()
    }

    /// What does not answer within `timeout`, and why.
    fn absent(&self, _timeout: Duration) -> BoxFuture<'_, Vec<String>> {
        std::future::ready(Vec::new()).boxed()
    }

    /// What works for the service beside its invocations, for as long as a version with this grant runs.
    ///
    /// # Errors
    /// It cannot work.
    fn background(&self) -> Result<Vec<Background>, Unusable> {
        Ok(Vec::new())
    }

    /// What it lets the service do, for `componentd check`.
    fn rights(&self) -> Vec<Right> {
        Vec::new()
    }

    /// Whether it lets the service do this, and why, for `componentd explain`. The words are those of
    /// [`Capability::actions`](crate::capability::Capability::actions), without the name of the capability; none where they
    /// are no such action.
    fn explain(&self, _action: &[&str]) -> Option<Verdict> {
        None
    }

    /// Whether it lets the component call that service, which listens there. Callers stop before those whom they call.
    fn reaches(&self, _service: &str, _address: Option<SocketAddr>) -> bool {
        false
    }
}

/// Runs until it is told to stop.
pub type Background = Box<dyn FnOnce(CancellationToken) -> BoxFuture<'static, ()> + Send + Sync>;

/// Why a service cannot be made ready, however long one waits.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", key.join("."))]
pub struct Unprepared {
    /// The key of the grant's table that is about it.
    pub key: Vec<String>,
    /// What is lacking, and what would mend it.
    pub source: Box<dyn Error + Send + Sync>,
    /// It is about something that is not there, such as a folder.
    pub is_absence: bool,
    /// It is about a server that does not answer, and may be over in a while.
    pub is_away: bool,
}

/// A backend's client that cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("{backend} cannot be used: {reason}; correct `{key}` under [backends.{backend}]")]
pub struct Unusable {
    /// The key of its server under `[backends]`.
    pub backend: &'static str,
    /// The key of that table to correct.
    pub key: &'static str,
    /// What the library of the client says.
    pub reason: String,
}
