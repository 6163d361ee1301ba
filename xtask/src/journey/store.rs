//! A store of its own for each page, as `cargo xtask up` starts it, on ports that are free.

use std::net::TcpListener;
use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::place::Place;
use crate::project::target;
use crate::stop::Stop;
use crate::{backends, child, host, probe};

const BACKENDS: &[&str] = &["postgres", "redis", "kafka", "mailbox"];
/// The first start compiles the components.
const READY_WITHIN: Duration = Duration::from_secs(120);
const GRACE: Duration = Duration::from_secs(40);
const POLL: Duration = Duration::from_millis(50);

/// What runs; ends with this value.
pub struct Store {
    pub ports: Ports,
    /// What commands need, as a shell has it.
    pub environment: Vec<(String, String)>,
    host: Child,
    backends: Child,
}

impl Store {
    /// Without any data of an earlier one, and waits until all of it is ready.
    pub fn start(place: &Place, stop: &Stop) -> Result<Self> {
        place.refresh()?;
        let ports = Ports::choose()?;
        let (backends, mut environment) = backends::start_in(&place.store(), BACKENDS, stop)?;
        environment.extend(ports.variables());
        let path = std::env::var("PATH").unwrap_or_default();
        environment.push(("PATH".to_owned(), format!("{}:{path}", place.store().join("target").display())));
        environment.push(("CURL_HOME".to_owned(), place.folder().display().to_string()));
        let host = host::start_in(&place.store(), environment.clone())?;
        let mut store = Self { ports, environment, host, backends };
        store.wait_until_ready(stop)?;
        Ok(store)
    }

    fn wait_until_ready(&mut self, stop: &Stop) -> Result<()> {
        let admin = self.ports.ours(8080);
        let address = ([127, 0, 0, 1], admin).into();
        let deadline = Instant::now() + READY_WITHIN;
        while !probe::ok(address, "/readyz") {
            if stop.asked() || child::ended(&mut self.host).is_some() || Instant::now() > deadline {
                bail!("{} run: {}", target().join("debug/componentd").display(), probe::words(address, "/readyz"));
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        child::stop(&mut self.host, GRACE);
        child::stop(&mut self.backends, GRACE);
    }
}

/// The ports that pages name, and those that are free here.
pub struct Ports(Vec<(u16, u16)>);

impl Ports {
    /// Another free one for each.
    fn choose() -> Result<Self> {
        let listeners = (8080..=8099).map(|documented| Ok((documented, TcpListener::bind("127.0.0.1:0")?)));
        let listeners: Vec<(u16, TcpListener)> = listeners.collect::<Result<_>>()?;
        let ports = listeners.iter().map(|(documented, listener)| Ok((*documented, listener.local_addr()?.port())));
        Ok(Self(ports.collect::<Result<_>>()?))
    }

    /// What a page calls by this number.
    fn ours(&self, documented: u16) -> u16 {
        self.0.iter().find(|(of_page, _)| *of_page == documented).map_or(documented, |(_, ours)| *ours)
    }

    fn variables(&self) -> Vec<(String, String)> {
        let store = ["ADMIN_LISTEN", "USERS_LISTEN", "ORDERS_LISTEN", "STORE_LISTEN", "SHOP_LISTEN"];
        // The last is that of the component which `componentd init` writes.
        let names = store.into_iter().zip(8080..).chain([("LISTEN", 8090)]);
        names.map(|(name, port)| (name.to_owned(), format!("127.0.0.1:{}", self.ours(port)))).collect()
    }

    /// A command or a file of a page, for here.
    pub fn to_ours(&self, text: &str) -> String {
        let replace = |text: String, (page, ours): &(u16, u16)| text.replace(&format!(":{page}"), &format!(":{ours}"));
        self.0.iter().fold(text.to_owned(), replace)
    }

    /// What a program said here, as a page has it.
    pub fn to_documented(&self, text: &str) -> String {
        let replace = |text: String, (page, ours): &(u16, u16)| text.replace(&format!(":{ours}"), &format!(":{page}"));
        self.0.iter().fold(text.to_owned(), replace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_of_pages_are_others_here() {
        let ports = Ports(vec![(8080, 41000), (8090, 41001)]);
        assert_eq!(ports.to_ours("curl http://localhost:8090/:8081"), "curl http://localhost:41001/:8081");
        assert_eq!(ports.to_documented("127.0.0.1:41000"), "127.0.0.1:8080");
    }
}
