//! Services that run by a schedule, with a clock that the test sets.

use std::time::{Duration, SystemTime};

use componentd::{Clock, Host, Manifest};

use crate::support::client::Client;
use crate::support::files::guest;
use crate::support::host::{admin, invocations};
use crate::support::process::ManifestFile;
use crate::support::servers::redis;
use crate::support::unique;
use crate::support::wait::until;
use crate::swap::versions::variant;

/// The time at a start, in seconds: half a minute before the minute that is called 1, with which an hour begins.
const START: i64 = 1_800_000_000 - 30;

/// A host of one service, `runs`, that runs each minute, with a state folder and an admin port.
struct Scheduled {
    host: Host,
    clock: Clock,
    key: String,
    manifest: ManifestFile,
}

/// `settings` are further lines of the service.
fn manifest(redis: &str, key: &str, schedule: &str, settings: &str) -> String {
    let component = guest("cron-echo");
    format!(
        r#"
        [host]
        state = "state"

        [admin]
        token = 'for-tests'
        listen = "127.0.0.1:0"

        [backends]
        redis = {{ url = "{redis}" }}

        [services.runs]
        component = "{component}"
        cron = {{ schedule = "{schedule}" }}
        grants.redis = {{ read = ["runs:*"], write = ["runs:*"] }}
        {}
        "#,
        settings.replace("KEY", key)
    )
}

async fn start_host(manifest: &ManifestFile, clock: &Clock) -> Host {
    let path = std::path::PathBuf::from(manifest.path());
    let mut host = Host::builder().manifest(Manifest::load(&path).unwrap()).clock(clock.clone()).start().await.unwrap();
    host.watch(path);
    host
}

fn seconds(seconds: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.unsigned_abs())
}

impl Scheduled {
    async fn start(settings: &str) -> Self {
        let key = unique("schedule");
        let manifest = ManifestFile::new(&manifest(redis().await, &key, "* * * * *", settings));
        let clock = Clock::manual(seconds(START));
        let host = start_host(&manifest, &clock).await;
        let scheduled = Self { host, clock, key, manifest };
        scheduled.until_ready().await;
        scheduled
    }

    fn admin(&self) -> Client {
        admin(&self.host)
    }

    async fn until_ready(&self) {
        let admin = self.admin();
        until("it is ready", async || (admin.get("/readyz").await.status == 200).then_some(())).await;
    }

    /// Sets the clock to so many minutes, and then seconds.
    fn set(&self, minute: i64, and_seconds: i64) {
        self.clock.set(seconds(START - 30 + minute * 60 + and_seconds));
    }

    /// What the component was told of its runs, in minutes: `1+0,held,3+1`.
    async fn runs(&self) -> String {
        let client = redis::Client::open(redis().await).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let key = format!("runs:{}", self.key);
        let list: Option<String> = redis::cmd("GET").arg(key).query_async(&mut connection).await.unwrap();
        let in_minutes = |run: &str| match run.split_once('+') {
            Some((second, missed)) => {
                let second: i64 = second.parse().unwrap();
                assert_eq!((second - START - 30) % 60, 0, "{run}");
                format!("{}+{missed}", (second - START - 30) / 60 + 1)
            }
            None => run.to_owned(),
        };
        list.unwrap_or_default().split(',').filter(|run| !run.is_empty()).map(in_minutes).collect::<Vec<_>>().join(",")
    }

    async fn until_runs(&self, expected: &str) {
        until(&format!("the runs are {expected}"), async || (self.runs().await == expected).then_some(())).await;
    }

    /// Lets runs go on that are held.
    async fn go(&self) {
        let client = redis::Client::open(redis().await).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let key = format!("runs:{}:go", self.key);
        redis::cmd("SET").arg(key).arg("go").query_async::<()>(&mut connection).await.unwrap();
    }

    async fn missed(&self) -> u64 {
        let metrics = self.admin().get("/metrics").await;
        let line = "componentd_missed_runs_total{service=\"runs\"} ";
        metrics.text().lines().find_map(|text| text.strip_prefix(line)).map_or(0, |count| count.parse().unwrap())
    }

