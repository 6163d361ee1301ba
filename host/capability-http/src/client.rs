//! The pools of connections to other servers.

use std::task::{Context, Poll};

use hyper::Uri;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tower_service::Service;
use wasmtime_wasi_http::WasiBody;

use super::attempt::Attempt;
use super::resolver::Resolver;

/// Connections to one server that wait for another request, each with a descriptor.
const MAX_IDLE: usize = 32;

pub(super) type HyperClient = Client<HttpsConnector<Connector>, WasiBody>;

/// The connection pools that all services share: one for addresses of the internet, one for any address, so that a
/// connection of the second is never handed to a request of the first.
#[derive(Clone)]
pub(super) struct HttpClients {
    pub(super) public: HyperClient,
    pub(super) private: HyperClient,
}

impl Default for HttpClients {
    fn default() -> Self {
        Self { public: client(Resolver { private: false }), private: client(Resolver { private: true }) }
    }
}

fn client(resolver: Resolver) -> HyperClient {
    Client::builder(TokioExecutor::new()).pool_max_idle_per_host(MAX_IDLE).build(connector(resolver))
}

/// Connections as each request has them: TCP, and TLS where the scheme asks for it.
pub(super) fn connector(resolver: Resolver) -> HttpsConnector<Connector> {
    let mut tcp = HttpConnector::new_with_resolver(resolver);
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    hyper_rustls::HttpsConnectorBuilder::new()
        .with_webpki_roots()
        .https_or_http()
        .enable_http1()
        .enable_http2()
        .wrap_connector(Connector(tcp))
}

/// Connects within the limit of the attempt, which is divided among the addresses of a name: the first may not answer.
#[derive(Clone)]
pub(super) struct Connector(HttpConnector<Resolver>);

impl Service<Uri> for Connector {
    type Response = <HttpConnector<Resolver> as Service<Uri>>::Response;
    type Error = <HttpConnector<Resolver> as Service<Uri>>::Error;
    type Future = <HttpConnector<Resolver> as Service<Uri>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        let mut tcp = self.0.clone();
        tcp.set_connect_timeout(Some(Attempt::current().limit));
        tcp.call(server)
    }
}
