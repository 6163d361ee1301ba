//! From when to when a certificate holds.

use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error};

use super::provider;

/// Why a certificate does not hold now, and since or until when, in seconds from 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lapse {
    /// Its time is over.
    Expired(u64),
    /// It begins later.
    NotYet(u64),
}

/// Whether it holds, as far as time goes: whoever verifies it looks at that first, and so it need not be trusted.
pub(super) fn lapse(certificate: &CertificateDer<'static>, now: Duration) -> Option<Lapse> {
    let mut itself = RootCertStore::empty();
    itself.add(certificate.clone()).ok()?;
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(itself), provider()).build().ok()?;
    let anybody = ServerName::try_from("localhost").ok()?;
    let now = UnixTime::since_unix_epoch(now);
    match verifier.verify_server_cert(certificate, &[], &anybody, &[], now) {
        Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
            Some(Lapse::Expired(not_after.as_secs()))
        }
        Err(Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. })) => {
            Some(Lapse::NotYet(not_before.as_secs()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_holds_from_its_first_second_to_its_last() {
        let mut parameters = rcgen::CertificateParams::new(["x.example".to_owned()]).unwrap();
        parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(2021, 1, 1);
        let certificate = parameters.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        let (first, last) = (1_577_836_800, 1_609_459_200);
        let at = |second| lapse(certificate.der(), Duration::from_secs(second));
        assert_eq!(at(first - 1), Some(Lapse::NotYet(first)));
        assert_eq!((at(first), at(last)), (None, None));
        assert_eq!(at(last + 1), Some(Lapse::Expired(last)));
    }
}
