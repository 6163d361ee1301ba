//! Floods of the log, and a reader of it that stands still.

use std::io::{BufRead, BufReader, PipeReader, pipe};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::client::Client;
use crate::support::files::guest;
use crate::support::host::{ADMIN, TOKEN, free_port, metric};
use crate::support::process::{ManifestFile, Process};
use crate::support::wait::until;

/// A host whose standard error nobody reads, with a service that floods it and a quiet one.
struct Unread {
    child: Child,
    log: PipeReader,
    flood: Client,
    quiet: Client,
    admin: Client,
    _manifest: ManifestFile,
}

impl Unread {
    async fn start() -> Self {
        let ports = [free_port(), free_port(), free_port()];
        let [flood, quiet, admin] = ports.map(|port| Client::of_admin(([127, 0, 0, 1], port).into(), TOKEN));
        let component = guest("misbehave");
        let manifest = ManifestFile::new(&format!(
            "[admin]\nlisten = '{}'\ntoken = '{TOKEN}'\n\n[services.flood]\ncomponent = '{component}'\nhttp = {{ listen = '{}' }}\n\
             limits = {{ log = '64MiB', log-rate = '64MiB', cpu = '30s', timeout = '60s' }}\n\n\
             [services.quiet]\ncomponent = '{component}'\nhttp = {{ listen = '{}' }}\n",
            admin.address, flood.address, quiet.address
        ));
        let (log, writer) = pipe().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_componentd"));
        command.args(["run", "--manifest", manifest.path()]).env_clear();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(writer).spawn().unwrap();
        let host = Self { child, log, flood, quiet, admin, _manifest: manifest };
        for client in [&host.flood, &host.quiet, &host.admin] {
            let ask = async || client.try_send(client.request(http::Method::GET, "/hello", "")).await.ok();
            until("it listens", ask).await;
        }
        host
    }

    /// Logs more than the pipe and the queue hold, and sees that all are served.
    async fn fill(&self) {
        assert_eq!(self.flood.get("/log?lines=800&bytes=10000").await.expect(200), "logged");
        for _ in 0..20 {
            assert_eq!(self.quiet.get("/hello").await.expect(200), "hello");
            self.admin.get("/healthz").await.expect(200);
        }
        let dropped = metric(&self.admin, "componentd_log_dropped_lines_total").await;
        assert!(dropped.is_some_and(|dropped| dropped > 100.0), "{dropped:?}");
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    async fn ends(&mut self) -> Option<i32> {
        until("it ends", async || self.child.try_wait().unwrap()).await.code()
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_stands_still_costs_lines_which_are_counted_and_told() {
    let mut host = Unread::start().await;
    host.fill().await;
    let lines = BufReader::new(host.log.try_clone().unwrap()).lines().map_while(Result::ok);
    let parsed = lines.filter_map(|line| serde_json::from_str::<Value>(&line).ok());
    let read = tokio::task::spawn_blocking(move || {
        let mut parsed = parsed;
        let told = parsed.find(|line| line["dropped"].is_u64()).unwrap();
        (told, parsed)
    });
    let (told, rest) = read.await.unwrap();
    let message = "lines of the log were dropped: standard error was not read in time";
    assert_eq!((&told["message"], &told["level"]), (&message.into(), &"WARN".into()), "{told}");
    assert!(told["dropped"].as_u64().unwrap() > 100, "{told}");
    host.signal(Signal::TERM);
    let last = tokio::task::spawn_blocking(move || rest.last().unwrap());
    assert_eq!(host.ends().await, Some(0));
    assert_eq!(last.await.unwrap()["message"], "stopped", "all that was logged at the end is written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_ends_in_time_though_nobody_reads_its_log() {
    let mut host = Unread::start().await;
    host.fill().await;
    host.signal(Signal::TERM);
    assert_eq!(host.ends().await, Some(0));
}

/// What an invocation may log without a limit of its own.
#[tokio::test(flavor = "multi_thread")]
async fn an_invocation_logs_64_kib_and_then_is_told_once_that_it_is_enough() {
    const ALLOWED: usize = (64 << 10) / (1_000 + "flood".len() + 256);
    let component = guest("misbehave");
    let manifest = ManifestFile::new(&format!(
        "{ADMIN}\n[services.guest]\ncomponent = '{component}'\n\
         http = {{ listen = '127.0.0.1:0' }}\nlimits = {{ cpu = '10s' }}\n"
    ));
    let mut host = Process::run(&manifest);
    let (client, admin) = (host.client("guest").await, host.client("the admin port").await);
    for number in 1..=2 {
        client.get("/log?lines=500&bytes=1000").await.expect(200);
        let answered = |host: &Process| host.log().iter().filter(|line| line["message"] == "answered").count();
        until("the access line is written", async || (answered(&host) == number).then_some(())).await;
        let count = |is_it: fn(&Value) -> bool| host.log().iter().filter(|line| is_it(line)).count();
        assert_eq!(count(|line| line["context"] == "flood"), number * ALLOWED);
        let told = |line: &Value| line["message"].as_str().is_some_and(|text| text.contains("limits.log-rate"));
        assert_eq!(count(told), number);
        let dropped = metric(&admin, "componentd_guest_log_dropped_lines_total{service=\"guest\"}").await;
        assert_eq!(dropped, Some((number * (500 - ALLOWED)) as f64));
    }
    client.get("/log?lines=500&bytes=0&by=stdout").await.expect(200);
    client.get("/hello").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_has_at_most_16_kib() {
    let manifest = ManifestFile::new(&crate::support::misbehave::manifest("", "limits = { cpu = '10s' }"));
    let mut host = Process::run(&manifest);
    let client = host.client("guest").await;
    client.get("/log?lines=1&bytes=8000000").await.expect(200);
    let line = host.line("the long line", |line| line["context"] == "flood").await;
    let message = line["message"].as_str().unwrap();
    assert!(message.ends_with("… (cut)") && message.len() > 8_000, "{} bytes", message.len());
    assert!(line.to_string().len() <= 16 << 10, "{} bytes", line.to_string().len());
}
