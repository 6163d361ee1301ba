//! Where the store listens: as its manifest says, and as the environment may change it.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::{Context, Result};

use crate::project::variable;

/// A listener of the host.
#[derive(Clone, Debug)]
pub struct Port {
    pub name: &'static str,
    variable: &'static str,
    pub listen: SocketAddr,
    /// What answers 200 once it is ready.
    pub health: &'static str,
}

impl Port {
    /// The address to connect to: a listener on every address is reached by loopback.
    pub fn address(&self) -> SocketAddr {
        let mut address = self.listen;
        if address.ip().is_unspecified() {
            address.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        address
    }

    fn new(name: &'static str, variable_name: &'static str, default: &str, health: &'static str) -> Result<Self> {
        let listen = variable(variable_name).unwrap_or_else(|| default.to_owned());
        let wrong = || format!("{variable_name}={listen} is not an address such as {default}");
        let listen = listen.parse().with_context(wrong)?;
        Ok(Self { name, variable: variable_name, listen, health })
    }

    fn check(&self) -> Result<()> {
        let Self { name, variable, listen, .. } = self;
        let port = listen.port();
        let taken =
            || format!("port {port}, for {name}, is in use: end what listens there, or set {variable}=ADDRESS:PORT");
        TcpListener::bind(listen).map(drop).with_context(taken)
    }
}

/// All of them, in the order in which they are told to the user.
pub fn all() -> Result<Vec<Port>> {
    Ok(vec![
        Port::new("users", "USERS_LISTEN", "0.0.0.0:8081", "/healthz")?,
        Port::new("orders", "ORDERS_LISTEN", "0.0.0.0:8082", "/healthz")?,
        Port::new("store", "STORE_LISTEN", "0.0.0.0:8083", "/healthz")?,
        Port::new("shop", "SHOP_LISTEN", "0.0.0.0:8084", "/healthz")?,
        // The consumer has no port of its own: the host as a whole is ready when it is.
        Port::new("admin", "ADMIN_LISTEN", "127.0.0.1:8080", "/readyz")?,
    ])
}

/// Where a browser on this machine gets the page of the shop, unless the environment says so: the other services take calls
/// of its page.
pub fn shop_origin(ports: &[Port]) -> Option<(String, String)> {
    let shop = ports.iter().find(|port| port.name == "shop").filter(|_| variable("SHOP_ORIGIN").is_none())?;
    let port = shop.listen.port();
    Some(("SHOP_ORIGIN".to_owned(), format!("http://localhost:{port},http://127.0.0.1:{port}")))
}

/// Before anything is started: an error that names the port that is taken.
pub fn check(ports: &[Port]) -> Result<()> {
    ports.iter().try_for_each(Port::check)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = listener.local_addr().unwrap();
        let port = Port { name: "users", variable: "USERS_LISTEN", listen, health: "/healthz" };
        let error = check(std::slice::from_ref(&port)).unwrap_err().to_string();
        assert!(error.starts_with(&format!("port {}, for users, is in use", listen.port())), "{error}");
        drop(listener);
        check(&[port]).unwrap();
    }
}
