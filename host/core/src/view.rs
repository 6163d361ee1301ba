//! What one call of a capability sees.

use std::marker::PhantomData;

use wasmtime::component::{HasData, ResourceTable};

use crate::grant::Grant;
use crate::scope::Scope;
use crate::state::State;

/// The grant of the service, if it has one; the invocation; and what the instance holds.
pub struct View<'a, G> {
    /// What the service may do with the capability; none where nothing is granted.
    pub grant: Option<&'a G>,
    /// The invocation that calls.
    pub scope: &'a Scope,
    /// The resources that the instance holds.
    pub table: &'a mut ResourceTable,
}

impl State {
    /// The view of the capability whose grants are of this type.
    pub fn view<G: Grant>(&mut self) -> View<'_, G> {
        let (scope, table) = self.scope_and_table();
        View { grant: scope.grant(), scope, table }
    }
}

/// Ties views to a linker: `add_to_linker::<State, Has<G>>(linker, State::view::<G>)`.
pub struct Has<G>(PhantomData<G>);

impl<G: Grant> HasData for Has<G> {
    type Data<'a> = View<'a, G>;
}
