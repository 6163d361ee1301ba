//! The command line's side of the admin API.

use std::error::Error;
use std::time::Duration;

use componentd_config::{AdminAccess, AdminTrust, Origin};
use componentd_tls::{self as tls, Identity, TlsError, Trust};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::api::{Component, Entry, LogsQuery, Problem, Readiness, RollbackQuery, Service, Swapped};
use super::browsers;

/// A swap compiles, migrates, probes, and may run a canary.
const TIMEOUT: Duration = Duration::from_secs(600);

/// More than any answer has that is read as a whole.
const MAX_ANSWER: usize = 16 << 20;

/// Asks the admin port of a running host.
pub struct AdminClient {
    access: AdminAccess,
    http: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// Why the host did not do it.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Nobody answers there.
    #[error("nobody answers at {origin}: {reason}; is the host running, and is that its admin port?")]
    Unreachable {
        /// Where the host was looked for.
        origin: Origin,
        /// What the connection says.
        reason: String,
    },
    /// It speaks TLS, and is not known or does not know us.
    #[error(
        "{origin} is not trusted: {reason}; name the file of the authority that has signed its certificate with --ca or \
         COMPONENTD_CA, and ask by a name that the certificate has"
    )]
    Untrusted {
        /// Where the host was looked for.
        origin: Origin,
        /// What is wrong with its certificate.
        reason: String,
    },
    /// A file of certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Whatever answers there is no host, or one of another version.
    #[error(
        "the answer of {origin} cannot be read ({reason}): is that the admin port of a host, and this command of the same \
         version?"
    )]
    Unreadable {
        /// Where the host was looked for.
        origin: Origin,
        /// What the connection says.
        reason: String,
    },
    /// The token is missing, or another one.
    #[error(
        "the admin port asks for its token: set COMPONENTD_TOKEN, or give it with --token; with neither it is `token` of \
         [admin], or else read from `admin-token` in the host's state folder, which only the host's own user can"
    )]
    Token,
    /// The host refuses; in its words.
    #[error("{0}")]
    Refused(String),
}

/// A request to be sent.
struct Ask {
    method: Method,
    url: Url,
    body: Bytes,
}