    async fn until_missed(&self, expected: u64) {
        until(&format!("{expected} are missed"), async || (self.missed().await == expected).then_some(())).await;
    }

    async fn until_ended(&self, outcome: &str, count: u64) {
        let admin = self.admin();
        let ended = async || (invocations(&admin, "runs", outcome).await == count).then_some(());
        until(&format!("{count} runs have ended as {outcome}"), ended).await;
    }

    async fn live_versions(&self) -> usize {
        self.admin().get("/services/runs/history").await.json().as_array().unwrap().len()
    }
}

const QUICK: &str = "config = { key = \"KEY\" }";
const HELD: &str = "config = { key = \"KEY\", do = \"hold\" }\nlimits = { timeout = \"60s\" }";

#[tokio::test(flavor = "multi_thread")]
async fn each_minute_is_run_once_and_what_the_clock_passes_is_told() {
    let scheduled = Scheduled::start(QUICK).await;
    scheduled.set(1, 0);
    scheduled.until_runs("1+0").await;
    scheduled.set(2, 20);
    scheduled.until_runs("1+0,2+0").await;
    scheduled.set(6, 10);
    scheduled.until_missed(4).await;
    scheduled.set(7, 0);
    scheduled.until_runs("1+0,2+0,7+4").await;
    // Back a little, and on again.
    scheduled.set(6, 30);
    scheduled.set(7, 10);
    scheduled.set(8, 0);
    scheduled.until_runs("1+0,2+0,7+4,8+0").await;
    scheduled.until_ended("ok", 4).await;
    assert_eq!(scheduled.missed().await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_run_at_a_time_and_the_next_is_told_what_it_has_passed() {
    let scheduled = Scheduled::start(HELD).await;
    scheduled.set(1, 0);
    scheduled.until_runs("1+0").await;
    scheduled.set(3, 5);
    scheduled.go().await;
    scheduled.until_missed(2).await;
    assert_eq!(scheduled.runs().await, "1+0,held");
    scheduled.set(4, 0);
    scheduled.until_runs("1+0,held,4+2,held").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_repeats_no_run_and_knows_what_was_missed() {
    let scheduled = Scheduled::start(QUICK).await;
    scheduled.set(1, 0);
    scheduled.until_runs("1+0").await;
    let Scheduled { host, clock, key, manifest } = scheduled;
    host.stop().await;
    let host = start_host(&manifest, &clock).await;
    let scheduled = Scheduled { host, clock, key, manifest };
    scheduled.until_ready().await;
    scheduled.set(2, 0);
    scheduled.until_runs("1+0,2+0").await;

    let Scheduled { host, clock, key, manifest } = scheduled;
    host.stop().await;
    clock.set(seconds(START - 30 + 60 * 60));
    let host = start_host(&manifest, &clock).await;
    let scheduled = Scheduled { host, clock, key, manifest };
    scheduled.until_missed(58).await;
    scheduled.set(61, 0);
    scheduled.until_runs("1+0,2+0,61+58").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_fails_is_counted_as_what_it_was_and_the_next_one_comes() {
    for (what, outcome) in [("fail", "error"), ("trap", "trap"), ("hold", "timeout")] {
        let settings = format!(
            "config = {{ key = \"KEY\", do = \"{what}\" }}\nlimits = {{ timeout = \"300ms\", call-timeout = \"200ms\" }}"
        );
        let scheduled = Scheduled::start(&settings).await;
        scheduled.set(1, 0);
        scheduled.until_ended(outcome, 1).await;
        scheduled.set(2, 0);
        scheduled.until_ended(outcome, 2).await;
        assert_eq!(scheduled.runs().await, "1+0,2+0", "{what}");
        scheduled.host.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_keeps_its_version_and_the_next_has_the_new_one() {
    let scheduled = Scheduled::start(HELD).await;
    scheduled.set(1, 0);
    scheduled.until_runs("1+0").await;
    let admin = scheduled.admin();
    let other = variant(&std::fs::read(guest("cron-echo")).unwrap(), 1);
    let upload = admin.request(http::Method::POST, "/services/runs/versions", other);
    admin.send(upload).await.expect(200);
    assert_eq!(scheduled.live_versions().await, 2);
    scheduled.go().await;
    scheduled.until_runs("1+0,held").await;
    scheduled.set(2, 0);
    scheduled.until_runs("1+0,held,2+0,held").await;
    scheduled.until_ended("ok", 2).await;
    assert_eq!((invocations(&admin, "runs", "cut").await, scheduled.missed().await), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_whose_runs_fail_is_taken_back() {
    let settings = format!("{QUICK}\nswap = {{ failure-rate = 0.5 }}");
    let scheduled = Scheduled::start(&settings).await;
    let edited = std::fs::read_to_string(scheduled.manifest.path()).unwrap();
    let edited = edited.replace("config = { key", "config = { do = \"trap\", key");
    std::fs::write(scheduled.manifest.path(), edited).unwrap();
    until("the edit is applied", async || (scheduled.live_versions().await == 2).then_some(())).await;
    for minute in 1..=3 {
        scheduled.set(minute, 0);
        scheduled.until_ended("trap", u64::try_from(minute).unwrap()).await;
    }
    // Rolled back, and live again.
    until("the old one is back", async || (scheduled.live_versions().await == 4).then_some(())).await;
    scheduled.set(4, 0);
    scheduled.until_ended("ok", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_schedule_waits_for_the_run_of_the_one_before() {
    let scheduled = Scheduled::start(HELD).await;
    scheduled.set(1, 0);
    scheduled.until_runs("1+0").await;
    let edited = std::fs::read_to_string(scheduled.manifest.path()).unwrap();
    std::fs::write(scheduled.manifest.path(), edited.replace("* * * * *", "*/2 * * * *")).unwrap();
    until("the edit is applied", async || (scheduled.live_versions().await == 2).then_some(())).await;
    scheduled.set(2, 0);
    scheduled.go().await;
    scheduled.until_missed(1).await;
    // From here on it goes by the new schedule, by which the first, third and fifth minute are due.
    let kept = scheduled.manifest.folder.path().join("state/services/runs/schedule.json");
    let is_new = || std::fs::read_to_string(&kept).is_ok_and(|kept| kept.contains("*/2"));
    until("the new schedule has begun", async || is_new().then_some(())).await;
    assert_eq!(scheduled.runs().await, "1+0,held");
    scheduled.set(3, 0);
    scheduled.until_runs("1+0,held,3+1,held").await;
    scheduled.set(4, 0);
    scheduled.set(5, 0);
    scheduled.until_runs("1+0,held,3+1,held,5+0,held").await;
    assert_eq!(scheduled.missed().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_a_run_come_to_its_end() {
    let scheduled = Scheduled::start(HELD).await;
    scheduled.set(1, 0);
    scheduled.until_runs("1+0").await;
    let (client, key) = (redis::Client::open(redis().await).unwrap(), scheduled.key.clone());
    let Scheduled { host, .. } = scheduled;
    let stopping = tokio::spawn(host.stop());
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    redis::cmd("SET").arg(format!("runs:{key}:go")).arg("go").query_async::<()>(&mut connection).await.unwrap();
    stopping.await.unwrap();
    let list: String = redis::cmd("GET").arg(format!("runs:{key}")).query_async(&mut connection).await.unwrap();
    assert!(list.ends_with("+0,held"), "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_without_a_trigger_runs_and_is_ready() {
    let component = guest("hello");
    let text = format!(
        "[admin]\ntoken = 'for-tests'\nlisten = '127.0.0.1:0'\n[services.quiet]\ncomponent = '{component}'\ntrigger = 'none'\n"
    );
    let host = crate::support::host::start(&text).await;
    admin(&host).get("/readyz").await.expect(200);
    assert_eq!(host.address("quiet"), None);
    host.stop().await;
}
