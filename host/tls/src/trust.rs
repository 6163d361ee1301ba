//! Whom the host and its command line trust as clients, and by which certificate they are known themselves.

use std::error::Error;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

use super::pinned::Pinned;
use super::{TlsError, pem, provider};

/// Which servers are trusted.
#[derive(Clone, Copy, Debug)]
pub enum Trust<'a> {
    /// Those that authorities of the web vouch for.
    Web,
    /// Those that an authority in this file vouches for, and no others.
    Authorities(&'a Path),
    /// The one that has the first certificate of this file, by whatever name.
    Certificate(&'a Path),
}

/// The certificate of a client itself, where the server asks for one.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// The file of its certificate.
    pub certificate: &'a Path,
    /// The file of its key.
    pub key: &'a Path,
}

/// How a client connects.
///
/// # Errors
/// A file cannot be used.
pub fn client(trust: Trust<'_>, identity: Option<Identity<'_>>) -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.expect("the provider has the usual versions of TLS");
    let builder = match trust {
        Trust::Web => builder.with_root_certificates(web()),
        Trust::Authorities(file) => builder.with_root_certificates(pem::authorities("ca", file)?),
        Trust::Certificate(file) => {
            let certificate = pem::chain("certificate", file)?.swap_remove(0);
            let pinned = Arc::new(Pinned { certificate, provider: provider() });
            builder.dangerous().with_custom_certificate_verifier(pinned)
        }
    };
    let Some(Identity { certificate, key }) = identity else { return Ok(builder.with_no_client_auth()) };
    let (chain, private) = (pem::chain("certificate", certificate)?, pem::key("key", key)?);
    let unfit = |error| TlsError::new("key", key, format!("does not fit {}: {error}", certificate.display()));
    builder.with_client_auth_cert(chain, private).map_err(unfit)
}

fn web() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

/// What is wrong with the encryption, where that is why a connection failed.
pub fn refusal<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // An error of I/O leaves the one that it holds out of its source.
        next = match error.downcast_ref::<io::Error>() {
            Some(holder) => holder.get_ref().map(|held| held as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}
