//! The instances of one deployment: fresh ones, and idle ones that wait for another invocation.
//!
//! An instance serves one invocation at a time. It is kept only after an invocation that came to its own end, so one that
//! trapped, ran into a limit, was cut or gave no answer is never met again.

use std::any::Any;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use componentd_config::{self as config, Isolation, Limits};
use wasmtime::{Engine, PoolConcurrencyLimitError, Store, component};

use crate::cpu_meter::CpuMeter;
use crate::entry_point::Exports;
use crate::loader::Version;
use crate::metrics::Metrics;
use crate::output::Output;
use crate::scope::Scope;
use crate::share::{Share, Shares};
use crate::state::{Common, State};

/// What the deployments of a host draw their instances from.
#[derive(Clone)]
pub struct Pool(Arc<Shared>);

struct Shared {
    engine: Engine,
    common: Common,
    /// How many instances of all deployments are idle.
    idle: AtomicUsize,
    /// Idle ones must not take the places of all that are needed.
    max_idle: usize,
    deployments: Mutex<Vec<Weak<Idle>>>,
    shares: Shares,
}

impl Pool {
    /// A pool for an engine that can have `instances` of these settings, half of which may be idle.
    pub fn new(engine: Engine, settings: &config::HostSettings, common: Common) -> Self {
        let max_idle = (settings.instances / 2) as usize;
        let (idle, deployments, shares) = (AtomicUsize::new(0), Mutex::default(), Shares::new(settings.long_turn.0));
        Self(Arc::new(Shared { engine, common, idle, max_idle, deployments, shares }))
    }

    /// What a service of this host gets of the processor.
    pub(crate) fn share(&self, service: &str, metrics: &Metrics) -> Arc<Share> {
        self.0.shares.of(service, metrics)
    }

    /// Counts one more idle instance, if there may be one.
    fn has_room(&self) -> bool {
        let one_more = |idle| (idle < self.0.max_idle).then_some(idle + 1);
        self.0.idle.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }

    fn left(&self, count: usize) {
        self.0.idle.fetch_sub(count, Ordering::Relaxed);
    }

    /// Room for the idle instances of another deployment.
    fn register(&self) -> Arc<Idle> {
        let idle = Arc::default();
        let mut deployments = lock(&self.0.deployments);
        deployments.retain(|deployment| deployment.strong_count() > 0);
        deployments.push(Arc::downgrade(&idle));
        idle
    }

    /// Ends an idle instance of any deployment, if there is one.
    fn end_one(&self) -> bool {
        let deployments: Vec<_> = lock(&self.0.deployments).iter().filter_map(Weak::upgrade).collect();
        let ended = deployments.iter().find_map(|idle| lock(idle).pop());
        self.left(usize::from(ended.is_some()));
        ended.is_some()
    }
}

/// The idle instances of one deployment; the one that was used last is at the end. An instance goes through many hands, each of
/// which would move all of it.
type Idle = Mutex<Vec<Box<Instance>>>;

/// A store with a component in it.
pub struct Instance {
    /// What the instance lives in: its memory, and what it owns in the host.
    pub store: Store<State>,
    /// The processor time of the invocation that it is at.
    pub meter: Arc<CpuMeter>,
    /// The component in it, and what its trigger calls there.
    component: Option<(component::Instance, Exports)>,
    /// Bindings of programs that embed the host, each of a type of its own.
    loaded: Vec<Box<dyn Any + Send>>,
    served: u32,
    idle_since: Instant,
}

/// What an instance shares with whoever waits for its call, which keeps it when the instance has ended.
pub struct Watched {
    /// The processor time of the call.
    pub meter: Arc<CpuMeter>,
    /// What the component wrote to stdout and stderr, for the message of a panic.
    pub output: Output,
}

impl Instance {
    fn new(Shared { engine, common, .. }: &Shared, limits: &Limits, env: &[(String, String)]) -> Self {
        let meter = Arc::new(CpuMeter::new(limits.cpu.0));
        let mut store = Store::new(engine, State::new(limits, env, common.clone()));
        store.limiter(|state| &mut state.memory);
        store.set_hostcall_fuel(limits.transfer.0);
        store.set_max_component_handles(limits.handles as usize);
        let on_tick = meter.clone();
        store.epoch_deadline_callback(move |_| on_tick.on_tick());
        Self { store, meter, component: None, loaded: Vec::new(), served: 0, idle_since: Instant::now() }
    }

    fn begin(&mut self, scope: Scope) {
        self.meter.start();
        self.store.set_epoch_deadline(1);
        self.store.data_mut().begin(scope);
    }

