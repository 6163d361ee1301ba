//! The data of one instance's store: what the instance owns in the host, what the invocation that it is at may use, and the
//! views of both that capabilities get.

use std::any::Any;
use std::sync::Arc;

use http::HeaderValue;
use tracing::Span;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_config::WasiConfig;
use wasmtime_wasi_http::p2::body::{HostIncomingBody, HostOutgoingBody, StreamContext};
use wasmtime_wasi_http::p2::types::HostFutureIncomingResponse;
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::capability::away::BackendAway;
use crate::capability::postgres::Transaction;
use crate::capability::{kafka, logging, postgres, redis};
use crate::config::Limits;
use crate::deployment::Deployment;
use crate::limits::MemoryLimiter;

/// One call of a component: on whose behalf the host acts.
pub struct Invocation {
    pub deployment: Arc<Deployment>,
    /// What the log and other services know it by.
    pub id: HeaderValue,
    pub span: Span,
    pub away: BackendAway,
}

impl Invocation {
    pub fn new(deployment: Arc<Deployment>, id: HeaderValue, span: Span) -> Self {
        Self { deployment, id, span, away: BackendAway::default() }
    }
}

/// The invocation that an instance is at. Between two there is none, so an idle instance keeps no deployment alive.
#[derive(Default)]
pub struct Current(Option<Invocation>);

impl Current {
    pub fn get(&self) -> &Invocation {
        self.0.as_ref().expect("a component runs, and calls the host, only within an invocation")
    }
}

/// Everything that one instance owns in the host. Dropped with its store, also after a trap: open transactions are then
/// rolled back, requests under way are cancelled.
pub struct State {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    current: Current,
    pub output: logging::Output,
    pub memory: MemoryLimiter,
}

impl State {
    pub fn new(limits: &Limits, env: &[(String, String)]) -> Self {
        let output = logging::Output::default();
        let mut wasi = WasiCtx::builder();
        wasi.stdout(logging::Lines::new("stdout", output.clone()));
        wasi.stderr(logging::Lines::new("stderr", output.clone()));
        wasi.envs(env);
        wasi.allow_tcp(false).allow_udp(false);
        Self {
            table: ResourceTable::new(),
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            current: Current::default(),
            output,
            memory: MemoryLimiter::new(limits),
        }
    }

    pub fn begin(&mut self, invocation: Invocation) {
        self.output.belongs_to(Some(invocation.span.clone()));
        self.current = Current(Some(invocation));
    }

    /// Whether the instance may serve another invocation: it holds nothing open that ends with it, and has memory left.
    pub fn may_serve_another(&mut self) -> bool {
        let is_open = |entry: &mut (dyn Any + Send)| {
            entry.is::<Transaction>()
                || entry.is::<HostOutgoingBody>()
                || entry.is::<HostIncomingBody>()
                || entry.is::<HostFutureIncomingResponse>()
        };
        !self.table.iter_mut().any(is_open) && !self.memory.is_short()
    }

    pub fn end(&mut self) {
        self.current = Current(None);
        self.output.belongs_to(None);
    }

    pub fn postgres(&mut self) -> postgres::View<'_> {
        let Invocation { deployment, away, .. } = self.current.get();
        let Deployment { databases, spec, .. } = &**deployment;
        postgres::View { databases, table: &mut self.table, kafka: spec.grants.kafka.as_ref(), away }
    }

    pub fn redis(&mut self) -> redis::View<'_> {
        let Invocation { deployment, away, .. } = self.current.get();
        let Deployment { clients, spec, .. } = &**deployment;
        let (redis, grant) = (clients.redis.as_ref(), spec.grants.redis.as_ref());
        redis::View { redis, grant, limits: &spec.limits, away }
    }

    pub fn kafka(&mut self) -> kafka::View<'_> {
        let Invocation { deployment, away, .. } = self.current.get();
        let Deployment { clients, spec, .. } = &**deployment;
        let (producer, grant) = (clients.producer.as_ref(), spec.grants.kafka.as_ref());
        kafka::View { producer, grant, limits: &spec.limits, away }
    }

    pub fn logging(&mut self) -> logging::View<'_> {
        logging::View { span: &self.current.get().span }
    }

    pub fn config(&mut self) -> WasiConfig<'_> {
        WasiConfig::new(&self.current.get().deployment.config)
    }
}

impl Drop for State {
    /// A body that the component has not finished is cut. As it is dropped with the table it would seem to be whole.
    fn drop(&mut self) {
        for entry in self.table.iter_mut() {
            if let Some(body) = entry.downcast_mut::<HostOutgoingBody>() {
                let (ended, _) = HostOutgoingBody::new(StreamContext::Response, None, 1, 1);
                std::mem::replace(body, ended).abort();
            }
        }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.current, table: &mut self.table, ctx: &mut self.http }
    }
}
