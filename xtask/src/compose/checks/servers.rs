//! The servers that the host is a client of.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::answers;
use crate::compose::clone::Clone;
use crate::compose::curl::get;
use crate::compose::engine::output;
use crate::compose::store::{Port, Store};

const SERVERS: [&str; 5] = ["postgres", "redis", "kafka", "mailbox", "componentd"];
/// The tools of Kafka take one and a half of them, and a shell takes hundredths.
const CHEAP: Duration = Duration::from_millis(1_000);

/// A client on this machine's network: it asks the published port, and goes on where the broker sends it.
pub fn kafka_is_reached_from_this_machine(store: &Store, _: &Clone) -> Result<()> {
    let image = store.inspect("componentd", "{{.Image}}")?;
    let brokers = format!("KAFKA_BROKERS=localhost:{}", store.port(Port::Kafka));
    let others = ["DATABASE_URL=postgres://nobody@localhost", "REDIS_URL=redis://localhost", "SENDGRID_API_KEY=none"];
    let mut run = store.engine.docker(["run", "--rm", "--network", "host", "--env", &brokers]);
    for variable in others {
        run.args(["--env", variable]);
    }
    output(run.args([&image, "dead-letters", "list", "notifications"])).map(drop)
}

/// Of its own, and no more than it needs: to own its databases, and to make the roles of components, which may nothing but
/// connect.
pub fn host_role(store: &Store, _: &Clone) -> Result<()> {
    let role = sql(
        store,
        "SELECT rolsuper OR rolcreatedb OR rolreplication OR rolbypassrls FROM pg_roles WHERE rolname = 'componentd'",
    )?;
    ensure!(role == "f", "the role componentd may more than it must: {role:?}");
    let roles = sql(
        store,
        "SELECT count(*) > 0 AND NOT bool_or(rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls) \
         FROM pg_roles WHERE rolname LIKE 'componentd.%'",
    )?;
    ensure!(roles == "t", "components have no roles of their own, or such that may more than they must: {roles:?}");
    let connected =
        sql(store, "SELECT DISTINCT split_part(usename, '.', 1) FROM pg_stat_activity WHERE datname LIKE '%db'")?;
    ensure!(connected == "componentd", "there are connections as {connected:?}");
    let owned = sql(store, "SELECT datname FROM pg_database WHERE datdba = 'componentd'::regrole ORDER BY 1")?;
    ensure!(owned == "ordersdb\nstoredb\nusersdb", "the role componentd owns {owned:?}");
    Ok(())
}

/// What the image asks itself, with a database that is not the host's, and with another password.
pub fn postgres_health(store: &Store, _: &Clone) -> Result<()> {
    let healthy = || store.compose(["exec", "-T", "postgres", "databases-answer"]);
    healthy()?;
    sql(store, "ALTER DATABASE ordersdb OWNER TO postgres")?;
    let without = healthy();
    sql(store, "ALTER DATABASE ordersdb OWNER TO componentd")?;
    ensure!(without.is_err(), "Postgres says that it is healthy without a database");
    let other = ["exec", "-T", "--env", "COMPONENTD_PASSWORD=wrong", "postgres", "databases-answer"];
    ensure!(store.compose(other).is_err(), "Postgres says that it is healthy though the host's password is wrong");
    healthy().map(drop)
}

/// Each of the last that the engine has noted.
pub fn health_checks_are_cheap(store: &Store, _: &Clone) -> Result<()> {
    for service in ["postgres", "redis", "kafka", "componentd"] {
        let took = store.inspect(service, "{{range .State.Health.Log}}{{.End.Sub .Start}} {{.ExitCode}};{{end}}")?;
        let good = took.split(';').filter_map(|entry| entry.strip_suffix(" 0")).filter_map(duration);
        let fastest = good.min().with_context(|| format!("the health of {service} is not noted: {took:?}"))?;
        ensure!(fastest < CHEAP, "the health check of {service} takes {fastest:?}");
    }
    let tool = store.inspect("kafka", "{{.Config.Healthcheck.Test}}")?;
    ensure!(!tool.contains("kafka-"), "the health check of Kafka starts a JVM: {tool}");
    Ok(())
}

/// As Go prints it: `45.6ms`, `1.2s`.
fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.trim().split_at(text.trim().find(|c: char| c.is_alphabetic() || c == 'µ')?);
    let seconds = match unit {
        "s" => 1.0,
        "ms" => 1e-3,
        "µs" => 1e-6,
        _ => return None,
    };
    Some(Duration::from_secs_f64(number.parse::<f64>().ok()? * seconds))
}

/// Killed, and started by hand.
pub fn postgres_away(store: &Store, _: &Clone) -> Result<()> {
    store.compose(["kill", "postgres"])?;
    let products = || get(&store.url(Port::Store, "/products"));
    store.until_has("503", products)?;
    store.compose(["start", "postgres"])?;
    store.until_has("Apple", products)
}

/// By the engine, whatever it died of; also where the host and what it reads from die together.
pub fn restarted(store: &Store, _: &Clone) -> Result<()> {
    for service in SERVERS {
        come_back(store, &[service])?;
    }
    come_back(store, &["kafka", "componentd"])
}

/// Kills them one right after the other.
fn come_back(store: &Store, services: &[&str]) -> Result<()> {
    let mut pids = Vec::new();
    for service in services {
        pids.push(store.inspect(service, "{{.State.Pid}}")?.parse::<i32>().context("a container has a process")?);
    }
    for (service, pid) in services.iter().zip(&pids) {
        kill(Pid::from_raw(*pid), Signal::SIGKILL).with_context(|| format!("cannot kill {service}"))?;
    }
    for (service, pid) in services.iter().zip(&pids) {
        store.until(&format!("{service} runs again"), || {
            let state = store.inspect(service, "{{.State.Running}} {{.RestartCount}} {{.State.Pid}}")?;
            // One that waits for its start has the process id 0.
            let is_another = !state.ends_with(" 0") && !state.ends_with(&format!(" {pid}"));
            Ok(state.starts_with("true") && !state.contains(" 0 ") && is_another)
        })?;
    }
    store.until_has(r#""status":"ready""#, || get(&store.url(Port::Admin, "/readyz")))?;
    answers::order_and_mail(store).with_context(|| format!("after the death of {}", services.join(" and ")))
}

fn sql(store: &Store, statement: &str) -> Result<String> {
    let client = ["exec", "-T", "postgres", "psql", "--username", "postgres", "--no-psqlrc", "--tuples-only"];
    store.compose(client.into_iter().chain(["--no-align", "--quiet", "--command", statement]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_prints_them() {
        assert_eq!(duration("45.5ms"), Some(Duration::from_micros(45_500)));
        assert_eq!(duration("1.5s"), Some(Duration::from_millis(1_500)));
        assert_eq!(duration("1m2s"), None);
    }
}
