//! A set of backends, started side by side.

use std::path::PathBuf;
use std::time::Duration;

use crate::error::Result;
use crate::{INIT_SQL, Kafka, Mailbox, Postgres, Redis};

/// How often we look whether a child has died.
const WATCH: Duration = Duration::from_millis(500);

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Backend {
    Postgres,
    Redis,
    Kafka,
    Mailbox,
}

impl Backend {
    /// All there are.
    pub const ALL: &[Self] = &[Self::Postgres, Self::Redis, Self::Kafka, Self::Mailbox];
}

/// What to start, and where.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data folders are below it.
    pub data: PathBuf,
    pub only: Vec<Backend>,
    /// The jars of Apache Kafka; without them, the embedded broker stands in.
    pub kafka_jars: Option<PathBuf>,
    /// 0: any free one.
    pub postgres_port: u16,
    /// 0: any free one.
    pub redis_port: u16,
    /// 0: any free one.
    pub mailbox_port: u16,
}

impl Options {
    /// Everything, below `data`, on free ports.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        let only = Backend::ALL.to_vec();
        Self { data: data.into(), only, kafka_jars: None, postgres_port: 0, redis_port: 0, mailbox_port: 0 }
    }
}

/// Those that were asked for.
#[derive(Debug)]
pub struct Backends {
    pub postgres: Option<Postgres>,
    pub redis: Option<Redis>,
    pub kafka: Option<Kafka>,
    pub mailbox: Option<Mailbox>,
}

impl Backends {
    /// Starts what `options` names; if one fails, none stays.
    pub async fn start(options: &Options) -> Result<Self> {
        let wanted = |backend| options.only.contains(&backend);
        let (postgres, redis, kafka, mailbox) = tokio::try_join!(
            when(wanted(Backend::Postgres), Postgres::start(&options.data, options.postgres_port, INIT_SQL)),
            when(wanted(Backend::Redis), Redis::start(&options.data, options.redis_port)),
            when(wanted(Backend::Kafka), Kafka::start(options.kafka_jars.as_deref(), &options.data)),
            when(wanted(Backend::Mailbox), Mailbox::start(options.mailbox_port)),
        )?;
        Ok(Self { postgres, redis, kafka, mailbox })
    }

    /// What the manifest of the store takes from the environment.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let mailbox = self.mailbox.as_ref().map(Mailbox::url);
        let variables = [
            ("DATABASE_URL", self.postgres.as_ref().map(Postgres::url)),
            ("REDIS_URL", self.redis.as_ref().map(Redis::url)),
            ("KAFKA_BROKERS", self.kafka.as_ref().map(Kafka::url)),
            ("MAILBOX_URL", mailbox.as_ref().map(|url| format!("{url}/mailbox"))),
            ("SENDGRID_URL", mailbox),
        ];
        variables.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// What the user should know of them.
    pub fn notices(&self) -> Vec<String> {
        let postgres = self.postgres.as_ref().and_then(Postgres::notice);
        let redis = self.redis.as_ref().and_then(Redis::notice);
        let kafka = self.kafka.as_ref().map(Kafka::notice);
        let in_memory = || "what the mailbox shows is in memory only: it is gone when this process ends".to_owned();
        let mailbox = self.mailbox.as_ref().map(|_| in_memory());
        [postgres, redis, kafka, mailbox].into_iter().flatten().collect()
    }

    /// Ends when one of the child processes has, with its name and how it ended.
    pub async fn failed(&mut self) -> String {
        loop {
            let postgres = self.postgres.as_mut().and_then(Postgres::process);
            let redis = self.redis.as_mut().and_then(Redis::process);
            let kafka = self.kafka.as_mut().and_then(Kafka::process);
            if let Some(failed) = [postgres, redis, kafka].into_iter().flatten().find_map(|process| process.obituary())
            {
                return failed;
            }
            tokio::time::sleep(WATCH).await;
        }
    }

    /// Stops them in order.
    pub async fn stop(self) {
        let Self { mut postgres, mut redis, kafka, mailbox } = self;
        tokio::join!(
            async {
                if let Some(kafka) = kafka {
                    kafka.stop().await
                }
            },
            async {
                if let Some(postgres) = &mut postgres {
                    postgres.stop().await
                }
            },
            async {
                if let Some(redis) = &mut redis {
                    redis.stop().await
                }
            },
            async {
                if let Some(mailbox) = mailbox {
                    mailbox.stop().await
                }
            },
        );
    }
}

async fn when<T>(wanted: bool, start: impl Future<Output = Result<T>>) -> Result<Option<T>> {
    if wanted { start.await.map(Some) } else { Ok(None) }
}
