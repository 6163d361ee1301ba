//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use dev_backends::{Backend, Options};

/// Postgres, Redis, Kafka and a mailbox on loopback, from one process.
///
/// Prints NAME=VALUE lines (DATABASE_URL, REDIS_URL, KAFKA_BROKERS, MAILBOX_URL, SENDGRID_URL) and then READY on standard
/// output, everything else on standard error. SIGINT or SIGTERM ends it and all it started; so does its death.
#[derive(Parser)]
#[command(version)]
pub struct Arguments {
    #[command(flatten)]
    pub serve: Serve,
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Args)]
pub struct Serve {
    /// The folder for the data of Postgres, Redis and Apache Kafka; one process at a time may use it.
    #[arg(long, value_name = "DIR", default_value = ".componentd")]
    data: PathBuf,
    /// Start these instead of all.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "BACKEND")]
    only: Vec<Backend>,
    /// Apache Kafka's jars, as `fetch-kafka` fetches them. Without, the embedded broker stands in.
    #[arg(long, value_name = "DIR")]
    kafka_jars: Option<PathBuf>,
    /// 0 is any free port.
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    postgres_port: u16,
    /// 0 is any free port.
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    redis_port: u16,
    /// 0 is any free port.
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    mailbox_port: u16,
}

#[derive(Subcommand)]
pub enum Command {
    /// Serve the mailbox alone, in the foreground; for a container.
    Mailbox {
        /// Anyone who reaches it can read the mails.
        #[arg(long, value_name = "IP:PORT")]
        listen: SocketAddr,
    },
    /// Fetch the jars of Apache Kafka with Maven; needs Java and Maven.
    FetchKafka {
        /// Where they go.
        #[arg(long, value_name = "DIR", default_value = ".componentd/kafka-jars")]
        into: PathBuf,
    },
}

impl From<Serve> for Options {
    fn from(serve: Serve) -> Self {
        let Serve { data, only, kafka_jars, postgres_port, redis_port, mailbox_port } = serve;
        let only = if only.is_empty() { Backend::ALL.to_vec() } else { only };
        Self { data, only, kafka_jars, postgres_port, redis_port, mailbox_port }
    }
}
