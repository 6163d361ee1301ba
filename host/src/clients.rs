//! What all services share: one connection per backend, opened with its first use, each other, and the measurements.

use std::sync::Arc;
use std::time::Duration;

use crate::capability::http_out;
use crate::capability::kafka::Producer;
use crate::capability::redis::Redis;
use crate::config;
use crate::error::StartError;
use crate::metrics::Metrics;
use crate::registry::Directory;
use crate::topics::{self, Named};

/// Clients of the backends that the manifest names.
#[derive(Clone, Default)]
pub struct Clients {
    pub redis: Option<Redis>,
    pub producer: Option<Producer>,
    pub http: http_out::Clients,
    pub services: Directory,
    pub metrics: Arc<Metrics>,
}

impl Clients {
    /// Makes the clients; none connects yet.
    ///
    /// # Errors
    /// A URL that a driver does not understand.
    pub fn new(backends: &config::Backends) -> Result<Self, StartError> {
        let redis = backends.redis.as_ref().map(Redis::new).transpose();
        let producer = backends.kafka.as_ref().map(Producer::new).transpose();
        Ok(Self {
            redis: redis.map_err(|e| StartError::backend("redis", "url", &e))?,
            producer: producer.map_err(|e| StartError::backend("kafka", "brokers", &e))?,
            http: http_out::Clients::default(),
            services: Directory::default(),
            metrics: Arc::default(),
        })
    }

    /// What does not answer within `timeout`, or does not know `topics`, in words.
    pub async fn missing(&self, topics: Vec<Named>, timeout: Duration) -> Vec<String> {
        let mut missing = Vec::new();
        if let Some(redis) = &self.redis {
            missing.extend(redis.look(timeout).await.err().map(|away| away.to_string()));
        }
        if let Some(producer) = self.producer.clone() {
            let ask = move || kafka_missing(&producer, &topics, timeout);
            missing.extend(tokio::task::spawn_blocking(ask).await.expect("it does not panic"));
        }
        missing
    }
}

fn kafka_missing(producer: &Producer, topics: &[Named], timeout: Duration) -> Vec<String> {
    topics::missing(topics, producer, timeout).unwrap_or_else(|e| {
        vec![format!("Kafka does not answer: {e}; start it, or correct `brokers` under [backends.kafka]")]
    })
}
