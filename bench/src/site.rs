//! The servers of one candidate, while it is measured.

use anyhow::Result;

use crate::server::Server;

/// What answers, and where.
#[derive(Debug)]
pub struct Site {
    pub servers: Vec<Server>,
    /// Where each service listens, in the order of the scenario: `http://127.0.0.1:port`.
    pub urls: Vec<String>,
}

impl Site {
    /// One process.
    pub fn new(server: Server, urls: Vec<String>) -> Self {
        Self { servers: vec![server], urls }
    }

    /// Where the only service listens, or the first.
    pub fn url(&self) -> &str {
        &self.urls[0]
    }

    /// Seconds of processor time that all its processes have used.
    ///
    /// # Errors
    /// One of them has ended.
    pub fn processor_seconds(&self) -> Result<f64> {
        self.servers.iter().map(Server::processor_seconds).sum()
    }

    /// Ends all its processes, callers before those whom they call.
    pub async fn stop(self) {
        for server in self.servers {
            server.stop().await;
        }
    }
}
