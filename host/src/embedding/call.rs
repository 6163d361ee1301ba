//! The call of a component by a program: of a function by its name, or by generated bindings.

use std::marker::PhantomData;
use std::sync::Arc;

use componentd_core::dispatch::Call;
use componentd_core::instances::Instance;
use componentd_core::state::State;
use futures_util::future::BoxFuture;
use wasmtime::Store;
use wasmtime::component::{ComponentExportIndex, ComponentNamedList, Lift, Lower};

use super::Bindings;

/// What the component has returned; or it has the export in another form.
type Output<R> = wasmtime::Result<R>;

/// A function that was found in the version, with its arguments.
pub(super) struct FunctionCall<P, R> {
    function: ComponentExportIndex,
    params: P,
    results: PhantomData<fn() -> R>,
}

impl<P, R> FunctionCall<P, R> {
    pub(super) fn new(function: ComponentExportIndex, params: P) -> Self {
        Self { function, params, results: PhantomData }
    }
}

impl<P, R> Call for FunctionCall<P, R>
where
    P: ComponentNamedList + Lower + 'static,
    R: ComponentNamedList + Lift + 'static,
{
    type Output = Output<R>;

    async fn call(self, instance: &mut Instance) -> wasmtime::Result<Output<R>> {
        let (store, component) = instance.component();
        let function = component.get_func(&mut *store, self.function).expect("it was found among the functions");
        match function.typed::<P, R>(&*store) {
            Ok(typed) => typed.call_async(store, self.params).await.map(Ok),
            Err(other_form) => Ok(Err(other_form)),
        }
    }
}

/// Bindings that were found in the version, and what is done with those of an instance.
pub(super) struct BindingsCall<B: Bindings, F> {
    pub(super) indices: Arc<B::Indices>,
    pub(super) work: F,
}

impl<B, R, F> Call for BindingsCall<B, F>
where
    B: Bindings,
    R: Send + 'static,
    F: for<'a> FnOnce(&'a mut Store<State>, &'a B) -> BoxFuture<'a, wasmtime::Result<R>> + Send + 'static,
{
    type Output = Output<R>;

    async fn call(self, instance: &mut Instance) -> wasmtime::Result<Output<R>> {
        let Self { indices, work } = self;
        match instance.loaded(|store, instance| B::load(&indices, store, instance)) {
            Ok((store, bindings)) => work(store, bindings).await.map(Ok),
            Err(other_form) => Ok(Err(other_form)),
        }
    }
}
