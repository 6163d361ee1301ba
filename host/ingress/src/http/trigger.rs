//! The trigger `http`: a listener of a service's own.

use std::net::SocketAddr;
use std::sync::Arc;

use componentd_config::{self as config, HttpTrigger};
use componentd_core::deployment::Deployment;
use componentd_core::entry_point::{Entry, EntryPoint};
use componentd_core::error::StartError;
use componentd_core::registry::Service;
use componentd_core::state::State;
use componentd_core::trigger::{Ingress, Ports, Preparing, Source, Trigger, Unexpected};
use componentd_tls as tls;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::net::TcpListener;
use tracing::info;
use wasmtime::component::InstancePre;
use wasmtime_wasi_http::p2::bindings::ProxyIndices;

use super::probe::probe;
use super::serve;
use crate::listener::{Listening, bind_when_closed};

/// The trigger itself.
pub struct Http;

impl EntryPoint for Http {
    fn key(&self) -> &'static str {
        "http"
    }

    fn example(&self) -> &'static str {
        "http = { listen = … }"
    }

    fn export(&self) -> Option<&'static str> {
        Some("wasi:http/incoming-handler")
    }

    fn entry(&self, linked: &InstancePre<State>) -> wasmtime::Result<Entry> {
        let indices = ProxyIndices::new(linked)?;
        Ok(Box::new(move |store, instance| Ok(Box::new(indices.load(store, instance)?))))
    }
}

impl Trigger for Http {
    fn listens_at(&self, spec: &config::Service) -> Option<SocketAddr> {
        spec.http.as_ref().map(|settings| settings.listen)
    }

    fn keeps_service(&self) -> bool {
        true
    }

    fn probe<'a>(&'a self, deployment: &'a Arc<Deployment>) -> BoxFuture<'a, Result<(), Unexpected>> {
        async { Ok(probe(deployment).await?) }.boxed()
    }

    fn prepare<'a>(&'a self, preparing: Preparing<'a>) -> BoxFuture<'a, Result<Box<dyn Source>, StartError>> {
        async move {
            let settings = preparing.spec.http.clone().expect("a service is prepared by its own trigger");
            let name = &preparing.service.name;
            let tls = tls::load(settings.tls.as_ref(), preparing.manifest, &["services", name, "http"])?;
            let listener = listener(preparing.ports, name, settings.listen).await.map_err(|source| {
                let place = preparing.manifest.place(&["services", name, "http", "listen"]);
                StartError::Listen { place, address: settings.listen, source }
            })?;
            Ok(Box::new(Opened { listening: Listening { listener, tls }, settings }) as Box<dyn Source>)
        }
        .boxed()
    }
}

/// A port that is open, and not served yet.
struct Opened {
    listening: Listening,
    settings: HttpTrigger,
}

impl Source for Opened {
    fn open(self: Box<Self>, service: &Arc<Service>, ingress: &mut Ingress) {
        let Self { listening, settings } = *self;
        let (listener, is_encrypted) = (listening.listener.clone(), listening.tls.is_some());
        let address = listener.local_addr().expect("it is bound");
        info!(listener = service.name, %address, tls = is_encrypted, "listening");
        if service.has_databases() {
            service.set_ready(true);
        } else {
            ingress.tasks.spawn(service.clone().ready_with_databases(ingress.stop.clone()));
        }
        ingress.tasks.spawn(serve(listening, service.clone(), settings, ingress.stop.clone()));
        (ingress.listener, ingress.address) = (Some(listener), Some(address));
    }
}

/// That of a service which gives it up, or stays there; else a new one.
async fn listener(ports: &dyn Ports, service: &str, address: SocketAddr) -> std::io::Result<Arc<TcpListener>> {
    match ports.listener_at(address, service) {
        Some(listener) => Ok(listener),
        None => bind_when_closed(address, || ports.is_closing(address.port())).await.map(Arc::new),
    }
}
