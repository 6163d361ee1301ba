//! A service, as a program that embeds the host has it.

use std::net::SocketAddr;
use std::sync::Arc;

use componentd_config::reasons::unknown;
use componentd_control::rejected::Rejected;
use componentd_control::rollback::RollbackError;
use componentd_control::supervisor::Supervisor;
use componentd_core::artifact::{Artifact, Source};
use componentd_core::deployment::{Deployment, InUse};
use componentd_core::dispatch::{self, Call};
use componentd_core::history::Entry;
use componentd_core::lookups;
use componentd_core::metrics::Outcome;
use componentd_core::registry::Service;
use componentd_core::state::State;
use futures_util::future::BoxFuture;
use http::HeaderValue;
use tracing::info_span;
use wasmtime::Store;
use wasmtime::component::{ComponentNamedList, Lift, Lower};

use super::call::{BindingsCall, FunctionCall};
use super::{Bindings, ServiceError};

/// A service of a running host: see [`Host::service`](crate::Host::service). It is for whichever service has the name, also
/// after the manifest was edited. Cheap to clone.
#[derive(Clone)]
pub struct ServiceHandle {
    supervisor: Arc<Supervisor>,
    name: Arc<str>,
}

impl ServiceHandle {
    /// # Errors
    /// There is no service of this name.
    pub(crate) fn new(supervisor: &Arc<Supervisor>, name: &str) -> Result<Self, ServiceError> {
        let handle = Self { supervisor: supervisor.clone(), name: name.into() };
        handle.service()?;
        Ok(handle)
    }

    /// Its name in the manifest.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it listens, if it does, with the port that it got where the manifest says 0.
    pub fn address(&self) -> Option<SocketAddr> {
        self.supervisor.address(&self.name)
    }

    /// Whether it can be called: its databases are there and migrated.
    pub fn is_ready(&self) -> bool {
        self.service().is_ok_and(|service| service.is_ready())
    }

    /// The version that is live: `sha256:` and 64 hexadecimal digits.
    ///
    /// # Errors
    /// There is no such service any more.
    pub fn version(&self) -> Result<String, ServiceError> {
        Ok(self.service()?.live().version.digest().full())
    }

    /// What was swapped, when, by what, and what came of it; oldest first, at most the last 100.
    ///
    /// # Errors
    /// There is no such service any more.
    pub fn history(&self) -> Result<Vec<Entry>, ServiceError> {
        Ok(self.service()?.history.entries())
    }

    /// Calls a function of an interface that the component exports, by its names in WIT; the version of the interface may be
    /// left out, and an empty interface is the component itself. Parameters and results are tuples of Rust types that
    /// correspond to those in WIT.
    ///
    /// It is an invocation like a request: with the limits of the service, its place in the queue, its deadline (which does not
    /// count the time in the queue), and in the measurements. A canary gets its share. A call whose future is dropped ends
    /// there.
    ///
    /// ```no_run
    /// # async fn run(host: componentd::Host) -> Result<(), componentd::ServiceError> {
    /// let greeter = host.service("greeter")?;
    /// let (greeting,): (String,) = greeter.call("acme:greeter/api", "greet", ("Ann",)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// There is no result. A version that lacks the export, or has it in another form, counts as one that fails, and is rolled
    /// back like any other while it is watched.
    pub async fn call<P, R>(&self, interface: &str, function: &str, params: P) -> Result<R, ServiceError>
    where
        P: ComponentNamedList + Lower + 'static,
        R: ComponentNamedList + Lift + 'static,
    {
        let deployment = self.pick()?;
        let version = &deployment.version;
        let export = || [interface, function].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("#");
        let Some(found) = version.lookups.function(version.linked.component(), interface, function) else {
            deployment.outcomes.note(Outcome::Error);
            let (service, version) = (self.name.to_string(), deployment.version.digest().to_string());
            let exports = lookups::exports(deployment.version.linked.component(), interface);
            return Err(ServiceError::NoExport { service, version, wanted: export(), exports });
        };
        self.invoke(&deployment, function, FunctionCall::new(found, params), export).await
    }