    async fn instantiate(&mut self, version: &Version) -> wasmtime::Result<()> {
        if self.component.is_some() {
            return Ok(());
        }
        // Boxed, so that those who need none of this do not carry its size around.
        let instance = Box::pin(version.linked.instantiate_async(&mut self.store)).await?;
        let exports = (version.entry)(&mut self.store, &instance)?;
        self.component = Some((instance, exports));
        Ok(())
    }

    /// What is known of a call from outside of it.
    pub fn watched(&self) -> Watched {
        Watched { meter: self.meter.clone(), output: self.store.data().output.clone() }
    }

    /// What the entry of its version has found, for the trigger that made this entry.
    pub fn exports<T: 'static>(&mut self) -> (&mut Store<State>, &T) {
        let (_, exports) = self.component.as_ref().expect("it is instantiated before it is called");
        (&mut self.store, exports.downcast_ref().expect("a version is called by the trigger that made its entry"))
    }

    /// The component in it.
    pub fn component(&mut self) -> (&mut Store<State>, component::Instance) {
        let (component, _) = self.component.as_ref().expect("it is instantiated before it is called");
        (&mut self.store, *component)
    }

    /// What `load` takes from the component, or has taken at an earlier invocation.
    ///
    /// # Errors
    /// Those of `load`.
    pub fn loaded<T: Send + 'static>(
        &mut self,
        load: impl FnOnce(&mut Store<State>, &component::Instance) -> wasmtime::Result<T>,
    ) -> wasmtime::Result<(&mut Store<State>, &T)> {
        let at = match self.loaded.iter().position(|loaded| loaded.is::<T>()) {
            Some(at) => at,
            None => {
                let (store, component) = self.component();
                let loaded = load(store, &component)?;
                self.loaded.push(Box::new(loaded));
                self.loaded.len() - 1
            }
        };
        Ok((&mut self.store, self.loaded[at].downcast_ref().expect("its type was looked for")))
    }
}

/// The instances of one deployment.
pub struct Instances {
    pool: Pool,
    limits: Limits,
    isolation: Isolation,
    env: Vec<(String, String)>,
    idle: Arc<Idle>,
}

impl Instances {
    /// None yet: each is made when it is first needed, after the isolation, limits and environment of `spec`.
    pub fn new(pool: Pool, spec: &config::Service) -> Self {
        let env = (*spec.env).clone().into_iter().collect();
        Self { idle: pool.register(), pool, limits: spec.limits, isolation: spec.isolation, env }
    }

    /// What they are drawn from, with those of all other deployments.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// An instance for this invocation: the one that was used last, whose memory is still in the caches, or a new one.
    pub fn take(&self, scope: Scope) -> Box<Instance> {
        let idle = lock(&self.idle).pop().inspect(|_| self.pool.left(1));
        let mut instance = idle.unwrap_or_else(|| Box::new(Instance::new(&self.pool.0, &self.limits, &self.env)));
        instance.begin(scope);
        instance
    }

    /// Runs the component's own start, unless that was done before. Where the host has no place left, an idle instance gives
    /// its own, whichever service it is of.
    ///
    /// # Errors
    /// It traps, runs into a limit, or all instances of the host are at work.
    pub async fn instantiate(&self, instance: &mut Instance, version: &Version) -> wasmtime::Result<()> {
        loop {
            match instance.instantiate(version).await {
                Err(full) if full.is::<PoolConcurrencyLimitError>() && self.pool.end_one() => {}
                done => return done,
            }
        }
    }

    /// An instance whose invocation has come to its end, if it may serve another; else it ends here.
    pub fn reusable(&self, mut instance: Box<Instance>) -> Option<Box<Instance>> {
        instance.served += 1;
        let may_serve = self.isolation == Isolation::Reuse
            && instance.served < self.limits.reuse
            && instance.store.data_mut().may_serve_another();
        may_serve.then_some(instance)
    }

    /// Keeps it for another invocation, if there is room. Not before the future that ran it has ended: that is still counting
    /// with its meter.
    pub fn keep(&self, reusable: Option<Box<Instance>>) {
        let Some(mut instance) = reusable else { return };
        if self.pool.has_room() {
            instance.store.data_mut().end();
            instance.idle_since = Instant::now();
            lock(&self.idle).push(instance);
        }
    }

    /// Ends those that have been idle for longer.
    pub fn sweep(&self, longest: Duration) {
        let mut idle = lock(&self.idle);
        // Those that were used last are at the end.
        let ended = idle.iter().take_while(|instance| instance.idle_since.elapsed() > longest).count();
        let ended: Vec<_> = idle.drain(..ended).collect();
        drop(idle);
        self.pool.left(ended.len());
    }
}

impl Drop for Instances {
    fn drop(&mut self) {
        // Taken out, so that nobody ends, and counts, one of them too.
        let ended = std::mem::take(&mut *lock(&self.idle));
        self.pool.left(ended.len());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
