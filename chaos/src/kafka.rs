//! Kafka: Apache's behind a proxy, or the embedded one, which is left alone.

use std::path::Path;

use anyhow::Result;
use dev_backends::Proxied;
use dev_backends::{ApacheKafka, EmbeddedKafka};
use tokio::sync::Mutex;

use crate::backend::Backend;
use crate::proxy::Proxy;

/// Which one runs.
#[derive(Debug)]
pub enum Kafka {
    Apache(Box<Backend<ApacheKafka>>, String),
    Embedded(EmbeddedKafka),
}

impl Kafka {
    /// Apache's if there are jars.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start(jars: Option<&Path>, data: &Path) -> Result<Self> {
        let Some(jars) = jars else { return Ok(Self::Embedded(EmbeddedKafka::start()?)) };
        let listen = crate::ports::free()?;
        let proxy = Proxy::start(listen).await?;
        let proxied = Proxied { listen, advertise: proxy.port() };
        let kafka = ApacheKafka::start_with(jars, data, 0, Some(proxied)).await?;
        let direct = kafka.url();
        Ok(Self::Apache(Box::new(Backend { server: Mutex::new(kafka), proxy, quota: None }), direct))
    }

    /// What the host connects to.
    pub fn for_host(&self) -> String {
        match self {
            Self::Apache(backend, _) => format!("127.0.0.1:{}", backend.proxy.port()),
            Self::Embedded(kafka) => kafka.url(),
        }
    }

    /// What the account connects to.
    pub fn direct(&self) -> String {
        match self {
            Self::Apache(_, direct) => direct.clone(),
            Self::Embedded(kafka) => kafka.url(),
        }
    }

    /// The one that faults may hit.
    pub fn apache(&self) -> Option<&Backend<ApacheKafka>> {
        match self {
            Self::Apache(backend, _) => Some(backend),
            Self::Embedded(_) => None,
        }
    }
}