    /// Does something with the typed exports of an instance, as [`bindgen!`](wasmtime::component::bindgen) generates them; see
    /// [`bindings!`](crate::bindings). It is one invocation, whatever is called within, and else as [`ServiceHandle::call`].
    ///
    /// ```no_run
    /// # async fn run(host: componentd::Host) -> Result<(), componentd::ServiceError> {
    /// mod greeter {
    ///     componentd::wasmtime::component::bindgen!({
    ///         inline: "package acme:greeter; world greeter { export greet: func(name: string) -> string; }",
    ///         exports: { default: async },
    ///         wasmtime_crate: componentd::wasmtime,
    ///     });
    ///     componentd::bindings!(Greeter, GreeterIndices);
    /// }
    ///
    /// let service = host.service("greeter")?;
    /// let greeting: String = service
    ///     .with(|store, greeter: &greeter::Greeter| Box::pin(greeter.call_greet(store, "Ann")))
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`ServiceHandle::call`].
    pub async fn with<B, R, F>(&self, work: F) -> Result<R, ServiceError>
    where
        B: Bindings,
        R: Send + 'static,
        F: for<'a> FnOnce(&'a mut Store<State>, &'a B) -> BoxFuture<'a, wasmtime::Result<R>> + Send + 'static,
    {
        let deployment = self.pick()?;
        let version = &deployment.version;
        let bindings = || std::any::type_name::<B>().to_owned();
        match version.lookups.bindings(&version.linked, B::find) {
            Ok(indices) => self.invoke(&deployment, "bindings", BindingsCall { indices, work }, bindings).await,
            Err(error) => {
                deployment.outcomes.note(Outcome::Error);
                Err(self.other_form(&deployment, bindings(), &error))
            }
        }
    }

    /// Brings another component to life behind the service, as an upload to the admin port does: it is checked, compiled,
    /// migrated, probed and tried as a canary before it is live. Returns its version once it is live. Once it is compiled, a swap goes
    /// on to its end also when this future is dropped; before that, it is given up.
    ///
    /// # Errors
    /// The step that refused it, and why. The service runs on as it was.
    pub async fn swap(&self, component: impl Into<Arc<[u8]>>) -> Result<String, Rejected> {
        let artifact = Artifact::new(component, Source::Program);
        self.supervisor.swap_to_the_end(&self.name, artifact).await.map(|digest| digest.full())
    }

    /// Goes back to a version that the state folder keeps: the one whose digest begins with these digits, or the one that was
    /// live before the present one.
    ///
    /// # Errors
    /// There is none such, or several; or a step refused it. The service runs on as it was.
    pub async fn rollback(&self, to: Option<&str>) -> Result<String, RollbackError> {
        let service = self.service().map_err(|_| Rejected::NoService(self.name.to_string()))?;
        let artifact = self.supervisor.kept(&service, to)?;
        Ok(self.supervisor.swap_to_the_end(&self.name, artifact).await?.full())
    }

    fn service(&self) -> Result<Arc<Service>, ServiceError> {
        self.supervisor.swapper.services.find(&self.name).ok_or_else(|| {
            let services = self.supervisor.services();
            let names: Vec<&str> = services.iter().map(|service| service.name.as_str()).collect();
            ServiceError::NoService(unknown("service", &self.name, &names))
        })
    }

    /// The deployment that answers.
    fn pick(&self) -> Result<InUse, ServiceError> {
        if self.supervisor.stopping.is_cancelled() {
            return Err(ServiceError::Stopping);
        }
        let service = self.service()?;
        if !service.is_ready() {
            let reason = service.waits_for().unwrap_or_else(|| "it waits for its databases".to_owned());
            return Err(ServiceError::NotReady { service: self.name.to_string(), reason });
        }
        Ok(service.pick_in_turn())
    }

    async fn invoke<R: Send, C: Call<Output = wasmtime::Result<R>>>(
        &self,
        deployment: &Arc<Deployment>,
        function: &str,
        call: C,
        export: impl FnOnce() -> String,
    ) -> Result<R, ServiceError> {
        let id = uuid::Uuid::now_v7().to_string();
        let version = deployment.version.digest();
        let span = info_span!("call", service = &*self.name, %version, function, request_id = id);
        let id = HeaderValue::from_str(&id).expect("a UUID is ASCII");
        let outcome = |output: &wasmtime::Result<R>| if output.is_ok() { Outcome::Ok } else { Outcome::Error };
        let invoked = dispatch::invoke_if_room(deployment, id, span, call, outcome).await;
        let output = invoked.result.map_err(|error| ServiceError::of(&error, deployment))?;
        output.map_err(|error| self.other_form(deployment, export(), &error))
    }

    fn other_form(&self, deployment: &Deployment, export: String, error: &wasmtime::Error) -> ServiceError {
        let (service, version) = (self.name.to_string(), deployment.version.digest().to_string());
        ServiceError::OtherForm { service, version, export, reason: format!("{error:#}") }
    }
}
