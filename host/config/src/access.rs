//! How the commands reach a running host: its admin port's address, the token to show there, and by what it is known if it
//! speaks TLS.
//!
//! Nothing of a manifest is looked at but `listen`, `tls` and `token` of `[admin]`, and the state folder where there is no token,
//! so variables that the rest of it needs may be unset where only the admin port is asked.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue};

use super::environment::{Environment, variable};
use super::manifest::address;
use super::secret::Secret;
use super::tls::Tls;
use super::values::{Origin, optional, without_password};
use super::{ConfigError, Source, read};

/// What a host without a token in its manifest keeps its own in, in its state folder.
pub const TOKEN_FILE: &str = "admin-token";

const ADDRESS: &str = "COMPONENTD_ADMIN";
const TOKEN: &str = "COMPONENTD_TOKEN";
const CA: &str = "COMPONENTD_CA";
const CERTIFICATE: &str = "COMPONENTD_CERTIFICATE";
const KEY: &str = "COMPONENTD_KEY";

/// Where a running host is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct AdminAccess {
    /// Of the admin port.
    pub origin: Origin,
    /// What requests carry as `Authorization: Bearer …`; none where neither the command line, the environment nor the
    /// manifest has one, and that in the state folder cannot be read.
    pub token: Option<Secret>,
    /// Whom to trust, where it is `https`.
    pub trust: AdminTrust,
    /// The files of a certificate and its key, for a port that asks for one.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// By what an admin port with TLS is known.
#[derive(Clone, Debug, PartialEq)]
pub enum AdminTrust {
    /// A certificate that authorities of the web have signed.
    Web,
    /// One that an authority in this file has signed.
    Authorities(PathBuf),
    /// The one in this file, by whatever name: the manifest at hand has it.
    Certificate(PathBuf),
}

/// What the command line says of a running host.
#[derive(Clone, Copy, Debug, Default)]
pub struct Said<'a> {
    /// The address of its admin port.
    pub url: Option<&'a str>,
    /// What to show there.
    pub token: Option<&'a str>,
    /// The manifest that it runs.
    pub manifest: Option<&'a Path>,
    /// Authorities to trust.
    pub ca: Option<&'a Path>,
    /// A certificate to show.
    pub certificate: Option<&'a Path>,
    /// Its key.
    pub key: Option<&'a Path>,
}

/// Why nobody can be asked.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The manifest, which was to name the address, cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The command line or the environment names something else than `[http[s]://]host:port`.
    #[error(
        "{name}: {given} is no address of an admin port: write http://HOST:PORT or https://HOST:PORT, as in \
         http://127.0.0.1:8080"
    )]
    Address {
        /// What gave it: `--admin`, or the variable.
        name: &'static str,
        /// In quotes, or a few words in its place where it may hold a password.
        given: String,
    },
    /// A certificate without its key, or the other way round.
    #[error(
        "a certificate needs its key: give both --certificate and --key, or set COMPONENTD_CERTIFICATE and COMPONENTD_KEY"
    )]
    HalfAnIdentity,
    /// The manifest has no `[admin]` table.
    #[error(
        "{}: the manifest has no [admin] port to ask; name that of the running host with --admin, or add the lines\n\
         [admin]\nlisten = \"127.0.0.1:8080\"",
        .file.display()
    )]
    NoAdmin {
        /// The manifest that was read.
        file: PathBuf,
    },
    /// The manifest lets the host take any free port, so only the running host knows which.
    #[error("{}: admin.listen is any free port (0); name the one that the host has taken with --admin", .file.display())]
    AnyPort {
        /// The manifest that was read.
        file: PathBuf,
    },
}

impl AdminAccess {
    /// What the command line says, else the environment, else the manifest: the one that is named, or `componentd.toml`.
    ///
    /// # Errors
    /// None of them names an address, or one is wrong.
    pub fn find(said: Said<'_>) -> Result<Self, AccessError> {
        let token = said.token.map(str::to_owned).or_else(|| variable(TOKEN)).map(Secret::from);
        let file = |given: Option<&Path>, name| given.map(Path::to_owned).or_else(|| variable(name).map(PathBuf::from));
        let trust = file(said.ca, CA).map(AdminTrust::Authorities);
        let identity = match (file(said.certificate, CERTIFICATE), file(said.key, KEY)) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err(AccessError::HalfAnIdentity),
        };
        let at = |origin| Self {
            origin,
            token: token.clone(),
            trust: trust.clone().unwrap_or(AdminTrust::Web),
            identity: identity.clone(),
        };
        if let Some(url) = said.url {
            return Ok(at(origin("--admin", url)?));
        }
        match (said.manifest, variable(ADDRESS)) {
            (None, Some(url)) => Ok(at(origin(ADDRESS, &url)?)),
            (manifest, _) => {
                let found = of_manifest(manifest.unwrap_or(Path::new(super::DEFAULT_MANIFEST)), token)?;
                Ok(Self { trust: trust.unwrap_or(found.trust), identity, ..found })
            }
        }
    }
}

