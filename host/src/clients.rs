//! The connections that all services share: one per backend, opened with their first use.

use std::time::Duration;

use crate::capability::http_out;
use crate::capability::kafka::Producer;
use crate::capability::redis::Redis;
use crate::config;
use crate::error::StartError;

/// How long a backend may take to answer when the host starts.
pub const START_TIMEOUT: Duration = Duration::from_secs(10);

/// Clients of the backends that the manifest names.
#[derive(Clone, Default)]
pub struct Clients {
    pub redis: Option<Redis>,
    pub producer: Option<Producer>,
    pub http: http_out::Clients,
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
        })
    }

    /// Whether Redis and Kafka answer, and know `topics`.
    ///
    /// # Errors
    /// The first backend that does not.
    pub async fn ping(&self, topics: Vec<String>, timeout: Duration) -> Result<(), StartError> {
        if let Some(redis) = &self.redis {
            redis.ping(timeout).await.map_err(|e| StartError::backend("redis", "url", &e))?;
        }
        let Some(producer) = self.producer.clone() else { return Ok(()) };
        let unknown = move || {
            let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
            producer.unknown_topics(&topics, timeout).map(|unknown| unknown.join(", "))
        };
        let unknown = tokio::task::spawn_blocking(unknown).await.expect("it does not panic");
        match unknown.map_err(|e| StartError::backend("kafka", "brokers", &e))? {
            none if none.is_empty() => Ok(()),
            topics => Err(StartError::UnknownTopics { topics }),
        }
    }
}
