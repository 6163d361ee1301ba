//! Where the page finds the services that it calls.

use componentd_sdk::config;
use componentd_sdk::http::{Problem, Request};
use serde::Serialize;

/// As the page reads it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Services {
    /// The origin of `users`.
    users: String,
    /// The origin of `store`.
    store: String,
    /// Whether `/mails` has any to show.
    mails: bool,
}

impl Services {
    /// As the manifest says. Where it names no address, at the host that the page itself came from, so that a browser on
    /// another machine finds them as well.
    pub(crate) fn of(request: &Request) -> Result<Self, Problem> {
        let authority = request.authority().filter(|authority| is_plain(authority));
        let authority =
            authority.ok_or_else(|| Problem::bad_request("`Host` must name a host, as in shop.example:8084."))?;
        let address = |key: &str, listen: &str| match set(key)? {
            Some(url) if !url.starts_with(':') => Ok(url.trim_end_matches('/').to_owned()),
            Some(port) => Ok(beside(&authority, &port)),
            None => Ok::<_, Problem>(beside(&authority, &config::require(listen)?)),
        };
        Ok(Self {
            users: address("users", "users-listen")?,
            store: address("store", "store-listen")?,
            mails: set("mailbox-url")?.is_some(),
        })
    }

    /// The page may load its own files, call the two services, and nothing else.
    pub(crate) fn content_security_policy(&self) -> String {
        let Self { users, store, .. } = self;
        format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' {users} {store}; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
    }
}

/// What can stand in a policy without a meaning there: the letters, digits and marks of host names and addresses.
fn is_plain(authority: &str) -> bool {
    let is_mark = |byte| b".-_:[]".contains(&byte);
    !authority.is_empty() && authority.bytes().all(|byte| byte.is_ascii_alphanumeric() || is_mark(byte))
}

/// A value that is set and not empty: a variable with an empty default stands for none.
pub(crate) fn set(key: &str) -> Result<Option<String>, Problem> {
    Ok(config::get(key)?.filter(|value| !value.is_empty()))
}

/// The port that a service listens on, at the host of another authority.
fn beside(authority: &str, listen: &str) -> String {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    let port = listen.rsplit_once(':').map_or(listen, |(_, port)| port);
    format!("http://{host}:{port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_beside_the_page() {
        assert_eq!(beside("localhost:8084", "0.0.0.0:8081"), "http://localhost:8081");
        assert_eq!(beside("localhost:8084", ":9081"), "http://localhost:9081");
        assert_eq!(beside("shop.example", "[::]:8081"), "http://shop.example:8081");
        assert_eq!(beside("[::1]:8084", "127.0.0.1:9"), "http://[::1]:9");
        assert_eq!(beside("[::1]", "127.0.0.1:9"), "http://[::1]:9");
    }

    #[test]
    fn a_host_adds_nothing_to_the_policy() {
        for authority in ["localhost:8084", "shop.example", "[::1]:8084"] {
            assert!(is_plain(authority), "{authority}");
        }
        for authority in ["", "a;script-src", "a b", "a,b", "a'b"] {
            assert!(!is_plain(authority), "{authority:?}");
        }
    }

    #[test]
    fn the_policy_names_the_services() {
        let services = Services { users: "http://a:1".to_owned(), store: "http://b:2".to_owned(), mails: true };
        assert!(services.content_security_policy().contains("connect-src 'self' http://a:1 http://b:2;"));
    }
}
