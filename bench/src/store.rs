//! Sites that run services of the store: as the shipped manifest has them, or as native programs.

use std::fs;

use anyhow::{Context, Result};

use crate::backends::Backends;
use crate::callgrind::Callgrind;
use crate::candidate::Candidate;
use crate::componentd::Host;
use crate::repository::root;
use crate::server::Server;
use crate::site::Site;
use crate::world::World;
use crate::{native, ports};

/// What answers HTTP. All three run, whichever is asked.
pub const SERVICES: [&str; 3] = ["users", "orders", "store"];
/// One of [`SERVICES`].
pub type Service = &'static str;

/// All three services, of which `asked` is loaded.
///
/// # Errors
/// They are not built, or do not start.
pub async fn site(world: &World, candidate: Candidate, asked: Service) -> Result<Site> {
    let listen = Listen::free()?;
    let servers = start(world, candidate, &listen).await?;
    Ok(Site { servers, urls: vec![ports::url(listen.port(asked))] })
}

/// All three services.
///
/// # Errors
/// They are not built, or do not start.
pub async fn start(world: &World, candidate: Candidate, listen: &Listen) -> Result<Vec<Server>> {
    let backends = world.backends().await?;
    if candidate != Candidate::Native {
        return Ok(vec![host(backends, candidate, &SERVICES, listen)?.ready(world).await?]);
    }
    let mut servers = Vec::new();
    for service in ["store", "orders", "users"] {
        servers.push(start_native(world, backends, service, listen, None).await?);
    }
    Ok(servers)
}

/// The store's service alone, run by another program.
///
/// # Errors
/// It is not built, or does not start.
pub async fn site_under(world: &World, candidate: Candidate, under: Option<&Callgrind>) -> Result<Site> {
    let (listen, backends) = (Listen::free()?, world.backends().await?);
    let server = if candidate == Candidate::Native {
        start_native(world, backends, "store", &listen, under).await?
    } else {
        let host = host(backends, candidate, &["store"], &listen)?.small();
        Host { name: format!("{}-small", host.name), under: under.cloned(), ..host }.ready(world).await?
    };
    Ok(Site::new(server, vec![ports::url(listen.port("store"))]))
}

/// Where the three listen.
#[derive(Clone, Debug)]
pub struct Listen([u16; 3]);

impl Listen {
    /// Anywhere.
    ///
    /// # Errors
    /// No port is free.
    pub fn free() -> Result<Self> {
        Ok(Self([ports::free()?, ports::free()?, ports::free()?]))
    }

    /// Where this one listens.
    pub fn port(&self, service: Service) -> u16 {
        let index = SERVICES.iter().position(|name| *name == service);
        self.0[index.expect("a name of SERVICES")]
    }

    fn address(&self, service: Service) -> String {
        format!("127.0.0.1:{}", self.port(service))
    }
}

/// The host with these services of the shipped manifest.
///
/// # Errors
/// The manifest cannot be read.
pub fn host(backends: &Backends, candidate: Candidate, services: &[&str], listen: &Listen) -> Result<Host> {
    let manifest = fs::read_to_string(root().join("componentd.toml")).context("cannot read componentd.toml")?;
    let mut host = Host::new(&format!("store-{}-{}", candidate.isolation(), services.len()), "")?;
    host.manifest =
        only(&manifest, services, candidate).replace("\"components/", &format!("\"{}/components/", root().display()));
    // Inside the host where it can be, as in the shipped manifest.
    let orders = if services.contains(&"orders") {
        "http://orders.internal".to_owned()
    } else {
        ports::url(listen.port("orders"))
    };
    host.environment = vec![
        ("COMPONENTD_STATE", format!("state-{}", host.name)),
        ("ADMIN_LISTEN", format!("127.0.0.1:{}", host.admin)),
        ("USERS_LISTEN", listen.address("users")),
        ("ORDERS_LISTEN", listen.address("orders")),
        ("STORE_LISTEN", listen.address("store")),
        ("ORDERS_URL", orders),
        ("DATABASE_URL", backends.postgres()),
        ("REDIS_URL", backends.redis()),
        ("KAFKA_BROKERS", backends.brokers()),
        ("SENDGRID_API_KEY", "bench".to_owned()),
        ("SENDGRID_PRIVATE", "true".to_owned()),
    ];
    Ok(host)
}

/// The manifest with these services only, in the candidate's isolation, and without CORS, which no other candidate has.
fn only(manifest: &str, services: &[&str], candidate: Candidate) -> String {
    let (mut kept, mut is_wanted) = (String::new(), true);
    for line in manifest.lines() {
        let header = line.trim_start_matches('[').strip_prefix("services.").filter(|_| line.starts_with('['));
        if let Some(header) = header {
            is_wanted = services.iter().any(|name| header.split(['.', ']']).next() == Some(name));
        }
        if is_wanted && !line.starts_with("isolation") && !line.starts_with("http.cors") {
            kept += &format!("{line}\n");
        }
        if is_wanted && header.is_some_and(|header| header.ends_with(']') && !line.starts_with("[[")) {
            kept += &format!("isolation = \"{}\"\n", candidate.isolation());
        }
    }
    kept
}

async fn start_native(
    world: &World,
    backends: &Backends,
    service: Service,
    listen: &Listen,
    under: Option<&Callgrind>,
) -> Result<Server> {
    let (address, database) = (listen.address(service), backends.database(&format!("native_{service}db")));
    let migrations = format!("{}/components/{service}/migrations", root().display());
    let common = ["--listen", &address, "--database-url", &database, "--migrations", &migrations];
    let (redis, brokers, orders) = (backends.redis(), backends.brokers(), ports::url(listen.port("orders")));
    let own = match service {
        "users" => ["--redis-url", &redis],
        "orders" => ["--brokers", &brokers],
        _ => ["--orders-url", &orders],
    };
    native::ready(world, service, &[&common[..], &own[..]].concat(), under).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_services_are_left_out() {
        let manifest = "[host]\n\n[services.a]\nx = 1\n\n[services.b]\ny = 2\n\n[[services.a.grants.http]]\nz = 3\n";
        let expected = "[host]\n\n[services.a]\nisolation = \"request\"\nx = 1\n\n[[services.a.grants.http]]\nz = 3\n";
        assert_eq!(only(manifest, &["a"], Candidate::Fresh), expected);
    }
}
