//! What a trigger calls in a component: the interface that this must export, and how it is found in an instance.

use std::any::Any;
use std::sync::Arc;

use componentd_config::Service;
use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

use crate::state::State;

/// What a trigger calls in one instance: the typed exports that its bindings have found there.
pub type Exports = Box<dyn Any + Send>;

/// Finds those exports in an instance of the component that [`EntryPoint::entry`] was given.
pub type Entry = Box<dyn Fn(&mut Store<State>, &Instance) -> wasmtime::Result<Exports> + Send + Sync>;

/// What one kind of trigger calls.
pub trait EntryPoint: Send + Sync {
    /// Its key in a service's table of the manifest, as `http`.
    fn key(&self) -> &'static str;

    /// How it is written there, for those who lack it: `http = { listen = … }`.
    fn example(&self) -> &'static str;

    /// The interface that a component exports to be called, without a version: `wasi:http/incoming-handler`. None where any
    /// will do.
    fn export(&self) -> Option<&'static str>;

    /// What makes an instance of this component callable. It runs once for each version and not for each call.
    ///
    /// # Errors
    /// The component exports the interface in another form.
    fn entry(&self, linked: &InstancePre<State>) -> wasmtime::Result<Entry>;
}

/// Those of all triggers of a host.
#[derive(Clone)]
pub struct EntryPoints(Arc<[Arc<dyn EntryPoint>]>);

impl EntryPoints {
    /// Each has a key of its own.
    pub fn new(all: impl IntoIterator<Item = Arc<dyn EntryPoint>>) -> Self {
        Self(all.into_iter().collect())
    }

    /// The one that such a service is called by.
    pub fn of(&self, service: &Service) -> &Arc<dyn EntryPoint> {
        let key = service.trigger().key();
        self.iter().find(|one| one.key() == key).expect("each trigger of a manifest has its implementation")
    }

    /// All of them, in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn EntryPoint>> {
        self.0.iter()
    }
}
