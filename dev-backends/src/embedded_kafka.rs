//! Kafka without a server: librdkafka's own in-process broker, which speaks the real protocol to any client.
//!
//! Its log is in memory and ends with the process. It answers no admin request, so [`TOPICS`] are made here. A partition has
//! room for 5 MiB, which cannot be changed, and then drops its oldest records whoever has read them: `unread` says when
//! producers must wait instead.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use crate::error::{Error, Result};
use crate::topics::TOPICS;
use crate::unread;

/// The only broker there is.
const BROKER: i32 = 1;

/// How often it is looked whether producers must wait. In this time, nobody writes as much as is left of a partition.
const LOOK: Duration = Duration::from_millis(20);

/// What producers are told while they must wait: nothing was written, and they shall try again.
const WAIT: RDKafkaRespErr = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS;

/// More than the requests that producers make between two looks.
const REFUSALS: usize = 256;

type Cluster = MockCluster<'static, DefaultProducerContext>;
type Order = (bool, SyncSender<KafkaResult<()>>);

/// A broker in a thread of its own, for it may not move between threads; dropped, it ends.
#[derive(Debug)]
pub struct EmbeddedKafka {
    brokers: String,
    orders: SyncSender<Order>,
}

impl EmbeddedKafka {
    /// Starts it on a free port, with [`TOPICS`] on it.
    pub fn start() -> Result<Self> {
        Self::start_for(&[])
    }

    /// The same, for topics and the groups that read them: while one of these is behind, producers must wait.
    pub fn start_for(readers: &'static [(&'static str, &'static str)]) -> Result<Self> {
        let (orders, inbox) = mpsc::sync_channel(0);
        let (started, brokers) = mpsc::sync_channel(1);
        let is_full = Arc::new(AtomicBool::new(false));
        let told = is_full.clone();
        std::thread::spawn(move || serve(&started, &inbox, &told));
        let brokers = brokers.recv().unwrap_or(Err(KafkaError::Canceled)).map_err(failed("cannot start"))?;
        for (topic, group) in readers {
            unread::watch(&brokers, topic, group, &is_full).map_err(failed("cannot watch its readers"))?;
        }
        Ok(Self { brokers, orders })
    }

    /// `127.0.0.1:port`.
    pub fn url(&self) -> String {
        self.brokers.clone()
    }

    /// Closes its port and every connection; the log stays.
    pub fn down(&self) -> Result<()> {
        self.order(false)
    }

    /// Opens its port again.
    pub fn up(&self) -> Result<()> {
        self.order(true)
    }

    /// Ends it; the log is gone.
    pub fn stop(self) {}

    fn order(&self, up: bool) -> Result<()> {
        let (reply, done) = mpsc::sync_channel(1);
        let sent = self.orders.send((up, reply)).map_err(|_| KafkaError::Canceled);
        let done = sent.and_then(|()| done.recv().unwrap_or(Err(KafkaError::Canceled)));
        done.map_err(failed("the embedded broker has ended"))
    }
}

fn serve(started: &SyncSender<KafkaResult<String>>, orders: &Receiver<Order>, is_full: &Arc<AtomicBool>) {
    let cluster = match create() {
        Ok(cluster) => cluster,
        Err(error) => return drop(started.send(Err(error))),
    };
    // If nobody waits any more, there is no order either, and we end.
    let _ = started.send(Ok(cluster.bootstrap_servers()));
    let mut refuses = false;
    loop {
        match orders.recv_timeout(LOOK) {
            Ok((up, reply)) => {
                let _ = reply.send(if up { cluster.broker_up(BROKER) } else { cluster.broker_down(BROKER) });
            }
            Err(RecvTimeoutError::Timeout) => refuses = refuse(&cluster, is_full.load(Ordering::Relaxed), refuses),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Lets producers wait, or no longer. A refusal is used up by a request, so there are new ones at each look.
fn refuse(cluster: &Cluster, is_full: bool, refused: bool) -> bool {
    if is_full || refused {
        cluster.clear_request_errors(RDKafkaApiKey::Produce);
    }
    if is_full {
        cluster.request_errors(RDKafkaApiKey::Produce, &[WAIT; REFUSALS]);
    }
    is_full
}

fn create() -> KafkaResult<Cluster> {
    let cluster = MockCluster::new(1)?;
    for (topic, partitions) in TOPICS {
        cluster.create_topic(topic, *partitions, 1)?;
    }
    Ok(cluster)
}

fn failed(doing: &'static str) -> impl FnOnce(KafkaError) -> Error {
    move |source| Error::Kafka { doing, source }
}
