//! The logs of the servers: each start begins a new one, and what is in the scratch folder goes with the run.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use crate::fault::Target;

/// From where to where.
#[derive(Debug)]
pub struct ServerLogs {
    pub data: PathBuf,
    pub out: PathBuf,
}

impl ServerLogs {
    /// Adds the log of a server's last life to the one that stays.
    pub fn keep(&self, target: Target) {
        let (folders, name): (&[&str], _) = match target {
            Target::Postgres => (&["postgres-disk/postgres", "postgres"], "postgres.log"),
            Target::Redis => (&["redis-disk/redis", "redis"], "redis.log"),
            Target::Kafka => (&["kafka"], "kafka.log"),
            Target::Host | Target::Mailbox => return,
        };
        let logs = folders.iter().map(|folder| self.data.join(folder).join("server.log"));
        let Some(log) = logs.into_iter().find_map(|log| fs::read(log).ok()) else { return };
        let kept = OpenOptions::new().create(true).append(true).open(self.out.join(name));
        // A run is worth its ledger also without them.
        let _ = kept.and_then(|mut kept| kept.write_all(&log));
    }

    /// All of them.
    pub fn keep_all(&self) {
        [Target::Postgres, Target::Redis, Target::Kafka].into_iter().for_each(|target| self.keep(target));
    }
}
