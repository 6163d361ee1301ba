//! What is promised of the store in containers, in the order in which it is checked.

mod answers;
mod build;
mod image;
mod servers;
mod stop;
mod swap;

use anyhow::{Result, ensure};

use super::clone::Clone;
use super::store::Store;

/// A check of the store; the other clone is one that nobody has started.
type Check = fn(&Store, &Clone) -> Result<()>;

/// A promise, and what fails where it does not hold.
pub const ALL: &[(&str, Check)] = &[
    ("the build gets the project's files and no secrets", build::context_is_the_project_without_secrets),
    ("two clones share neither containers nor volumes", build::clones_share_nothing),
    ("`up --build --wait` comes back when the store is ready", answers::up_waits_until_ready),
    ("the requests of the documents are answered, and the mails come", answers::requests_and_mails),
    ("the file of a service's settings takes precedence", answers::own_settings),
    ("Kafka tells clients on this machine its published port", servers::kafka_is_reached_from_this_machine),
    ("the host is no superuser, and owns its databases", servers::host_role),
    ("Postgres is healthy only with the databases and the password", servers::postgres_health),
    ("health checks cost less than the start of a JVM", servers::health_checks_are_cheap),
    ("the admin port is on loopback, and asks for its token", answers::admin_port),
    ("the images of the project are small, without a shell, and not root's", image::small_and_closed),
    ("the image runs by itself with one manifest mounted", image::alone),
    ("a swap needs no file of the clone, and survives a restart", swap::survives_a_restart),
    ("a build with another component takes over, and the swapped one can be had again", swap::build_takes_over),
    ("without Postgres the answer is 503, and it comes back", servers::postgres_away),
    ("each server is started again when it dies", servers::restarted),
    ("a stop under load loses no request that was accepted, and all end by themselves", stop::under_load),
    ("`down` and `up` keep the data", stop::data_is_kept),
    ("`down --volumes` removes it", stop::data_is_removed),
];

/// An error that shows the text, if it does not have what is expected.
fn expect(expected: &str, text: &str) -> Result<()> {
    ensure!(text.contains(expected), "there is no `{expected}` in: {text}");
    Ok(())
}