/// The scheme may be left out, and is `http` then.
fn origin(name: &'static str, given: &str) -> Result<Origin, AccessError> {
    let url = if given.contains("://") { given.to_owned() } else { format!("http://{given}") };
    let origin = url.parse::<Origin>().ok().filter(|_| url.starts_with("http://") || url.starts_with("https://"));
    origin.ok_or_else(|| AccessError::Address { name, given: without_password(given) })
}

#[derive(Deserialize)]
struct OnlyAdmin {
    admin: Option<Reach>,
}

#[derive(Deserialize)]
struct Reach {
    #[serde(deserialize_with = "address")]
    listen: SocketAddr,
    tls: Option<Tls>,
    #[serde(default, deserialize_with = "optional")]
    token: Option<Secret>,
}

#[derive(Deserialize)]
struct OnlyHost {
    host: State,
}

#[derive(Deserialize)]
struct State {
    #[serde(deserialize_with = "optional")]
    state: Option<PathBuf>,
}

fn of_manifest(path: &Path, token: Option<Secret>) -> Result<AdminAccess, AccessError> {
    let text = read(path)?;
    let (source, environment) = (Source::new(path, &text), Environment::beside(path)?);
    let needed: &[&str] = if token.is_some() { &["listen", "tls"] } else { &["listen", "tls", "token"] };
    let OnlyAdmin { admin } = only(&source, "admin", needed, &environment)?;
    let admin = admin.ok_or_else(|| AccessError::NoAdmin { file: path.to_owned() })?;
    if admin.listen.port() == 0 {
        return Err(AccessError::AnyPort { file: path.to_owned() });
    }
    let scheme = if admin.tls.is_some() { "https" } else { "http" };
    let origin = format!("{scheme}://{}", admin.listen).parse().expect("an address is the authority of an origin");
    let token = token.or(admin.token).or_else(|| kept(&source, &environment));
    let certificate = admin.tls.map(|tls| AdminTrust::Certificate(source.folder().join(tls.certificate)));
    Ok(AdminAccess { origin, token, trust: certificate.unwrap_or(AdminTrust::Web), identity: None })
}

/// The token that the host has made for itself. Probes need none, so that it cannot be read is no error.
fn kept(source: &Source, environment: &Environment) -> Option<Secret> {
    let OnlyHost { host } = only(source, "host", &["state"], environment).ok()?;
    let token = std::fs::read_to_string(source.folder().join(host.state?).join(TOKEN_FILE)).ok()?;
    Some(token.trim().to_owned()).filter(|token| !token.is_empty()).map(Secret::from)
}

/// A table of the manifest with these keys, and nothing else of it.
fn only<T: DeserializeOwned>(
    source: &Source,
    name: &str,
    keys: &[&str],
    environment: &Environment,
) -> Result<T, ConfigError> {
    let mut table = source.table()?;
    keep(table.get_mut(), &[name]);
    for (_, inner) in table.get_mut().iter_mut() {
        if let DeValue::Table(inner) = inner.get_mut() {
            keep(inner, keys);
        }
    }
    source.read(table, &|name| environment.get(name))
}

/// What is left out is not expanded either.
fn keep(table: &mut DeTable<'_>, keys: &[&str]) {
    *table = std::mem::take(table).into_iter().filter(|(name, _)| keys.contains(&name.get_ref().as_ref())).collect();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_leave_out_its_scheme() {
        let plain = |given: &str| origin("--admin", given).map(|origin| origin.to_string()).ok();
        for given in ["localhost:8080", "http://localhost:8080", "http://localhost:8080/"] {
            assert_eq!(plain(given).as_deref(), Some("http://localhost:8080"), "{given}");
        }
        assert_eq!(plain("[::1]:80").as_deref(), Some("http://[::1]"));
        assert_eq!(plain("https://localhost").as_deref(), Some("https://localhost"));
        for wrong in ["ftp://localhost", "localhost:8080/services", "a b", ""] {
            assert_eq!(plain(wrong), None, "{wrong}");
        }
    }
}
