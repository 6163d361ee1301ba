//! What can go wrong, each with what to do about it.

use std::io;
use std::path::PathBuf;

/// The result of this library.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a backend could not be started, stopped or reached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A server or tool is not on this machine.
    #[error("{program} is not installed: on Debian type `apt-get install --no-install-recommends {package}`")]
    Missing { program: &'static str, package: &'static str },
    /// Root may not run the server, and no other user was found.
    #[error("{server} refuses to run as root, and this machine has none of the users {users}: add one of them")]
    NoUser { server: &'static str, users: String },
    /// Another process serves the same folder.
    #[error("{server} already runs on {} (process {pid}): end it, or choose another folder", folder.display())]
    Occupied { server: &'static str, folder: PathBuf, pid: u32 },
    /// A folder that somebody else made where ours would be.
    #[error("{} is not a folder of this user: remove it, or choose another folder", .0.display())]
    ForeignFolder(PathBuf),
    /// The data was written by a server that is no longer installed.
    #[error("{} was made by Postgres {data}, but {server} is installed: install postgresql-{data}, or move the folder away", folder.display())]
    OtherVersion { folder: PathBuf, data: String, server: String },
    /// The server ended, or never answered.
    #[error("{server} did not start: {reason}; the end of {}:\n{tail}", log.display())]
    NotReady { server: &'static str, reason: String, log: PathBuf, tail: String },
    /// A tool that prepares a backend failed.
    #[error("{tool} failed ({status}):\n{output}")]
    Tool { tool: &'static str, status: String, output: String },
    /// A port that was asked for is taken.
    #[error("port {port} is in use: end what listens there, or choose another port")]
    Port { port: u16, source: io::Error },
    /// Files and processes.
    #[error("cannot {doing}")]
    Io { doing: String, source: io::Error },
    /// Postgres refused a statement of `init.sql`.
    #[error("Postgres refused to create the databases of init.sql")]
    Sql(#[from] sqlx::Error),
    /// Kafka, embedded or Apache's.
    #[error("Kafka: {doing}")]
    Kafka { doing: &'static str, source: rdkafka::error::KafkaError },
}

/// Says what was being done when an input or output failed.
pub(crate) trait Doing<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|source| Error::Io { doing: what(), source })
    }
}
