//! TLS of the host: the certificates that its listeners have, and those that its clients trust.
//!
//! The files are PEM. A file that cannot be used is an error that names it and its mend, before anything is served; a renewed
//! one that cannot be used changes nothing.

#![warn(missing_docs, unreachable_pub)]

mod listener;
mod pem;
mod pinned;
mod trust;
mod validity;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use componentd_config::{self as config, ConfigError, Manifest, Source};
use rustls::crypto::{CryptoProvider, ring};

pub use self::listener::{Listener, Stream};
pub use self::trust::{Identity, Trust, client, refusal};

/// A file of certificates or keys that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", .file.display())]
pub struct TlsError {
    /// Which one it is, as a key of the table `tls`.
    pub key: &'static str,
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it, and what mends it.
    pub reason: String,
}

impl TlsError {
    fn new(key: &'static str, file: &Path, reason: impl Into<String>) -> Self {
        Self { key, file: file.to_owned(), reason: reason.into() }
    }

    /// The same, said of the manifest that names the file; `table` is where its `tls` stands.
    pub fn in_manifest(&self, source: &Source, table: &[&str]) -> ConfigError {
        let place = source.place(&[table, &["tls", self.key]].concat());
        ConfigError { place, reason: self.to_string() }
    }
}

/// The cryptography of all that is encrypted.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Whether all listeners of a manifest can have their certificates.
///
/// # Errors
/// The first that cannot.
pub fn check(manifest: &Manifest) -> Result<(), ConfigError> {
    let admin = manifest.admin.as_ref().and_then(|admin| admin.tls.as_ref());
    load(admin, &manifest.source, &["admin"])?;
    for (name, service) in &manifest.services {
        let tls = service.http.as_ref().and_then(|http| http.tls.as_ref());
        load(tls, &manifest.source, &["services", name, "http"])?;
    }
    Ok(())
}

/// The certificate of a listener, if it has one.
///
/// # Errors
/// Its files cannot be used.
pub fn load(tls: Option<&config::Tls>, source: &Source, table: &[&str]) -> Result<Option<Listener>, ConfigError> {
    let loaded = tls.map(Listener::load).transpose();
    loaded.map_err(|error| error.in_manifest(source, table))
}
