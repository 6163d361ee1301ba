//! The certificate of a listener, which is taken anew when its files are renewed.

use std::convert::Infallible;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use componentd_config as config;
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_rustls::{TlsAcceptor, server};
use tracing::{info, warn};

use super::validity::{Lapse, lapse};
use super::{TlsError, pem, provider};

/// How often the files are looked at. Renewed ones are taken after one to two of these, once they stand still: the key may be
/// written after the certificate.
const LOOK: Duration = Duration::from_secs(1);

/// How often the clock is asked whether the certificate still holds.
const CLOCK: Duration = Duration::from_secs(3_600);

/// A connection of a client, encrypted.
pub type Stream<S> = server::TlsStream<S>;

/// What encrypts the connections of a listener.
pub struct Listener {
    files: config::Tls,
    current: RwLock<Current>,
    /// What the files were like when that was made of them.
    stamps: Stamps,
}

/// What connections from now on are encrypted by.
struct Current {
    config: Arc<ServerConfig>,
    certificate: CertificateDer<'static>,
}

/// What changes whenever one of the files does: inode, size, change time.
type Stamps = [Option<(u64, u64, i64, i64)>; 3];

impl Listener {
    /// What the files say now.
    ///
    /// # Errors
    /// One of them cannot be used.
    pub fn load(files: &config::Tls) -> Result<Self, TlsError> {
        let stamps = stamps(files);
        Ok(Self { current: RwLock::new(read(files)?), files: files.clone(), stamps })
    }

    /// Agrees with a client on keys.
    ///
    /// # Errors
    /// It does not speak TLS, or wants what there is not, or has no certificate where it must have one.
    pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> io::Result<Stream<S>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner).config.clone();
        TlsAcceptor::from(current).accept(stream).await
    }

    /// Takes the files when they are renewed, again and again. Where they cannot be used, what was there before goes on.
    pub async fn renew(&self) -> Infallible {
        let (mut taken, mut last, mut clock) = (self.stamps, self.stamps, Instant::now());
        let file = self.files.certificate.display();
        loop {
            if clock <= Instant::now() {
                self.say_lapse();
                clock += CLOCK;
            }
            tokio::time::sleep(LOOK).await;
            let now = stamps(&self.files);
            if std::mem::replace(&mut last, now) != now || taken == now {
                continue;
            }
            taken = now;
            match read(&self.files) {
                Ok(renewed) => {
                    *self.current.write().unwrap_or_else(PoisonError::into_inner) = renewed;
                    clock = Instant::now();
                    info!(certificate = %file, "the renewed certificate is in use");
                }
                Err(error) => {
                    let reason = error.to_string();
                    warn!(certificate = %file, reason, "renewed files cannot be used; the certificate before is in use");
                }
            }
        }
    }

    fn say_lapse(&self) {
        let Ok(now) = SystemTime::now().duration_since(UNIX_EPOCH) else { return };
        let certificate = self.current.read().unwrap_or_else(PoisonError::into_inner).certificate.clone();
        let file = self.files.certificate.display();
        match lapse(&certificate, now) {
            Some(Lapse::Expired(at)) => {
                warn!(certificate = %file, expired_at = at, "the certificate has expired, and clients refuse it: renew the file");
            }
            Some(Lapse::NotYet(at)) => {
                warn!(certificate = %file, begins_at = at, "the certificate does not hold yet, and clients refuse it: is the clock right?");
            }
            None => {}
        }
    }
}

/// All that the files say.
fn read(files: &config::Tls) -> Result<Current, TlsError> {
    let config::Tls { certificate, key, client_ca } = files;
    let (chain, private) = (pem::chain("certificate", certificate)?, pem::key("key", key)?);
    let certificate = chain[0].clone();
    let own = CertifiedKey::from_der(chain, private, &provider()).map_err(|error| unfit(files, &error))?;
    let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.expect("the provider has the usual versions of TLS");
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let authorities = Arc::new(pem::authorities("client-ca", file)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(authorities, provider()).build();
            let unusable = |error| TlsError::new("client-ca", file, format!("cannot verify clients: {error}"));
            builder.with_client_cert_verifier(verifier.map_err(unusable)?)
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(own)));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Current { config: Arc::new(config), certificate })
}

/// Why a certificate and a key are no pair.
fn unfit(files: &config::Tls, error: &rustls::Error) -> TlsError {
    match error {
        rustls::Error::InconsistentKeys(_) => {
            let certificate = files.certificate.display();
            TlsError::new("key", &files.key, format!("is not the key of {certificate}: take the one it was made with"))
        }
        rustls::Error::InvalidCertificate(_) => {
            let reason = format!("cannot be read as a certificate: {error}; write it once more");
            TlsError::new("certificate", &files.certificate, reason)
        }
        _ => {
            let reason =
                format!("is no key that can be used: {error}; make one of RSA, ECDSA (P-256, P-384) or Ed25519");
            TlsError::new("key", &files.key, reason)
        }
    }
}

fn stamps(files: &config::Tls) -> Stamps {
    let of = |file: &Path| {
        let metadata = std::fs::metadata(file).ok()?;
        Some((metadata.ino(), metadata.size(), metadata.ctime(), metadata.ctime_nsec()))
    };
    [of(&files.certificate), of(&files.key), files.client_ca.as_deref().and_then(of)]
}