/// Each asks for one route.
///
/// # Errors
/// The host does not answer, or refuses; the message says why.
impl AdminClient {
    /// Of the host that is reached so; nothing is sent yet.
    ///
    /// # Errors
    /// A file of certificates cannot be used.
    pub fn new(access: AdminAccess) -> Result<Self, TlsError> {
        let trust = match &access.trust {
            AdminTrust::Web => Trust::Web,
            AdminTrust::Authorities(file) => Trust::Authorities(file),
            AdminTrust::Certificate(file) => Trust::Certificate(file),
        };
        let identity = access.identity.as_ref().map(|(certificate, key)| Identity { certificate, key });
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls::client(trust, identity)?);
        let connector = connector.https_or_http().enable_http1().build();
        Ok(Self { access, http: Client::builder(TokioExecutor::new()).build(connector) })
    }

    /// All services of the host, by name.
    pub async fn services(&self) -> Result<Vec<Service>, AdminError> {
        self.ask(self.get(&["services"])).await
    }

    /// The history of a service, oldest first.
    pub async fn history(&self, service: &str) -> Result<Vec<Entry>, AdminError> {
        self.ask(self.get(&["services", service, "history"])).await
    }

    /// Brings a version up, and waits until it is live.
    pub async fn upload(&self, service: &str, Component(component): Component) -> Result<Swapped, AdminError> {
        let url = self.url(&["services", service, "versions"]);
        self.ask(Ask { method: Method::POST, url, body: component.into() }).await
    }

    /// Goes back to a version, and waits until it is live.
    pub async fn rollback(&self, service: &str, query: &RollbackQuery) -> Result<Swapped, AdminError> {
        let url = with_query(self.url(&["services", service, "rollback"]), query);
        self.ask(Ask { method: Method::POST, url, body: Bytes::new() }).await
    }

    /// Also that of a host that is not ready.
    pub async fn readiness(&self) -> Result<Readiness, AdminError> {
        let answer = self.send(self.get(&["readyz"])).await?;
        match answer.status() {
            StatusCode::OK | StatusCode::SERVICE_UNAVAILABLE => self.read(answer).await,
            _ => Err(self.refused(answer).await),
        }
    }

    /// The lines of the log as they come.
    pub async fn logs(self, service: &str, query: &LogsQuery) -> Result<Lines, AdminError> {
        let mut ask = self.get(&["services", service, "logs"]);
        ask.url = with_query(ask.url, query);
        let answer = self.send(ask).await?;
        if !answer.status().is_success() {
            return Err(self.refused(answer).await);
        }
        Ok(Lines { client: self, body: answer.into_body(), read: Vec::new() })
    }

    fn get(&self, path: &[&str]) -> Ask {
        Ask { method: Method::GET, url: self.url(path), body: Bytes::new() }
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url: Url = self.access.origin.to_string().parse().expect("an origin is a URL");
        url.path_segments_mut().expect("http has paths").extend(path);
        url
    }

    async fn ask<T: DeserializeOwned>(&self, ask: Ask) -> Result<T, AdminError> {
        let answer = self.send(ask).await?;
        if answer.status().is_success() { self.read(answer).await } else { Err(self.refused(answer).await) }
    }

    async fn send(&self, Ask { method, url, body }: Ask) -> Result<Response<Incoming>, AdminError> {
        let mut request = Request::builder().method(method).uri(url.as_str());
        if let Some(token) = &self.access.token {
            request = request.header(AUTHORIZATION, format!("Bearer {}", &**token));
        }
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, browsers::BODY);
        }
        let request = request.body(Full::from(body)).map_err(|e| self.unreachable(&e))?;
        let answer = tokio::time::timeout(TIMEOUT, self.http.request(request)).await;
        let answer = answer.map_err(|e| self.unreachable(&e))?.map_err(|e| self.unreachable(&e))?;
        if answer.status() == StatusCode::UNAUTHORIZED { Err(AdminError::Token) } else { Ok(answer) }
    }

    async fn read<T: DeserializeOwned>(&self, answer: Response<Incoming>) -> Result<T, AdminError> {
        let (status, origin) = (answer.status(), &self.access.origin);
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await.map_err(|e| self.unreachable(&*e))?;
        serde_json::from_slice(&body.to_bytes())
            .map_err(|error| AdminError::Unreadable { origin: origin.clone(), reason: format!("{status}: {error}") })
    }

    /// Why it was refused, or why that cannot be read.
    async fn refused(&self, answer: Response<Incoming>) -> AdminError {
        match self.read::<Problem>(answer).await {
            Ok(problem) => AdminError::Refused(problem.detail),
            Err(error) => error,
        }
    }

    fn unreachable(&self, error: &(dyn Error + 'static)) -> AdminError {
        let origin = self.access.origin.clone();
        match tls::refusal(error) {
            Some(refusal) => AdminError::Untrusted { origin, reason: refusal.to_string() },
            None => AdminError::Unreachable { origin, reason: error.to_string() },
        }
    }
}

fn with_query(mut url: Url, query: &impl Serialize) -> Url {
    let query = serde_urlencoded::to_string(query).expect("a query has only plain values");
    url.set_query(Some(query.as_str()).filter(|query| !query.is_empty()));
    url
}

/// An answer that may have no end.
pub struct Lines {
    client: AdminClient,
    body: Incoming,
    /// What has come and is not yet given out.
    read: Vec<u8>,
}

impl Lines {
    /// The next one, without its end; none after the last.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn next(&mut self) -> Result<Option<String>, AdminError> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=end).collect();
                return Ok(Some(String::from_utf8_lossy(&line[..end]).into_owned()));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => self.read.extend(frame.into_data().unwrap_or_default()),
                Some(Err(error)) => return Err(self.client.unreachable(&error)),
                None => return Ok(None),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> AdminClient {
        let origin = "http://localhost:8080".parse().unwrap();
        AdminClient::new(AdminAccess { origin, token: None, trust: AdminTrust::Web, identity: None }).unwrap()
    }

    #[test]
    fn what_a_user_gives_stays_one_part_of_the_url() {
        let url = client().url(&["services", "a/b?c", "rollback"]);
        let url = with_query(url, &RollbackQuery { to: Some("sha256:1&2 ".to_owned()) });
        assert_eq!(url.as_str(), "http://localhost:8080/services/a%2Fb%3Fc/rollback?to=sha256%3A1%262+");
    }

    #[test]
    fn a_query_that_asks_for_nothing_is_left_out() {
        let url = with_query(client().url(&["services"]), &RollbackQuery::default());
        assert_eq!(url.as_str(), "http://localhost:8080/services");
    }
}
