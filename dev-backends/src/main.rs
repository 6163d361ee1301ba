//! Serves the backends until it is told to end.

mod cli;

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Parser;
use cli::{Arguments, Command};
use dev_backends::{Backends, Mailbox, Options, kafka_jars};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> ExitCode {
    match carry_out(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dev-backends: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn carry_out(Arguments { serve, command }: Arguments) -> Result<()> {
    match command {
        Some(Command::FetchKafka { into }) => Ok(kafka_jars::fetch(&into)?),
        Some(Command::Mailbox { listen }) => serve_mailbox(listen).await,
        None => run(&serve.into()).await,
    }
}

async fn serve_mailbox(listen: SocketAddr) -> Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mailbox = Mailbox::listen(listen).await?;
    eprintln!("dev-backends: the mailbox listens on {listen}; its mails are in memory only");
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    mailbox.stop().await;
    Ok(())
}

/// Start, say so, wait, stop.
async fn run(options: &Options) -> Result<()> {
    // Before the first child: a signal from here on ends them in order.
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut backends = tokio::select! {
        started = Backends::start(options) => started.context("cannot start the backends")?,
        _ = interrupt.recv() => return Ok(()),
        _ = terminate.recv() => return Ok(()),
    };
    announce(&backends);
    let failed = tokio::select! {
        failed = backends.failed() => Some(failed),
        _ = interrupt.recv() => None,
        _ = terminate.recv() => None,
    };
    backends.stop().await;
    failed.map_or(Ok(()), |failed| bail!(failed))
}

fn announce(backends: &Backends) {
    for notice in backends.notices() {
        eprintln!("dev-backends: {notice}");
    }
    for (name, value) in backends.environment() {
        println!("{name}={value}");
    }
    println!("READY");
}
