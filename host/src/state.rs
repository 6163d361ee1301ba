//! The data of one instance's store: what the invocation may use, and the views of it that capabilities get.

use std::sync::Arc;

use tracing::Span;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_config::WasiConfig;
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::capability::away::BackendAway;
use crate::capability::http_out::Hooks;
use crate::capability::{kafka, logging, postgres, redis};
use crate::deployment::Deployment;
use crate::limits::MemoryLimiter;

/// Everything that one invocation owns in the host. Dropped with its store, also after a trap: open transactions are then
/// rolled back, requests under way are cancelled.
pub struct State {
    deployment: Arc<Deployment>,
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Hooks,
    span: Span,
    pub away: BackendAway,
    pub memory: MemoryLimiter,
}

impl State {
    pub fn new(deployment: Arc<Deployment>, span: Span) -> Self {
        let mut wasi = WasiCtx::builder();
        wasi.stdout(logging::Lines::new("stdout", span.clone()));
        wasi.stderr(logging::Lines::new("stderr", span.clone()));
        wasi.allow_tcp(false).allow_udp(false);
        let away = BackendAway::default();
        let (clients, grants) = (deployment.clients.http.clone(), deployment.http_grants.clone());
        Self {
            table: ResourceTable::new(),
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            hooks: Hooks { clients, grants, away: away.clone() },
            memory: MemoryLimiter::new(&deployment.spec.limits),
            deployment,
            away,
            span,
        }
    }

    pub fn postgres(&mut self) -> postgres::View<'_> {
        let Deployment { databases, spec, .. } = &*self.deployment;
        postgres::View { databases, table: &mut self.table, kafka: spec.grants.kafka.as_ref(), away: &self.away }
    }

    pub fn redis(&mut self) -> redis::View<'_> {
        let Deployment { clients, spec, .. } = &*self.deployment;
        let (redis, grant) = (clients.redis.as_ref(), spec.grants.redis.as_ref());
        redis::View { redis, grant, limits: &spec.limits, away: &self.away }
    }

    pub fn kafka(&mut self) -> kafka::View<'_> {
        let Deployment { clients, spec, .. } = &*self.deployment;
        let (producer, grant) = (clients.producer.as_ref(), spec.grants.kafka.as_ref());
        kafka::View { producer, grant, limits: &spec.limits, away: &self.away }
    }

    pub fn logging(&mut self) -> logging::View<'_> {
        logging::View { span: &self.span }
    }

    pub fn config(&mut self) -> WasiConfig<'_> {
        WasiConfig::new(&self.deployment.config)
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.hooks, table: &mut self.table, ctx: &mut self.http }
    }
}
