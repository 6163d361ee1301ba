//! Bindings that `wasmtime::component::bindgen!` has generated, as services are called by them.

use componentd_core::state::State;
use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

/// The typed exports of a component. What [`bindgen!`](wasmtime::component::bindgen) generates for a world is made one by
/// [`bindings!`](crate::bindings), so that a service can be called by it: [`ServiceHandle::with`](crate::ServiceHandle::with).
pub trait Bindings: Sized + Send + Sync + 'static {
    /// Where the exports of a version are. They are looked up once for each version.
    type Indices: Send + Sync + 'static;

    /// Looks them up.
    ///
    /// # Errors
    /// The component does not have one.
    fn find(component: &InstancePre<State>) -> wasmtime::Result<Self::Indices>;

    /// Takes them from one instance. That is done once for each instance.
    ///
    /// # Errors
    /// One has other types.
    fn load(indices: &Self::Indices, store: &mut Store<State>, instance: &Instance) -> wasmtime::Result<Self>;
}

/// Makes what `bindgen!` has generated for a world [`Bindings`]: `componentd::bindings!(Greeter, GreeterIndices);`
///
/// `bindgen!` needs `exports: { default: async }`, and `wasmtime_crate: componentd::wasmtime`.
#[macro_export]
macro_rules! bindings {
    ($exports:ty, $indices:ty) => {
        impl $crate::Bindings for $exports {
            type Indices = $indices;

            fn find(
                component: &$crate::wasmtime::component::InstancePre<$crate::State>,
            ) -> $crate::wasmtime::Result<$indices> {
                <$indices>::new(component)
            }

            fn load(
                indices: &$indices,
                store: &mut $crate::wasmtime::Store<$crate::State>,
                instance: &$crate::wasmtime::component::Instance,
            ) -> $crate::wasmtime::Result<Self> {
                indices.load(store, instance)
            }
        }
    };
}
