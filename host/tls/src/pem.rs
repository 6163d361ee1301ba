//! What PEM files have: certificates and keys.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::TlsError;

/// A certificate, and those that lead from it to an authority.
pub(super) fn chain(key: &'static str, file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Result<Vec<_>, _> = read(key, file, CertificateDer::pem_file_iter)?.collect();
    match certificates.map_err(|error| unreadable(key, file, &error))? {
        none if none.is_empty() => {
            let reason = "has no certificate: it must be in PEM, from -----BEGIN CERTIFICATE----- on, followed by those \
                          that have signed it";
            Err(TlsError::new(key, file, reason))
        }
        chain => Ok(chain),
    }
}

/// A private key without a password.
pub(super) fn key(key: &'static str, file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    read(key, file, PrivateKeyDer::from_pem_file).map_err(|error| {
        let reason = "has no private key: it must be in PEM, from -----BEGIN PRIVATE KEY----- on, without a password";
        if error.reason == NOTHING { TlsError::new(key, file, reason) } else { error }
    })
}

/// The certificates of authorities.
pub(super) fn authorities(key: &'static str, file: &Path) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    for certificate in chain(key, file)? {
        let added = store.add(certificate);
        added.map_err(|error| TlsError::new(key, file, format!("has a certificate that cannot be read: {error}")))?;
    }
    Ok(store)
}

const NOTHING: &str = "has nothing of the kind";

fn read<'a, T>(
    key: &'static str,
    file: &'a Path,
    read: impl FnOnce(&'a Path) -> Result<T, pem::Error>,
) -> Result<T, TlsError> {
    read(file).map_err(|error| unreadable(key, file, &error))
}

fn unreadable(key: &'static str, file: &Path, error: &pem::Error) -> TlsError {
    let reason = match error {
        pem::Error::NoItemsFound => NOTHING.to_owned(),
        pem::Error::Io(error) => format!("cannot be read: {error}; put it there, readable for this user"),
        error => format!("is no PEM: {error}; write it once more"),
    };
    TlsError::new(key, file, reason)
}
