//! The data of one instance's store: what the instance owns in the host, what the invocation that it is at may use, and the
//! views of both that capabilities get.

use std::any::TypeId;
use std::sync::Arc;

use componentd_config::Limits;
use http::header::HeaderName;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::body::{HostOutgoingBody, StreamContext};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

use crate::limits::MemoryLimiter;
use crate::outgoing::Outgoing;
use crate::output::{Lines, Output};
use crate::scope::Scope;

/// Parts of a body that wait between a component and its reader, and the size of each: 1 MiB at the most.
const BUFFERED_PARTS: usize = 8;
const LARGEST_PART: usize = 128 << 10;

/// Names and values of the fields of one head that a component makes, in bytes: more than servers and proxies take.
const MAX_FIELDS: usize = 32 << 10;

/// What all instances of a host have in common.
#[derive(Clone, Default)]
pub struct Common {
    /// The types of resources that may outlast an invocation.
    pub lasting: Arc<[TypeId]>,
    /// What sends the requests of components; without it all are denied.
    pub outgoing: Option<Arc<dyn Outgoing>>,
}

/// The invocation that an instance is at. Between two there is none, so an idle instance keeps no grants alive.
pub struct Current {
    scope: Option<Scope>,
    outgoing: Option<Arc<dyn Outgoing>>,
}

impl Current {
    fn get(&self) -> &Scope {
        self.scope.as_ref().expect("a component runs, and calls the host, only within an invocation")
    }
}

/// Everything that one instance owns in the host. Dropped with its store, also after a trap: open transactions are then
/// rolled back, requests under way are cancelled.
pub struct State {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    current: Current,
    /// Where stdout and stderr of the component go.
    pub output: Output,
    /// What bounds its linear memory and tables.
    pub memory: MemoryLimiter,
    /// The types of resources that may outlast an invocation.
    lasting: Arc<[TypeId]>,
}

impl State {
    /// The state of a new instance, which is at no invocation yet. `env` is all of its environment: it has no arguments,
    /// no files and no sockets.
    pub fn new(limits: &Limits, env: &[(String, String)], common: Common) -> Self {
        let output = Output::default();
        let mut wasi = WasiCtx::builder();
        wasi.stdout(Lines::new("stdout", output.clone()));
        wasi.stderr(Lines::new("stderr", output.clone()));
        wasi.envs(env);
        wasi.allow_tcp(false).allow_udp(false);
        let (mut table, mut http) = (ResourceTable::new(), WasiHttpCtx::new());
        table.set_max_capacity(limits.handles as usize);
        http.set_field_size_limit(MAX_FIELDS);
        Self {
            table,
            wasi: wasi.build(),
            http,
            current: Current { scope: None, outgoing: common.outgoing },
            output,
            memory: MemoryLimiter::new(limits),
            lasting: common.lasting,
        }
    }

    /// Begins an invocation: what the component asks for and writes is its own from now on.
    pub fn begin(&mut self, scope: Scope) {
        self.output.belongs_to(Some(&scope));
        self.current.scope = Some(scope);
    }

    /// The invocation that it is at.
    pub fn scope(&self) -> &Scope {
        self.current.get()
    }

    /// The invocation that it is at, and the resources that the instance holds.
    pub fn scope_and_table(&mut self) -> (&Scope, &mut ResourceTable) {
        (self.current.get(), &mut self.table)
    }

    /// Whether the instance may serve another invocation: all that it still holds may last and is not much, and it has memory
    /// left. What lasts and becomes more with each invocation would be missing to the last of them.
    pub fn may_serve_another(&mut self) -> bool {
        let Self { table, lasting, memory, .. } = self;
        let (most, mut held) = (table.max_capacity() / 2, 0);
        let may_last = table.iter_mut().all(|entry| {
            held += 1;
            held <= most && lasting.contains(&(*entry).type_id())
        });
        may_last && !memory.is_short()
    }

    /// Ends the invocation: its grants are let go, and the instance is idle.
    pub fn end(&mut self) {
        self.current.scope = None;
        self.output.belongs_to(None);
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

type Sent = (http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

/// What `wasi:http` asks of an invocation.
impl WasiHttpHooks for Current {
    /// What is forbidden by default. The default itself allocates at each call, which is one for each header.
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        wasmtime_wasi_http::DEFAULT_FORBIDDEN_HEADERS.contains(name)
    }

    /// A component that writes its body in a few parts is done with it, and with the invocation, before the client has read
    /// any of it.
    fn p2_outgoing_body_buffer_chunks(&mut self) -> usize {
        BUFFERED_PARTS
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        LARGEST_PART
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _body_result: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        let Some(outgoing) = &self.outgoing else { return Box::new(std::future::ready(Err(Error::HttpRequestDenied))) };
        let sending = outgoing.send(self.get(), request, options.unwrap_or_default());
        Box::new(async move {
            let finished: Box<dyn Future<Output = _> + Send> = Box::new(std::future::ready(Ok(())));
            Ok((sending.await?, finished))
        })
    }
}
