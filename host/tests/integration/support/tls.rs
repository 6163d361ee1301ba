//! Certificates of an authority that a test is itself, and a client that speaks HTTPS.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use dev_backends::Scratch;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::unique;

/// One that signs certificates, with a folder for their files.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: Scratch,
}

/// The files of a certificate and its key.
#[derive(Clone)]
pub struct Files {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// From when to when a certificate holds.
pub enum Term {
    Usual,
    /// It is over.
    Past,
}

impl Authority {
    pub fn new() -> Self {
        let (mut parameters, key) = (CertificateParams::new([]).unwrap(), KeyPair::generate().unwrap());
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(rcgen::DnType::CommonName, unique("authority"));
        let folder = Scratch::new().unwrap();
        std::fs::write(folder.path().join("ca.pem"), parameters.self_signed(&key).unwrap().pem()).unwrap();
        Self { issuer: Issuer::new(parameters, key), folder }
    }

    /// The file of its own certificate.
    pub fn ca(&self) -> PathBuf {
        self.file("ca.pem")
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A certificate of these names, in files of this name.
    pub fn certificate(&self, file: &str, names: &[&str]) -> Files {
        self.certificate_for(file, names, &Term::Usual)
    }

    pub fn certificate_for(&self, file: &str, names: &[&str], term: &Term) -> Files {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let (mut parameters, key) = (CertificateParams::new(names).unwrap(), KeyPair::generate().unwrap());
        if let Term::Past = term {
            parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
            parameters.not_after = rcgen::date_time_ymd(2021, 1, 1);
        }
        let signed = parameters.signed_by(&key, &self.issuer).unwrap();
        let files = Files { certificate: self.file(&format!("{file}.pem")), key: self.file(&format!("{file}.key")) };
        std::fs::write(&files.certificate, signed.pem()).unwrap();
        std::fs::write(&files.key, key.serialize_pem()).unwrap();
        files
    }
}

impl Files {
    /// As a table of a manifest, with these further keys.
    pub fn table(&self, more: &str) -> String {
        format!("tls = {{ certificate = '{}', key = '{}'{more} }}", self.certificate.display(), self.key.display())
    }

    /// Puts these in the place of others, the certificate first.
    pub fn replace(&self, others: &Self) {
        std::fs::rename(&self.certificate, &others.certificate).unwrap();
        std::fs::rename(&self.key, &others.key).unwrap();
    }
}

/// A client that trusts one authority.
#[derive(Clone)]
pub struct Https {
    pub address: SocketAddr,
    config: Arc<ClientConfig>,
}

impl Https {
    /// One that says it speaks these protocols, and shows this certificate.
    pub fn new(address: SocketAddr, ca: &Path, protocols: &[&str], own: Option<&Files>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
        let config = ClientConfig::builder().with_root_certificates(roots);
        let mut config = match own {
            None => config.with_no_client_auth(),
            Some(files) => {
                let chain = vec![CertificateDer::from_pem_file(&files.certificate).unwrap()];
                config.with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(&files.key).unwrap()).unwrap()
            }
        };
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Self { address, config: Arc::new(config) }
    }

    /// A new connection, by the name `localhost`.
    pub async fn connect(&self) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await?;
        TlsConnector::from(self.config.clone()).connect("localhost".try_into().unwrap(), stream).await
    }

    /// Asks by a new connection, in the protocol that the server has chosen: that, and the text of a good answer.
    ///
    /// # Errors
    /// There is no whole answer with 200.
    pub async fn get(&self, path: &str) -> Result<(Option<String>, String), Box<dyn std::error::Error>> {
        let stream = self.connect().await?;
        let protocol = stream.get_ref().1.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
        let request = Request::get(format!("https://localhost{path}")).header("host", "localhost");
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        let stream = TokioIo::new(stream);
        let answer = if protocol.as_deref() == Some("h2") {
            let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
            tokio::spawn(connection);
            sender.send_request(request).await?
        } else {
            let (mut sender, connection) = http1::handshake(stream).await?;
            tokio::spawn(connection);
            sender.send_request(request).await?
        };
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        if status == 200 { Ok((protocol, text)) } else { Err(format!("{status}: {text}").into()) }
    }

    /// The certificate that a new connection is shown.
    pub async fn shown(&self) -> Vec<u8> {
        let stream = self.connect().await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    }
}

/// The bytes of the certificate in a file.
pub fn der(file: &Path) -> Vec<u8> {
    CertificateDer::from_pem_file(file).unwrap().to_vec()
}
