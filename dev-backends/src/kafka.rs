//! Kafka: Apache's where its jars are, else the embedded broker.

use std::path::Path;

use crate::error::Result;
use crate::process::Process;
use crate::topics::READERS;
use crate::{ApacheKafka, EmbeddedKafka};

/// Which of the two runs.
#[derive(Debug)]
pub enum Kafka {
    Apache(Box<ApacheKafka>),
    Embedded(EmbeddedKafka),
}

impl Kafka {
    /// Apache's, with the data below `data`, if there are `jars`.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start(jars: Option<&Path>, data: &Path) -> Result<Self> {
        match jars {
            Some(jars) => Ok(Self::Apache(Box::new(ApacheKafka::start(jars, data, 0).await?))),
            None => EmbeddedKafka::start_for(READERS).map(Self::Embedded),
        }
    }

    /// `127.0.0.1:port`.
    pub fn url(&self) -> String {
        match self {
            Self::Apache(kafka) => kafka.url(),
            Self::Embedded(kafka) => kafka.url(),
        }
    }

    /// Which one it is, and what its user should know.
    pub fn notice(&self) -> String {
        match self {
            Self::Apache(_) => "Kafka is Apache Kafka, and keeps its log beside the data of the others".to_owned(),
            Self::Embedded(_) => "*** Kafka is the EMBEDDED broker: its log is in memory, ends with this process, and has \
                                  room for 5 MiB in a partition, so it takes no more events while their mails fall behind. \
                                  Apache Kafka is used where Java and Maven are. ***"
                .to_owned(),
        }
    }

    /// Its process, while it runs and if it has one.
    pub fn process(&mut self) -> Option<&mut Process> {
        match self {
            Self::Apache(kafka) => kafka.process(),
            Self::Embedded(_) => None,
        }
    }

    /// Stops it in order.
    pub async fn stop(self) {
        match self {
            Self::Apache(mut kafka) => kafka.stop().await,
            Self::Embedded(kafka) => kafka.stop(),
        }
    }
}
