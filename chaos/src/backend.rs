//! One server with what can be done to it.

use std::time::Duration;

use anyhow::{Context, Result};
use dev_backends::process::Process;
use dev_backends::{ApacheKafka, Postgres, Redis};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::sync::Mutex;

use crate::proxy::Proxy;
use crate::quota::Quota;

/// How often a server is started before the run gives up: on a busy machine a start may take longer than it should.
const STARTS: u32 = 3;

/// What `dev-backends` runs as a child process.
#[expect(async_fn_in_trait, reason = "nobody outside implements it, and no future of it leaves its task")]
pub trait Server {
    async fn kill(&mut self);
    async fn stop(&mut self);
    async fn start(&mut self) -> dev_backends::Result<()>;
    fn process(&mut self) -> Option<&mut Process>;
}

macro_rules! server {
    ($server:ty) => {
        impl Server for $server {
            async fn kill(&mut self) {
                self.kill9().await;
            }

            async fn stop(&mut self) {
                <$server>::stop(self).await;
            }

            async fn start(&mut self) -> dev_backends::Result<()> {
                self.restart().await
            }

            fn process(&mut self) -> Option<&mut Process> {
                <$server>::process(self)
            }
        }
    };
}

server!(Postgres);
server!(Redis);
server!(ApacheKafka);

/// A server, the proxy that the host sees of it, and its disk.
#[derive(Debug)]
pub struct Backend<S> {
    /// Held by the one fault that is at it.
    pub server: Mutex<S>,
    pub proxy: Proxy,
    pub quota: Option<Quota>,
}

impl<S: Server> Backend<S> {
    /// A server behind a proxy of its own.
    ///
    /// # Errors
    /// The proxy finds no port.
    pub async fn new(server: S, port: u16, quota: Option<Quota>) -> Result<Self> {
        Ok(Self { server: Mutex::new(server), proxy: Proxy::start(port).await?, quota })
    }
}

/// Starts it, also after a failure.
///
/// # Errors
/// It does not start.
pub async fn start(server: &mut impl Server) -> Result<()> {
    let mut tries = 1;
    while let Err(error) = server.start().await {
        if tries == STARTS {
            return Err(error).context("a server does not come back");
        }
        tries += 1;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

/// Starts it if it has ended: whether it had.
///
/// # Errors
/// It does not start.
pub async fn start_if_ended(server: &mut impl Server) -> Result<bool> {
    let ended = server.process().is_none_or(|process| process.ended().is_some());
    if ended {
        start(server).await?;
    }
    Ok(ended)
}

/// Lets a process stand still.
pub async fn freeze(pid: u32, pause: Duration) {
    let pid = Pid::from_raw(pid.cast_signed());
    // It may have ended just now, which the watch finds out.
    let _ = kill(pid, Signal::SIGSTOP);
    tokio::time::sleep(pause).await;
    let _ = kill(pid, Signal::SIGCONT);
}
