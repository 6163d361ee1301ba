//! Kafka without a server: librdkafka's own in-process broker, which speaks the real protocol to any client.
//!
//! Its log is in memory, bounded, and ends with the process. It answers no admin request, so [`TOPICS`] are made here.

use std::sync::mpsc::{self, Receiver, SyncSender};

use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

use crate::error::{Error, Result};
use crate::topics::TOPICS;

/// The only broker there is.
const BROKER: i32 = 1;

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
        let (orders, inbox) = mpsc::sync_channel(0);
        let (started, brokers) = mpsc::sync_channel(1);
        std::thread::spawn(move || serve(&started, &inbox));
        let brokers = brokers.recv().unwrap_or(Err(KafkaError::Canceled)).map_err(failed("cannot start"))?;
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

fn serve(started: &SyncSender<KafkaResult<String>>, orders: &Receiver<Order>) {
    let cluster = match create() {
        Ok(cluster) => cluster,
        Err(error) => return drop(started.send(Err(error))),
    };
    // If nobody waits any more, there is no order either, and we end.
    let _ = started.send(Ok(cluster.bootstrap_servers()));
    for (up, reply) in orders {
        let _ = reply.send(if up { cluster.broker_up(BROKER) } else { cluster.broker_down(BROKER) });
    }
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
